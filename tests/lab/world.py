"""The world (tests/world) in a lab's own network: at its gateway, which the nodes ask for names already."""

from __future__ import annotations

import ipaddress
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from kubeup.lab import life, model, network, state
from kubeup.model.errors import LabError
from kubeup.sources.cache import cache_root
from tests.lab.conftest import PREFIX, README_LETTER, SUBNETS, Cluster, bare, kubelet
from tests.world.server import Log, Request

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text()
THEIRS = "192.168.0.0/24"
MIB = 1 << 20
TRUST = "cat >/usr/local/share/ca-certificates/world.crt <<'PEM'\n{}PEM\nupdate-ca-certificates 2>&1"
# This machine's own names, authorities and ssh configuration stay as they are: only the command sees others.
AS_OPERATOR = (
    "for path in resolv.conf ssl/certs ssh/ssh_config; do "
    '[ ! -e "$0/$path" ] || mount --bind "$0/$path" "/etc/$path" || exit; done; exec "$@"'
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
        certificates = etc / "ssl/certs"
        certificates.mkdir(parents=True, exist_ok=True)
        (etc / "resolv.conf").write_text(f"nameserver {self.gateway}\n")
        for name in ("world.pem", "ca-certificates.crt"):
            (certificates / name).write_text(self.authority)
        subprocess.run(["openssl", "rehash", certificates], check=True, stderr=subprocess.DEVNULL)
        somebody_new(self.cluster, etc, ssh_config)
        self.cluster.extra.update({**NO_PROXY, "GITHUB_TOKEN": ""})

    def is_out_of_the_nodes_reach(self) -> AbstractContextManager[None]:
        """The operator alone reaches it; nodes hear so at once, as where a name server does not serve them."""
        return self._refuses(f"ip saddr {{ {', '.join(self.cluster.addresses)} }}")

    def is_reached_only_by(self, port: int) -> AbstractContextManager[None]:
        """Neither names nor sites, for nobody, but what is at a port."""
        return self._refuses(f"iif != lo meta l4proto {{ tcp, udp }} th dport != {port}")

    @contextmanager
    def _refuses(self, what: str) -> Iterator[None]:
        """what: packets, as a rule of nft has it."""
        command = ["ip", "netns", "exec", f"kubeup-{self.cluster.name}", "nft"]
        table = "add table ip world; add chain ip world in { type filter hook input priority 0; }; "
        subprocess.run([*command, f"{table}add rule ip world in {what} reject"], check=True)
        try:
            yield
        finally:
            subprocess.run([*command, "delete", "table", "ip", "world"], check=True)


def somebody_new(cluster: Cluster, etc: Path, ssh_config: str = "") -> None:
    """kubeup runs with an empty cache, and an ssh configuration by which the nodes are reached. etc: with what else
    stands in the place of this machine's files of /etc; ssh_config: else the lab's own."""
    (etc / "ssh").mkdir(parents=True, exist_ok=True)
    (etc / "ssh/ssh_config").write_text(ssh_config or life.ssh_config(cluster.name).read_text())
    cluster.within = ("unshare", "--mount", "--propagation", "private", "sh", "-c", AS_OPERATOR, str(etc))
    cluster.extra.update({"KUBEUP_CACHE": str(cluster.home / "cache"), "HOME": str(cluster.home)})


@contextmanager
def around(cluster: Cluster, folder: Path) -> Iterator[World]:
    """The world in a lab's network, until the end. folder: for what it packs, and its log."""
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
            ["ip", "netns", "exec", found.netns, *program],
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


@contextmanager
def readme_machines(home: Path, more: int = 0, like: str = "debian") -> Iterator[Cluster]:
    """The README's own profile and its two machines, bare. more: further ones, that it does not name.

    They are 192.168.0.13 and .14, as it says; where that network is in use here, it is said, and another one taken.
    """
    (profile,) = (text for text in re.findall(r"```yaml\n(.*?)```", README, re.DOTALL) if "flannel_net" in text)
    lab = model.Lab(f"{PREFIX}{README_LETTER}", ipaddress.IPv4Network(THEIRS), 2 + more, like)
    try:
        network.refuse_conflicts(lab)
    except LabError as error:
        lab = replace(lab, subnet=ipaddress.IPv4Network(SUBNETS["debian"]))
        profile = profile.replace(THEIRS[:-4], SUBNETS["debian"][:-4])
        warnings.warn(f"the README's machines are in {lab.subnet} here: {'; '.join(error.evidence)}", stacklevel=1)
    profile = profile.replace("root@", f"{lab.user}@")
    with bare(lab, home) as found:
        assert all(f"{lab.user}@{address}" in profile for address in found.addresses[:2])
        (home / "profile.yaml").write_text(f"{profile}kubelet: {kubelet()}\n")
        yield found


def first_up(cluster: Cluster, title: str) -> dict[str, int]:
    """``kubeup up`` out of an empty cache; what the operator sent to each node, images aside, which come over SSH."""
    begin = time.monotonic()
    done = cluster.json("up")
    took = time.monotonic() - begin
    health, nodes = done["health"], done["nodes"]
    assert isinstance(health, dict)
    assert isinstance(nodes, list)
    assert health["healthy"] is True, health
    cache = Path(cluster.extra["KUBEUP_CACHE"]) / "release"
    images = sum(
        path.stat().st_size for name in ("pause", "image_coredns") for path in cache.glob(f"{name}/*/*/{name}")
    )
    assert images > 0
    sent = {str(node["name"]): int(node["bytes"]) - images for node in nodes}
    told = ", ".join(f"{name} {size / MIB:.2f} MiB" for name, size in sent.items())
    print(f"\n{title}: up {took:.1f} s; the operator sent {told}, and {images / MIB:.0f} MiB of images to each")
    print(f"of which: {done['seconds']}")
    return sent


def second_plan_is_empty(cluster: Cluster) -> None:
    planned = cluster.kubeup("plan")
    assert planned.returncode == 0, planned.stdout + planned.stderr
    assert "Nothing to do" in planned.stdout, planned.stdout
