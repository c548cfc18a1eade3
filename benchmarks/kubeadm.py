"""The same two nodes by ``kubeadm init`` and ``kubeadm join`` over plain ssh, with the same binaries and network.

The nodes get what an ``up`` brought them (see __main__.keep), kubeadm beside it, and the control plane's images, which
are made of the same binaries. Measured is from ``init`` until both nodes are Ready; bringing the bytes is not counted.
kubeadm's own DNS and kube-proxy addons are left out, so it has less to start; flannel runs as kubeup's unit.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from benchmarks.host_facts import NODES, SUBNET, WAIT, bare, everywhere, ssh, timed
from kubeup import components
from kubeup.components.etcd import ETCD
from kubeup.images import archive_writer
from kubeup.model.cluster import Source, Versions
from kubeup.release.artifacts import ArtifactRef
from kubeup.release.catalog import kubernetes_binary
from kubeup.sources import search
from kubeup.sources.golang import machine_arch

REPOSITORY = "registry.k8s.io"
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
CTR = "/opt/kubeup/bin/ctr --address=/run/kube-containerd/containerd.sock --namespace=k8s.io"
SOCKET = "unix:///run/kube-containerd/containerd.sock"
KUBELET = """[Unit]
After=network-online.target
StartLimitIntervalSec=0
[Service]
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/bin/kubelet --bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf \\
    --kubeconfig=/etc/kubernetes/kubelet.conf --config=/var/lib/kubelet/config.yaml $KUBELET_KUBEADM_ARGS
Restart=always
RestartSec=1
[Install]
WantedBy=multi-user.target
"""
CONFIG = """apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens: [{{token: abcdef.0123456789abcdef}}]
localAPIEndpoint: {{advertiseAddress: {address}}}
nodeRegistration: {{criSocket: "{socket}", taints: [], imagePullPolicy: IfNotPresent}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: v{version}
networking: {{podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/16}}
etcd: {{local: {{imageTag: "{etcd}"}}}}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
"""
RULES = """apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: flannel}
rules: [{apiGroups: [""], resources: [nodes], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: flannel}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: flannel}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:nodes"}]
"""
PREPARE = """rm -rf /etc/kubernetes /etc/systemd/system/kubelet.service /var/lib/kubelet/* /etc/default/kubelet
mkdir -p /etc/kubernetes
for name in kubelet kubectl; do ln -sf /opt/kubeup/bin/$name /usr/bin/$name; done
chmod 755 /usr/bin/kubeadm
mv /root/kubelet.service /etc/systemd/system/
systemctl daemon-reload
systemctl start kube-containerd
for file in /var/lib/kubeup/store/*/pause /root/*.image; do [ ! -e $file ] || {ctr} images import $file; done
"""
INIT = "kubeadm init --config /root/kubeadm.yaml --ignore-preflight-errors=all --skip-phases=addon >/root/init.log 2>&1"
JOIN = (
    "kubeadm join {address}:6443 --token abcdef.0123456789abcdef --discovery-token-unsafe-skip-ca-verification "
    "--cri-socket {socket} --ignore-preflight-errors=all"
)
READY = (
    "kubectl --kubeconfig=/etc/kubernetes/admin.conf get nodes "
    '-o jsonpath=\'{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}\' '
    "| grep -c True | grep -qx 2"
)


def measure(home: Path) -> float:
    """Seconds from ``kubeadm init`` to two Ready nodes. home: the bench's folder, with an archive a node."""
    bare()
    files = _files()
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        everywhere(lambda node: _prepare(home, Path(folder), node))
    return timed(_run)


def _files() -> dict[str, bytes]:
    """Name in /root of the control-plane node (kubeadm: in /usr/bin of both) -> content."""
    versions, arch = Versions(), machine_arch()
    wanted = [components.artifact("etcd", versions.of(ETCD), arch)]
    wanted += [
        ArtifactRef(name, versions.kubernetes, arch, kubernetes_binary(name)) for name in ("kubeadm", *CONTROL_PLANE)
    ]
    found = search.resolve(wanted, (Source("cache"), Source("go")))
    files = {"kubelet.service": KUBELET.encode(), "rules.yaml": RULES.encode()}
    address = str(SUBNET.network_address + 13)
    text = CONFIG.format(address=address, socket=SOCKET, version=versions.kubernetes, etcd=versions.of(ETCD))
    files["kubeadm.yaml"] = text.encode()
    for artifact in found:
        name, content = artifact.wanted.name, artifact.path.read_bytes()
        if name == "kubeadm":
            files[name] = content
            continue
        tag = versions.of(ETCD) if name == "etcd" else f"v{versions.kubernetes}"
        inside = {f"usr/local/bin/{name}": content}
        files[f"{name}.image"] = archive_writer.docker_archive(f"{REPOSITORY}/{name}:{tag}", inside, (), arch, "0:0")
    return files


def _prepare(home: Path, folder: Path, node: str) -> None:
    with (home / f"{node}.tar").open("rb") as archive:
        ssh(node, "tar -xf - -C / && chmod 711 /var/lib/kubeup", archive.fileno())
    names = [path.name for path in folder.iterdir() if node == NODES[0] or not path.name.endswith(".image")]
    with subprocess.Popen(["tar", "-cf", "-", "-C", str(folder), *names], stdout=subprocess.PIPE) as tar:
        assert tar.stdout is not None
        ssh(node, "tar -xf - -C /root && mv /root/kubeadm /usr/bin/", tar.stdout.fileno())
    ssh(node, PREPARE.replace("{ctr}", CTR))


def _run() -> None:
    address = str(SUBNET.network_address + 13)
    ssh(NODES[0], INIT)
    ssh(NODES[0], "kubectl --kubeconfig=/etc/kubernetes/admin.conf apply -f /root/rules.yaml")
    ssh(NODES[1], JOIN.format(address=address, socket=SOCKET))
    everywhere(lambda node: ssh(node, "systemctl start --no-block flannel"))
    ssh(NODES[0], WAIT.format(check=READY))
