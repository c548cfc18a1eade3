"""Nodes of a cluster as folders of a throwaway machine, each behind a port of its own: a real sshd, real files, the
scripts that kubeup sends; of what would run, small stubs that say it does."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence

from kubeup.model.facts import Facts, FileFact, Said, running
from kubeup.model.resources import STORE
from kubeup.release.artifacts import Artifact
from tests.ssh.machine import Daemon, Machine
from tests.support.probe_reply import record_text

ROOT = """
set -e
mkdir -p "$1" && cd "$1"
mkdir -p usr dev proc sys run tmp root etc opt var/lib stub/units local/bin
for link in bin sbin lib lib32 lib64; do [ ! -e "/$link" ] || cp -a "/$link" .; done
cp -L /etc/passwd /etc/group /etc/os-release etc/
# Where awk is.
cp -a /etc/alternatives etc/
mount --bind /usr usr
mount --bind local usr/local
mount --bind /dev dev
mount --bind /proc proc
# The network is the host's, and its switches are not to be touched: of each node a file stands in, and it is on.
for switch in net/ipv4/ip_forward net/bridge/bridge-nf-call-iptables; do
    [ -e "proc/sys/$switch" ] || continue
    echo 1 >"stub/${switch##*/}"
    mount --bind "stub/${switch##*/}" "proc/sys/$switch"
done
"""
# The host's own network and systemd are never asked.
QUIET = ("modprobe", "ss", "journalctl", "bash", "iptables-save", "ip6tables-save", "sysctl")
STUBS = {
    **dict.fromkeys(QUIET, "#!/bin/sh\nexit 0\n"),
    # Of kube-proxy's tables it says what there is once kube-proxy runs.
    "nft": "#!/bin/sh\necho 'nftables v1.1.3 (x)'; cat /stub/units/kube-proxy.service && echo jump elements\n",
    "iptables": "#!/bin/sh\necho 'iptables v1.8.11 (nf_tables)'\n",
    "ip": """#!/bin/sh
case $* in
    *'route get'*) sed 's/.*/[{"prefsrc":"&","dev":"eth0"}]/' /stub/address ;;
    *'route show'*) echo '[{"dst":"default","dev":"eth0"}]' ;;
    *addr*) sed 's/.*/[{"ifname":"eth0","addr_info":[{"local":"&","prefixlen":16,"scope":"global"}]}]/' /stub/address ;;
esac
""",
    # A unit is a file whose text is its state.
    "systemctl": """#!/bin/sh
verb=
for word; do case $word in
    -* | LoadState | NeedDaemonReload) ;;
    *.service)
        state=$(cat "/stub/units/$word" 2>/dev/null || echo inactive)
        case $verb in
            show)
                case $* in *InvocationID*) echo "$$" && continue ;; esac
                load=loaded
                [ "$state" = active ] || load=not-found
                printf 'Id=%s\\nLoadState=%s\\nActiveState=%s\\nNeedDaemonReload=no\\n\\n' "$word" $load "$state" ;;
            is-active) echo "$state" && [ "$state" = active ] || exit 3 ;;
            start | restart)
                echo active >"/stub/units/$word"
                [ "$word" != flannel.service ] || sh /stub/flannel ;;
        esac ;;
    *) verb=${verb:-$word} ;;
esac; done
""",
}
KUBECTL = b"""#!/bin/sh
case $* in
    *'get nodes -o go-template='*) cat /stub/objects ;;
    *'get --raw /version'*) echo '{"gitVersion": "v1.37.2"}' ;;
    *'get -f '*) sed -n 's/^# revision //p' /etc/kubeup/cluster.yaml ;;
    *'get node '*--ignore-not-found*) grep -qx "node $5" /stub/objects && echo 'false True' ;;
    *'get node '*) echo True ;;
    *'delete node '*) awk -v name="$5" '$1 == "node" { gone = $2 == name } !gone' /stub/objects >/stub/new &&
        cat /stub/new >/stub/objects ;;
    *'apply '*' -f -') echo "$*" >>/stub/applied && exec python3 -c '
import json, sys
for one in json.load(sys.stdin)["items"]:
    print("node", one["metadata"]["name"])
    print("pod_cidr", one["spec"]["podCIDR"])
    for key, value in one["metadata"]["annotations"].items():
        print("annotation", key, json.dumps(value))
' >>/stub/objects ;;
esac
"""
"""The API, as far as it is asked: Node objects are those that were applied on this node."""
FLANNEL = "mkdir -p /etc/kubeup/cni/net.d && echo '{}' >/etc/kubeup/cni/net.d/10-flannel.conflist\n"
"""What its unit writes when it starts."""
CTR = b"#!/bin/sh\necho 'io.containerd.grpc.v1 cri linux/amd64 ok'\n"
PROGRAMS = {"kubectl": KUBECTL, "ctr": CTR}


class StubNodes:
    """node1, node2, ... at 10.9.0.1, 10.9.0.2, ..."""

    def __init__(self, machine: Machine, number: int) -> None:
        self._machine, self._folder = machine, f"/nodes/of-{number}"
        self.names = [f"node{count}" for count in range(1, number + 1)]
        self.daemons: dict[str, Daemon] = {}
        for count, name in enumerate(self.names, 1):
            machine.run(f"set -- {self._folder}/{name}\n{ROOT}")
            self._unpack(name, {f"local/bin/{stub}": (text.encode(), 0o755) for stub, text in STUBS.items()})
            own = {
                "stub/address": f"10.9.0.{count}\n",
                "etc/machine-id": f"{count:032x}\n",
                "stub/objects": "",
                "stub/flannel": FLANNEL,
            }
            self._unpack(name, {path: (text.encode(), 0o644) for path, text in own.items()})
            self.daemons[name] = machine.sshd(f"ChrootDirectory {self._folder}/{name}")

    def fill(self, name: str, facts: Facts, artifacts: Sequence[Artifact]) -> None:
        """The node becomes what these facts say of it."""
        content = {artifact.sha256: artifact.path.read_bytes() for artifact in artifacts}
        files = {
            f"{STORE}/{one.sha256}/{one.wanted.name.rpartition(':')[2]}": (content[one.sha256], 0o755)
            for one in artifacts
            if one.sha256 in facts.store
        }
        files["/var/lib/kubeup/record"] = record_text(facts.record).encode(), 0o600
        files |= {f"/stub/units/{unit}": (b"active\n", 0o644) for unit in facts.units}
        objects = facts.said.get(running.NODES, Said()).text
        files["/stub/objects"] = f"{objects}\n".encode(), 0o644
        self._unpack(name, files, facts.files)
        self._machine.run(f"chroot {self._folder}/{name} sh /stub/flannel")

    def read(self, name: str, path: str) -> str:
        return self._machine.run(f"cat {self._folder}/{name}{path} 2>/dev/null", check=False)

    def _unpack(
        self, name: str, files: Mapping[str, tuple[bytes, int]], facts: Mapping[str, FileFact] | None = None
    ) -> None:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for fact in (facts or {}).values():
                self._add(tar, fact)
            for path, (content, mode) in files.items():
                self._add(tar, FileFact(path, "file", mode, content=content))
        # Some lie where a link of the machine's leads: followed, they stay in the node's folder.
        self._machine.run(f"chroot {self._folder}/{name} tar -xf - -C / --keep-directory-symlink", input=out.getvalue())

    @staticmethod
    def _add(tar: tarfile.TarFile, fact: FileFact) -> None:
        info = tarfile.TarInfo(fact.path.lstrip("/"))
        info.mode, content = fact.mode, fact.content or b""
        info.type = {"dir": tarfile.DIRTYPE, "link": tarfile.SYMTYPE}.get(fact.kind, tarfile.REGTYPE)
        info.linkname = fact.target
        info.size = len(content) if fact.kind == "file" else 0
        tar.addfile(info, io.BytesIO(content))
