"""What a machine gives to every login (/etc/environment) does not come between kubeup and its own API server."""

from __future__ import annotations

import pytest

from kubeup.model.cluster import Proxy
from kubeup.model.resources import Binary
from kubeup.node.wire import payload
from kubeup.node.wire.remote_commands import Kind
from kubeup.plan.steps import NodePlan
from kubeup.release.artifacts import Download
from tests.support.sandbox import Sandbox

PROXY = "http://proxy.example:3128"
PROXIES = {"HTTPS_PROXY": PROXY, "http_proxy": PROXY, "no_proxy": "10.0.0.0/8", "ALL_PROXY": PROXY}


class Proxied(Sandbox):
    def environment(self) -> dict[str, str]:
        return {**super().environment(), **PROXIES}


@pytest.fixture
def proxied(sandbox: Sandbox) -> Proxied:
    return Proxied(sandbox.root, sandbox.shell)


@pytest.mark.parametrize("kind", [Kind.PROBE, Kind.SHELL])
def test_no_proxy_of_the_machine_s_stands_before_what_kubeup_asks(proxied: Proxied, kind: Kind) -> None:
    told = proxied.send(kind, b"env | grep -i _proxy; echo asked\n").stdout.decode()
    assert told.splitlines()[-1] == "asked"
    assert PROXY not in told


def downloaded_with(node: Sandbox, proxy: Proxy) -> list[str]:
    """What a download sees of proxies."""
    node.write(
        "bin/curl", '#!/bin/sh\nenv | grep -i _proxy= | sort >"$KUBEUP_ROOT/seen"\necho "$*" >&2\nexit 7\n', 0o755
    )
    sha = "ab" * 32
    plan = NodePlan("sandbox", 0, (Binary("kubelet", "1.37.2", sha, 5),))
    download = Download("https://dl.example/kubelet", sha)
    notes = node.carry_out(payload.download_payload(plan, 0, 1, "ann@laptop", {sha: download}, proxy))
    assert any(note.startswith(f"note\tmissing\t{sha}") for note in notes), notes
    assert "s3cret" not in "".join(notes)
    return node.read("seen").splitlines()


def test_downloads_go_by_the_machine_s_own_proxy(proxied: Proxied) -> None:
    seen = downloaded_with(proxied, Proxy())
    assert seen == [f"http_proxy={PROXY}", f"https_proxy={PROXY}", "no_proxy=10.0.0.0/8"]


def test_the_profile_s_proxy_comes_before_the_machine_s_and_its_password_is_told_to_nobody(proxied: Proxied) -> None:
    other = "http://ann:s3cret@other.example:3128"
    seen = downloaded_with(proxied, Proxy(other, "", ("192.168.0.0/16", ".lan")))
    assert seen == [f"http_proxy={other}", f"https_proxy={other}", "no_proxy=192.168.0.0/16,.lan"]


def test_a_machine_without_a_proxy_takes_the_profile_s(sandbox: Sandbox) -> None:
    other = "http://other.example:3128"
    assert f"https_proxy={other}" in downloaded_with(sandbox, Proxy(other, other))
