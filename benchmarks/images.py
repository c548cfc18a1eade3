"""Images pushed to nodes, against plain ssh on the same bytes, turn by turn on the same nodes.

    python -m benchmarks.images [MEGABYTES]

Two lab nodes with a cluster. A push ends when the runtime has the image unpacked; two floors are shown: ``ssh node
'cat >file'``, which only carries bytes, and ``ssh node ctr images import -``, which does the same work by hand.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.__main__ import Bench
from benchmarks.host_facts import NAME, NODES, bare, everywhere, ssh, timed
from kubeup.lab import life
from tests.support import archives

ROUNDS = 3
CTR = "/opt/kubeup/bin/ctr -a /run/kube-containerd/containerd.sock -n k8s.io"


CAT = "cat >/var/lib/kubeup/plain && rm /var/lib/kubeup/plain"


@dataclass(frozen=True)
class Push:
    """whole: seconds of the command. Of its slowest node: seconds from the first byte until it is unpacked, how many
    of them were sending, bytes."""

    whole: float
    seconds: float
    sending: float
    bytes: int


def archive(bench: Bench, megabytes: int, name: str) -> Path:
    """An image of four layers that do not compress, new ones each time."""
    layers = tuple(archives.tar({f"file{one}": os.urandom(megabytes * 250_000)}) for one in range(4))
    path = bench.home / "image.tar"
    path.write_bytes(archives.docker(archives.Made(f"bench.example/{name}", layers)))
    return path


def by_ssh(path: Path, nodes: Sequence[str], command: str) -> float:
    """Seconds to carry a file to some nodes at once."""

    def one(node: str) -> None:
        with path.open("rb") as file:
            ssh(node, command, file.fileno())

    return timed(lambda: everywhere(one, nodes))


def push(bench: Bench, path: Path, profile: str) -> Push:
    whole = timed(lambda: bench.kubeup("images", "push", str(path), "--profile", profile, "-o", "json"))
    text = (bench.home / "log").read_text()
    nodes = json.loads(text[text.index("\n{") :])["nodes"]
    seconds, sending, count = (max(one[key] for one in nodes) for key in ("seconds", "sending", "bytes"))
    return Push(whole, seconds, sending, count)


def measure(bench: Bench, megabytes: int = 200) -> None:
    lines = (bench.home / "profile.yaml").read_text().split("\n")
    alone = [f"{line.partition(',')[0]}]" if line.startswith("nodes:") else line for line in lines]
    (bench.home / "one.yaml").write_text("\n".join(alone).replace("roles: ai i", "roles: ai"))
    title = f"{megabytes} MB of images, median of {ROUNDS}"
    _compare(bench, megabytes, f"{title}, to one node", NODES[:1], "one.yaml", 0)
    _compare(bench, megabytes, f"{title}, to two nodes at once", NODES, "profile.yaml", ROUNDS)


def _compare(bench: Bench, megabytes: int, title: str, nodes: Sequence[str], profile: str, begin: int) -> None:
    plain, by_hand, pushed = [], [], []
    for number in range(begin, begin + ROUNDS):
        path = archive(bench, megabytes, f"hand:{number}")
        plain.append(by_ssh(path, nodes, CAT))
        by_hand.append(by_ssh(path, nodes, f"{CTR} images import - >/dev/null"))
        path = archive(bench, megabytes, f"pushed:{number}")
        pushed.append(push(bench, path, profile))
        again = push(bench, path, profile)
    floor, hand = statistics.median(plain), statistics.median(by_hand)
    whole = statistics.median(one.whole for one in pushed)
    sending = statistics.median(one.sending for one in pushed)
    ours = statistics.median(one.seconds for one in pushed)
    rows = {
        "ssh node 'cat >file'": floor,
        "ssh node ctr images import -": hand,
        "kubeup images push, sending": sending,
        "kubeup images push, unpacked": ours,
    }
    print(f"{title}:")
    for name, seconds in rows.items():
        print(f"  {name:30} {seconds:6.2f} s  {megabytes / seconds:5.0f} MB/s a node")
    print(f"  ratio of cat to sending        {floor / sending:6.2f}    (goal for one node: at least 0.8)")
    print(f"  ratio of the import by hand    {hand / ours:6.2f}")
    print(f"  the whole command              {whole:6.2f} s; again {again.whole:.2f} s, {again.bytes} bytes of images")


def main(megabytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        try:
            bare()
            bench.kubeup("up", "--no-validate")
            measure(bench, megabytes)
        finally:
            life.down(NAME, lambda _: None, purge=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
