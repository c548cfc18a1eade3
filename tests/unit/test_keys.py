"""Certificates and kubeconfigs."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kubeup.model.errors import KubeupError
from kubeup.pki import issue, kubeconfig, specs
from kubeup.pki.kubeconfig import Access
from tests.unit.test_plan import two_nodes

NOW = datetime.datetime.now(datetime.timezone.utc)
AUTHORITY = issue.authority(specs.CERTIFICATE_AUTHORITIES[0], NOW)
SPECS = {spec.path.rpartition("/")[2]: spec for spec in specs.specs_for(two_nodes(), two_nodes().nodes[0])}
ACCESS = Access("https://10.0.0.1:6443", b"ca", b"cert", b"key")


def test_a_minted_certificate_satisfies_its_wish() -> None:
    for spec in SPECS.values():
        pair = issue.certificate(spec, AUTHORITY, NOW)
        assert issue.satisfied(spec, pair.cert_pem, AUTHORITY.cert_pem, NOW) == ""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ip_addresses": ("10.9.9.9",)}, "it lacks the name 10.9.9.9"),
        ({"common_name": "other"}, "it is for CN=kube-apiserver"),
        ({"dns_names": ("kubernetes",)}, "it still has the name"),
        ({"client": True}, "its key usages differ"),
    ],
)
def test_a_certificate_that_does_not_do_says_why(change: dict[str, object], reason: str) -> None:
    spec = SPECS["apiserver.crt"]
    pair = issue.certificate(spec, AUTHORITY, NOW)
    assert reason in issue.satisfied(replace(spec, **change), pair.cert_pem, AUTHORITY.cert_pem, NOW)  # type: ignore[arg-type]


def test_another_authority_or_rubbish_does_not_do() -> None:
    spec = SPECS["admin.crt"]
    pair = issue.certificate(spec, AUTHORITY, NOW)
    other = issue.authority(specs.CERTIFICATE_AUTHORITIES[0], NOW)
    assert issue.satisfied(spec, pair.cert_pem, other.cert_pem, NOW) == "it was signed by another authority"
    assert issue.satisfied(spec, b"rubbish", other.cert_pem, NOW) == "it is not a certificate"
    assert (
        issue.satisfied(spec, pair.cert_pem, AUTHORITY.cert_pem, NOW + datetime.timedelta(days=400)) == "it has expired"
    )


def test_minted_pairs_make_a_real_tls_connection_with_both_sides_known(tmp_path: Path) -> None:
    server, client = (issue.certificate(SPECS[name], AUTHORITY, NOW) for name in ("apiserver.crt", "admin.crt"))
    contexts = []
    for side, pair in ((ssl.PROTOCOL_TLS_SERVER, server), (ssl.PROTOCOL_TLS_CLIENT, client)):
        (tmp_path / "pair.pem").write_bytes(pair.cert_pem + pair.key_pem)
        context = ssl.SSLContext(side)
        context.load_cert_chain(tmp_path / "pair.pem")
        context.load_verify_locations(cadata=AUTHORITY.cert_pem.decode())
        context.verify_mode = ssl.CERT_REQUIRED
        contexts.append(context)
    seen: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with contexts[0].wrap_socket(connection, server_side=True) as tls:
                seen.append(tls.getpeercert())

        thread = threading.Thread(target=serve)
        thread.start()
        with socket.create_connection(listener.getsockname()) as raw:
            contexts[1].wrap_socket(raw, server_hostname="kubernetes.default.svc").close()
        thread.join(10)
    assert "system:masters" in str(seen)


def test_keys_are_never_in_a_repr() -> None:
    assert "PRIVATE" not in repr(AUTHORITY)
    assert "key" not in repr(ACCESS)


MINE = """# my clusters
apiVersion: v1
kind: Config
current-context: work
clusters:
- name: work   # the office
  cluster: {server: "https://work:6443"}
users:
- name: me
  user: {token: abc}
contexts:
- name: work
  context: {cluster: work, user: me}
"""


def test_merge_keeps_what_is_there_and_remove_gives_it_back_byte_for_byte(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(MINE)
    merged = kubeconfig.merge(path, "demo", ACCESS)
    assert merged.backup
    assert merged.backup.read_text() == MINE
    text = path.read_text()
    assert "# the office" in text
    assert "current-context: demo" in text
    assert path.stat().st_mode & 0o777 == 0o600
    assert kubeconfig.has(path, "demo", ACCESS.server)
    assert not kubeconfig.merge(path, "demo", ACCESS).changed
    assert kubeconfig.remove(path, "demo")
    assert path.read_text() == MINE
    assert not merged.backup.exists()


def test_what_changed_meanwhile_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(MINE)
    kubeconfig.merge(path, "demo", ACCESS)
    path.write_text(path.read_text().replace("https://work:6443", "https://moved:6443"))
    kubeconfig.remove(path, "demo")
    text = path.read_text()
    assert "https://moved:6443" in text
    assert "demo" not in text
    assert "current-context: work" in text


def test_a_file_that_was_not_there_goes_again(tmp_path: Path) -> None:
    path = tmp_path / "kube" / "config"
    assert kubeconfig.merge(path, "demo", ACCESS).backup is None
    assert kubeconfig.remove(path, "demo")
    assert not path.exists()


def test_a_context_of_somebody_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text(MINE)
    with pytest.raises(KubeupError, match="did not write") as caught:
        kubeconfig.merge(path, "work", ACCESS)
    assert "kubectl config rename-context work work-other" in caught.value.fix
    assert path.read_text() == MINE


def test_a_broken_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_text("{")
    with pytest.raises(KubeupError, match="cannot be read"):
        kubeconfig.merge(path, "demo", ACCESS)
    assert path.read_text() == "{"
