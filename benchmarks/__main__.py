"""Figures, as ratios measured side by side in one run, on lab nodes of their own. Never fails by the clock.

    make bench

The floor of ``up``: the same bytes pushed by plain ssh and tar, the same units started by hand in the right order with
nothing but readiness waits.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import kubeadm, startup
from benchmarks.host_facts import ADMIN, HTTP, KEPT, NAME, NODES, READY, SUBNET, WAIT, bare, everywhere, ssh, timed
from kubeup.lab import life

NODE_OBJECTS = (
    r'{{range .items}}{{printf "---\napiVersion: v1\nkind: Node\nmetadata: {name: %s}\n" .metadata.name}}'
    r'{{printf "spec: {podCIDR: %s, podCIDRs: [%s]}\n" .spec.podCIDR .spec.podCIDR}}{{end}}'
)


class Bench:
    """One run; everything of it in a folder that goes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.peak = 0.0
        # Users' Python keeps what it compiled.
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        self.environment = {**inherited, "KUBECONFIG": str(home / "kubeconfig"), "XDG_STATE_HOME": str(home)}
        self.profile()

    def profile(self, kubelet: str = "failCgroupV1: false") -> None:
        addresses = ", ".join(f"root@{SUBNET.network_address + number}" for number in (13, 14))
        (self.home / "profile.yaml").write_text(
            f"name: {NAME}\nlab: {NAME}\nnodes: [{addresses}]\nroles: ai i\nruntime: containerd\n"
            f"sources: [cache, go]\nkubelet: {{config: {{{kubelet}}}}}\n"
        )

    def kubeup(self, *arguments: str) -> None:
        argv = [str(Path(sys.executable).with_name("kubeup")), *arguments]
        with (self.home / "log").open("w+") as log:
            process = subprocess.Popen(argv, cwd=self.home, env=self.environment, stdout=log, stderr=log)
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.peak = max(self.peak, used.ru_maxrss / 1024)
            if process.returncode:
                log.seek(0)
                raise SystemExit(log.read())

    def keep(self) -> None:
        """What a finished `up` brought to each node, as one archive a node; and the Node objects, as a file."""
        ssh(NODES[0], f"{ADMIN} get nodes -o go-template='{NODE_OBJECTS}' >/etc/kubeup/nodes.yaml")
        for node in NODES:
            with (self.home / f"{node}.tar").open("wb") as out:
                argv = [
                    "ssh",
                    "-F",
                    str(life.ssh_config(NAME)),
                    node,
                    f"tar -cf - -C / --exclude=cni/net.d {KEPT} 2>/dev/null",
                ]
                subprocess.run(argv, stdout=out, check=False)

    def push(self, node: str) -> None:
        with (self.home / f"{node}.tar").open("rb") as archive:
            ssh(node, "tar -xf - -C / && chmod 711 /var/lib/kubeup", archive.fileno())

    def start(self) -> None:
        """By hand: the control plane until the API answers, then the nodes until they are Ready."""

        def runtime(node: str) -> None:
            ssh(
                node,
                "mkdir -p /var/lib/kubelet && systemctl daemon-reload && systemctl start --no-block kube-containerd",
            )

        everywhere(runtime)
        etcd = WAIT.format(check=HTTP.format(port=2381, path="/health"))
        api = WAIT.format(check=f"{ADMIN} get --raw /readyz")
        ctr = "/opt/kubeup/bin/ctr -a /run/kube-containerd/containerd.sock -n k8s.io"
        pause = f"for f in /var/lib/kubeup/store/*/pause; do {ctr} images import $f; done"
        ssh(
            NODES[0],
            f"mkdir -p -m 700 /var/lib/etcd; systemctl start --no-block etcd; {etcd}; "
            f"systemctl start --no-block kube-apiserver; {api}; "
            f"{ADMIN} apply --server-side -f /etc/kubeup/cluster.yaml -f /etc/kubeup/nodes.yaml; "
            "systemctl start --no-block kube-controller-manager kube-scheduler",
        )

        def node_side(node: str) -> None:
            ready = WAIT.format(check=READY.format(node=node))
            ssh(node, f"{pause}; systemctl start --no-block flannel kubelet kube-proxy; {ready}")

        everywhere(node_side)


def main() -> None:
    startup.measure()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        try:
            run(bench)
        finally:
            life.down(NAME, lambda _: None, purge=True)


def run(bench: Bench) -> None:
    from benchmarks import images

    bare()
    bench.kubeup("release", "fetch", "profile.yaml")
    first = timed(lambda: bench.kubeup("up", "--no-validate"))
    bench.keep()
    bare()
    pushed = timed(lambda: everywhere(bench.push))
    started = timed(bench.start)
    floor = pushed + started
    bare()
    second = timed(lambda: bench.kubeup("up", "--no-validate"))
    best = min(first, second)
    print(f"up on two bare nodes      {first:6.2f} s and {second:6.2f} s")
    print(f"floor by hand             {floor:6.2f} s (push {pushed:.2f}, start {started:.2f})")
    print(f"  ratio                   {best / floor:6.2f}   (goal: at most 1.5)")
    unchanged = min(timed(lambda: bench.kubeup("up", "--no-validate")) for _ in range(3))
    plain = min(timed(lambda: everywhere(lambda node: ssh(node, "true"))) for _ in range(3))
    print(f"unchanged up              {unchanged:6.2f} s")
    print(f"ssh node true, all nodes  {plain:6.2f} s   (goal: at most 3 x {plain:.2f} + 0.5 = {3 * plain + 0.5:.2f} s)")
    bench.profile("failCgroupV1: false, maxPods: 111")
    print(f"one kubelet setting       {timed(lambda: bench.kubeup('up', '--no-validate')):6.2f} s")
    throughput(bench)
    images.measure(bench)
    print(f"peak memory of a kubeup   {bench.peak:6.0f} MB  (goal: under 150 MB)")
    seconds = kubeadm.measure(bench.home)
    print(f"kubeadm init and join     {seconds:6.2f} s  (bytes on the nodes already: {pushed:.2f} s)")
    print(f"  ratio to kubeup's up    {(seconds + pushed) / best:6.2f}")


def throughput(bench: Bench) -> None:
    """Bytes to one node: kubeup's stage trip against plain ssh, on the same bytes."""
    from kubeup.model.cluster import Cluster, Network, Node, Role
    from kubeup.node.ssh.connector import Connector
    from kubeup.node.ssh.secrets import Secrets
    from kubeup.node.wire.remote_commands import Kind
    from kubeup.node.wire.transport import SshConnection

    content = os.urandom(1 << 20) * 300
    sample = bench.home / "sample"
    sample.write_bytes(content)
    node = Node("node3", frozenset({Role.WORKER}), name="node3")
    network = Network(SUBNET, SUBNET, SUBNET.network_address + 2)
    cluster = Cluster(NAME, (node,), network, ssh_config=str(life.ssh_config(NAME)))

    def ours() -> None:
        dialer = Connector(cluster, Secrets({}, lambda _: None))
        connection = SshConnection(dialer, node)
        # Read to its end on the node, as a trip that carries 300 MB; nothing is kept there.
        script = b"cat >/dev/null\n#kubeup-end\n"
        connection.call(
            Kind.SHELL, [script, *(memoryview(content)[at : at + (1 << 18)] for at in range(0, len(content), 1 << 18))]
        )
        connection.close()
        dialer.close()

    def plain() -> None:
        with sample.open("rb") as file:
            ssh("node3", "cat >/dev/null", file.fileno())

    ratios = []
    for _ in range(3):
        mine, theirs = timed(ours), timed(plain)
        ratios.append(theirs / mine)
    print(f"push of 315 MB, plain ssh's time / kubeup's: {sorted(ratios)[1]:.2f} (median of 3; goal: at least 0.8)")


if __name__ == "__main__":
    main()
