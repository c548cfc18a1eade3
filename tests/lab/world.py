"""The world (tests/world) in a lab's own network: at its gateway, which the nodes ask for names already."""

from __future__ import annotations

import ipaddress
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from kubeup.lab import life, state
from kubeup.sources.cache import cache_root
from tests.lab.conftest import Cluster
from tests.world.server import Log, Request

CHECKOUT = Path(__file__).parents[2]
TRUST = "cat >/usr/local/share/ca-certificates/world.crt <<'PEM'\n{}PEM\nupdate-ca-certificates 2>&1"
# This machine's own names, authorities and ssh configuration stay as they are: only the command sees others.
AS_OPERATOR = (
    'mount --bind "$0/resolv.conf" /etc/resolv.conf && mount --bind "$0/certs" /etc/ssl/certs && '
    'mount --bind "$0/ssh_config" /etc/ssh/ssh_config && exec "$@"'
)
NO_PROXY = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "no_proxy", "NO_PROXY"), "")


@dataclass(frozen=True)
class World:
    """folder: its own, with all that is packed. gateway: where it is, as the nodes see it."""

    folder: Path
    cluster: Cluster
    gateway: str

    @property
    def authority(self) -> str:
        return (self.folder / "authority.pem").read_text()

    def requests(self) -> list[Request]:
        return Log(self.folder / "log").requests()

    def asked_by_nodes(self) -> list[Request]:
        return [one for one in self.requests() if one.client in self.cluster.addresses]

    def is_trusted_by(self, *nodes: str) -> None:
        for node in nodes:
            said = self.cluster.feed(node, TRUST.format(self.authority))
            assert "1 added" in said, said

    def is_all_the_operator_has(self, ssh_config: str = "") -> None:
        """From now on kubeup runs as on the machine of somebody new: no cache, and the world's names and authority."""
        etc = self.folder / "etc"
        (etc / "certs").mkdir(parents=True)
        (etc / "resolv.conf").write_text(f"nameserver {self.gateway}\n")
        (etc / "ssh_config").write_text(ssh_config or life.ssh_config(self.cluster.name).read_text())
        for name in ("world.pem", "ca-certificates.crt"):
            (etc / "certs" / name).write_text(self.authority)
        subprocess.run(["openssl", "rehash", etc / "certs"], check=True, stderr=subprocess.DEVNULL)
        self.cluster.within = ("unshare", "--mount", "--propagation", "private", "sh", "-c", AS_OPERATOR, str(etc))
        own = {"KUBEUP_CACHE": str(self.cluster.home / "cache"), "HOME": str(self.cluster.home), "GITHUB_TOKEN": ""}
        self.cluster.extra.update({**NO_PROXY, **own})

    @contextmanager
    def is_out_of_the_nodes_reach(self) -> Iterator[None]:
        """The operator alone reaches it; nodes hear so at once, as where a name server does not serve them."""
        command = ["ip", "netns", "exec", f"kubeup-{self.cluster.name}", "nft"]
        nodes = ", ".join(self.cluster.addresses)
        rules = (
            "add table ip world; add chain ip world in { type filter hook input priority 0; }; "
            f"add rule ip world in ip saddr {{ {nodes} }} reject"
        )
        subprocess.run([*command, rules], check=True)
        try:
            yield
        finally:
            subprocess.run([*command, "delete", "table", "ip", "world"], check=True)


@contextmanager
def around(cluster: Cluster, folder: Path, *options: str) -> Iterator[World]:
    """The world in a lab's network, until the end. folder: may be another world's, whose packing is used then; options:
    see tests/world/__main__.py."""
    found = state.find(cluster.name)
    assert found is not None
    folder.mkdir(parents=True, exist_ok=True)
    program = [
        sys.executable,
        "-m",
        "tests.world",
        str(folder),
        "--cache",
        str(cache_root()),
        "--address",
        found.gateway,
    ]
    with (folder / "errors").open("w") as errors:
        process = subprocess.Popen(
            ["ip", "netns", "exec", found.netns, *program, *options],
            cwd=CHECKOUT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n", (folder / "errors").read_text()
        yield World(folder, cluster, found.gateway)
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def free(subnet: str) -> bool:
    """Whether nothing on this machine has an address or a route there."""
    wanted = ipaddress.IPv4Network(subnet)
    listing = subprocess.run(["ip", "-4", "route", "show", "table", "all"], capture_output=True, text=True, check=True)
    words = (word for line in listing.stdout.split("\n") for word in line.split()[:2])
    return not any(_overlaps(word, wanted) for word in words)


def _overlaps(word: str, wanted: ipaddress.IPv4Network) -> bool:
    try:
        return ipaddress.IPv4Network(word, strict=False).overlaps(wanted)
    except ValueError:
        return False
