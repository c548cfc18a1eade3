"""Certificates: made, judged and used."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kubeup.pki import issue, specs
from kubeup.pki.kubeconfig import Access
from tests.support.plans import two_nodes

NOW = datetime.datetime.now(datetime.timezone.utc)


AUTHORITY = issue.authority(specs.CERTIFICATE_AUTHORITIES[0], NOW)


SPECS = {spec.path.rpartition("/")[2]: spec for spec in specs.specs_for(two_nodes(), two_nodes().nodes[0])}


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
    assert "key" not in repr(Access("https://10.0.0.1:6443", b"ca", b"cert", b"key"))
