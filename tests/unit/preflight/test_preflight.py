"""What must hold before anything is touched: tables of facts in, problems out.

What nodes that share this machine's kernel cannot show (clock, swap, modules, cgroup v2) is shown here by facts.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeup import preflight, profile
from kubeup.model.cluster import Cluster, Override, ProxyMode, Role, Runtime, Value, Versions
from kubeup.model.facts import Disk, DockerFact, Facts, FileFact, FirewallFact, Listener, Owned, Record, UnitFact
from kubeup.model.resources import Binary
from kubeup.plan.steps import NodePlan, Plan
from kubeup.preflight.problem import PreflightProblem
from tests.support.machines import SOUND, one_disk
from tests.unit.preflight.subjects import CLUSTER, problems


def test_a_sound_machine_has_no_problem() -> None:
    assert problems(SOUND) == []


UFW = FirewallFact("ufw", ("Status: active", "22/tcp ALLOW IN Anywhere"))
TABLE = {
    "clock": (
        replace(SOUND, clock_offset=3600.0),
        "one: its clock is 60 min ahead of this machine's, and certificates go by it [clock]\n"
        "    fix: timedatectl set-ntp true on the node (or is it this machine's clock that is wrong?)",
    ),
    "swap": (
        replace(SOUND, swap=2 * 10**9),
        "one: swap is on (2000 MB), and kubelet does not start with it [swap]\n"
        "    fix: swapoff -a on the node, and take it out of /etc/fstab; or kubelet: {config: {failSwapOn: false}}",
    ),
    "cgroup-v1": (
        replace(SOUND, cgroup=1),
        "one: it runs on cgroup v1, which kubelet 1.37.2 refuses (since 1.35) [cgroup-v1]\n"
        "    fix: boot it with systemd.unified_cgroup_hierarchy=1; or kubelet: {config: {failCgroupV1: false}}",
    ),
    "disk-full": (
        replace(SOUND, disks=one_disk(10**11, 10**9)),
        "one: there are 1.0 GB free on /, and kubeup needs 3 GB there (for /var/lib/kubeup) [disk-full]\n"
        "    fix: make room on the node: df -h /; apt-get clean; journalctl --vacuum-size=100M",
    ),
    "port-taken": (
        replace(SOUND, listeners=(Listener(6443, "nginx", 812),)),
        "one: port 6443, which kube-apiserver needs, is taken by nginx (process 812) [port-taken]\n"
        "    fix: stop it: systemctl status 812 on the node says what it belongs to",
    ),
    "ipvs-in-use": (
        replace(SOUND, ipvs_services=("TCP  0A000063:0050 rr",)),
        "one: IPVS is in use, and kube-proxy in nftables mode flushes the machine's whole IPVS table [ipvs-in-use]\n"
        "    | TCP  0A000063:0050 rr\n    fix: proxy_mode: iptables",
    ),
    "nft-version": (
        replace(SOUND, nft="0.9.8"),
        "one: nft 0.9.8 is too old: kube-proxy in nftables mode needs 1.0.1 [nft-version]\n"
        "    fix: apt-get install nftables; or proxy_mode: iptables",
    ),
    "kernel-version": (
        replace(SOUND, kernel="5.10.0-30-amd64"),
        "one: its kernel is 5.10.0-30-amd64: kube-proxy in nftables mode needs 5.13 [kernel-version]\n"
        "    fix: proxy_mode: iptables; or a newer kernel",
    ),
    "kernel-module": (
        replace(SOUND, missing_modules=("overlay",)),
        "one: its kernel has no overlay [kernel-module]\n    fix: modprobe overlay; or use another kernel",
    ),
    "other-cluster": (
        replace(SOUND, foreign_cluster="/etc/rancher/k3s"),
        "one: it is part of another Kubernetes cluster, not built by kubeup [other-cluster]\n    | /etc/rancher/k3s\n"
        "    fix: take it out of that cluster with the tool that put it in (kubeadm reset, k3s-uninstall.sh, ...)",
    ),
    "immutable": (
        replace(SOUND, record=Record(meta={"cluster": "demo", "flannel_net": "10.244.0.0/16"})),
        "one: the pod network (flannel_net) of a living cluster cannot change: it has 10.244.0.0/16, the profile says "
        "172.16.0.0/16 [immutable]\n    fix: write 10.244.0.0/16 into the profile; or, for a new cluster without the "
        "old one's data: kubeup down first",
    ),
    "locked": (
        replace(SOUND, busy="ann@laptop since 2026-11-23T20:00:00Z"),
        "one: another kubeup is at work on it [locked]\n    | ann@laptop since 2026-11-23T20:00:00Z\n"
        "    fix: wait until it is done",
    ),
    "firewall": (
        replace(SOUND, firewalls=(UFW,)),
        "one: ufw is active, and would drop what nodes and pods send each other [firewall]\n    | Status: active\n"
        "    | 22/tcp ALLOW IN Anywhere\n    fix: on the node: ufw allow from 10.0.0.2 && ufw allow from 172.16.0.0/16 "
        "&& ufw route allow from 172.16.0.0/16 && ufw route allow to 172.16.0.0/16",
    ),
    "route-collides": (
        replace(SOUND, routes=(("172.16.8.0/24", "tun0"),)),
        "one: it has a route to 172.16.8.0/24 by tun0, inside of flannel_net 172.16.0.0/16 [route-collides]\n"
        "    fix: take another flannel_net in the profile, or remove the route (ip route delete 172.16.8.0/24)",
    ),
    "bad-hostname": (
        SOUND,
        "one: its hostname `my_host` cannot name a node [bad-hostname]\n"
        "    fix: hostnamectl set-hostname NAME on the node; or name: under the node in the profile",
    ),
    "newer-record": (
        replace(SOUND, record=Record(meta={"format": "3", "cluster": "demo"})),
        "one: a newer kubeup wrote its record (format 3; this one knows 2) [newer-record]\n"
        "    fix: use that kubeup, or a newer one",
    ),
    "leftover-data": (
        replace(SOUND, kept_data=("/var/lib/etcd/member",)),
        "one: there is etcd data of a cluster that kubeup does not know [leftover-data]\n    | /var/lib/etcd/member\n"
        "    fix: move it away: mv /var/lib/etcd /var/lib/etcd.old",
    ),
    "folder-in-use": (
        replace(SOUND, inside={"/var/lib/kubelet": ("config.yaml", "pki")}),
        "one: /var/lib/kubelet, which kubelet needs for itself, is not empty, and what is in it is not kubeup's "
        "[folder-in-use]\n    | config.yaml\n    | pki\n"
        "    fix: on the node: mv /var/lib/kubelet /var/lib/kubelet.old (where a disk is mounted there: what is in it)",
    ),
}


def folder_problems(facts: Facts, cluster: Cluster = CLUSTER) -> list[str]:
    return [one.message for one in problems(facts, cluster) if one.id == "folder-in-use"]


def test_folders_of_the_runtime_that_is_not_taken_are_nobody_s_business() -> None:
    facts = replace(SOUND, inside={"/var/lib/docker": ("volumes",), "/opt/kubeup": ("checkout",)})
    assert [text.partition(",")[0] for text in folder_problems(facts)] == ["/opt/kubeup"]
    docker = replace(CLUSTER, runtime=Runtime.DOCKER)
    assert [text.partition(",")[0] for text in folder_problems(facts, docker)] == ["/opt/kubeup", "/var/lib/docker"]
    own = replace(facts, docker=DockerFact("28.5.2", running=True))
    assert [text.partition(",")[0] for text in folder_problems(own, docker)] == ["/opt/kubeup"], "it is in use there"


def test_zfs_for_images_needs_a_dataset_where_containerd_looks() -> None:
    cluster = replace(CLUSTER, snapshotter="zfs")
    assert [one.message for one in problems(SOUND, cluster)] == [
        "no dataset of ZFS is mounted at /var/lib/kubeup/containerd/io.containerd.snapshotter.v1.zfs, where "
        "containerd_snapshotter: zfs has images"
    ]
    assert problems(replace(SOUND, zfs_snapshots=True), cluster) == []


def test_folders_that_are_kubeup_s_already_may_be_full() -> None:
    owned = {"/var/lib/kubelet": Owned("tree", "/var/lib/kubelet", "750", had_original=False)}
    facts = replace(SOUND, inside={"/var/lib/kubelet": ("pods",)}, record=Record(meta={"cluster": "demo"}, owned=owned))
    assert folder_problems(facts) == []


def test_a_folder_may_be_a_link_but_not_to_nowhere() -> None:
    path = "/var/lib/kubelet"
    link = FileFact(path, "link", target="/data", leads_to_folder=True)
    assert folder_problems(replace(SOUND, files={path: link})) == []
    lost = replace(link, leads_to_folder=False)
    assert folder_problems(replace(SOUND, files={path: lost})) == [
        "/var/lib/kubelet, which kubelet needs, is a link to /data, where no folder is"
    ]
    assert folder_problems(replace(SOUND, files={path: FileFact(path, "file")})) == [
        "/var/lib/kubelet, which kubelet needs, is no folder"
    ]


@pytest.mark.parametrize("id_", TABLE)
def test_each_problem_is_told_to_the_letter(id_: str) -> None:
    facts, text = TABLE[id_]
    cluster = CLUSTER
    if id_ == "bad-hostname":
        cluster = replace(CLUSTER, nodes=(replace(CLUSTER.nodes[0], name="my_host"), CLUSTER.nodes[1]))
        text = text.replace("one:", "my_host:", 1)
    if id_ == "swap":
        cluster = replace(CLUSTER, versions=Versions({"kubernetes": "1.33.9"}))
    found = problems(facts, cluster)
    assert [problem.id for problem in found] == [id_]
    assert found[0].format() == text
    assert found[0].severity == "error"


@pytest.mark.parametrize(
    ("docker", "id_"), [(DockerFact("20.10.24"), "docker-old"), (DockerFact("27.0.0", source="snap"), "docker-snap")]
)
def test_a_docker_that_cri_dockerd_cannot_use(docker: DockerFact, id_: str) -> None:
    cluster = replace(CLUSTER, runtime=Runtime.DOCKER)
    assert [problem.id for problem in problems(replace(SOUND, docker=docker), cluster)] == [id_]
    assert problems(replace(SOUND, docker=docker)) == []


def test_a_docker_that_maps_users_cannot_be_the_runtime() -> None:
    docker = DockerFact("28.3.0", running=True, exec_start="/usr/bin/dockerd --userns-remap=default")
    (found,) = problems(replace(SOUND, docker=docker), replace(CLUSTER, runtime=Runtime.DOCKER))
    assert found.format() == (
        "one: its Docker maps users (userns-remap): pods on the host's network cannot run on it [docker-userns]\n"
        "    fix: take userns-remap out of /etc/docker/daemon.json or Docker's command line; or runtime: containerd"
    )
    assert problems(replace(SOUND, docker=docker)) == []


def test_the_profile_can_answer_for_it() -> None:
    allowed = replace(CLUSTER, overrides={"kubelet": Override(config={"failCgroupV1": False, "failSwapOn": False})})
    assert problems(replace(SOUND, cgroup=1, swap=10**9), allowed) == []


@pytest.mark.parametrize(("kubernetes", "said"), [("1.33.9", None), ("1.37.2", True)])
def test_swap_stops_a_kubelet_that_does_not_start_with_it(kubernetes: str, said: bool | None) -> None:
    config: dict[str, Value] = {} if said is None else {"failSwapOn": said}
    cluster = replace(
        CLUSTER,
        versions=Versions({"kubernetes": kubernetes}),
        overrides={"kubelet": Override(config=config)},
    )
    (found,) = problems(replace(SOUND, swap=2 * 10**9), cluster)
    assert found.severity == "error"
    assert found.format() == (
        "one: swap is on (2000 MB), and kubelet does not start with it [swap]\n"
        "    fix: swapoff -a on the node, and take it out of /etc/fstab; or kubelet: {config: {failSwapOn: false}}"
    )


def test_swap_is_told_where_pods_get_none_of_it() -> None:
    (found,) = problems(replace(SOUND, swap=2 * 10**9))
    assert found.severity == "warning"
    assert found.format() == (
        "one: swap is on (2000 MB): pods get none of it, the machine's other programs do as before [swap]\n"
        "    fix: nothing has to be done; where the machine is slow, it may be because it swaps"
    )


def test_conntrack_is_not_asked_for() -> None:
    """kube-proxy speaks to the kernel itself since 1.32: https://github.com/kubernetes/kubernetes/pull/126952"""
    assert not [problem for problem in problems(replace(SOUND, iptables="")) if "conntrack" in problem.format()]


@pytest.mark.parametrize("kernel", ["6.18.2+", "6.18.2_1", "5.13", "6.1.0-rpi7-rpi-v8", "5.15.0.fc34.x86_64"])
def test_a_kernel_somebody_built_is_as_new_as_its_number(kernel: str) -> None:
    assert problems(replace(SOUND, kernel=kernel)) == []


@pytest.mark.parametrize("kernel", ["5.4.2+", "4.19.0.fc30", "5.12.19-rt1+"])
def test_an_old_one_stays_too_old(kernel: str) -> None:
    assert [problem.id for problem in problems(replace(SOUND, kernel=kernel))] == ["kernel-version"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a" * 64, "cannot name a node: it has 64 letters, 63 are the most"),
        ("localhost", "every machine calls itself so"),
        ("localhost.localdomain", "every machine calls itself so"),
        ("-x.", "cannot name a node"),
        ("a..b", "cannot name a node"),
        ("a.-b", "cannot name a node"),
        ("knöten", "cannot name a node"),
    ],
)
def test_a_hostname_that_kubernetes_refuses_is_told(name: str, said: str) -> None:
    cluster = replace(CLUSTER, nodes=(replace(CLUSTER.nodes[0], name=name), CLUSTER.nodes[1]))
    (found,) = problems(SOUND, cluster)
    assert found.id == "bad-hostname"
    assert said in found.message


@pytest.mark.parametrize("name", ["1001", "yes", "10.0.0.1", "3com", "a" * 63, "node3.example.com"])
def test_a_hostname_that_kubernetes_takes_is_sound(name: str) -> None:
    cluster = replace(CLUSTER, nodes=(replace(CLUSTER.nodes[0], name=name), CLUSTER.nodes[1]))
    assert problems(SOUND, cluster) == []


@pytest.mark.parametrize("has", ["", "2.0.33"])
def test_haproxy_is_missed_where_a_machine_reaches_several_api_servers(has: str) -> None:
    facts = replace(SOUND, haproxy=has)
    assert problems(facts) == []
    one, two = CLUSTER.nodes
    masters = tuple(replace(one, host=host, name=host, address=host) for host in ("10.0.0.3", "10.0.0.4"))
    workers = replace(CLUSTER, nodes=(replace(one, roles=two.roles), *masters))
    (found,) = [problem for problem in problems(facts, workers) if problem.id == "no-haproxy"]
    assert found.message == (
        f"haproxy {has} is too old: the node reaches 2 API servers by it (from 2.2 on)"
        if has
        else "haproxy is missing: the node reaches 2 API servers by it (from 2.2 on)"
    )
    assert found.fix == "apt-get install haproxy (kubeup runs one of its own: the package's service may be off)"
    several = replace(CLUSTER, nodes=(one, *masters))
    assert [problem for problem in problems(facts, several) if problem.id == "no-haproxy"] == []


def test_socat_is_missed_where_docker_is_the_runtime() -> None:
    """cri-dockerd runs the node's own for kubectl port-forward."""
    assert problems(replace(SOUND, socat="")) == []
    (found,) = problems(replace(SOUND, socat=""), replace(CLUSTER, runtime=Runtime.DOCKER))
    assert (found.id, found.severity) == ("no-socat", "warning")
    assert found.fix == "apt-get install socat"
    iptables = replace(CLUSTER, proxy_mode=ProxyMode.IPTABLES)
    assert problems(replace(SOUND, nft="", kernel="4.19.0", ipvs_services=("x",)), iptables) == []


def test_a_waived_problem_is_a_warning() -> None:
    found = problems(replace(SOUND, clock_offset=-7200.0), replace(CLUSTER, waive=frozenset({"clock"})))
    assert [(problem.id, problem.severity) for problem in found] == [("clock", "warning")]


def test_a_port_that_a_container_publishes_is_not_docker_s_own() -> None:
    (found,) = problems(replace(SOUND, listeners=(Listener(10250, "docker-proxy", 813, "docker.service"),)))
    assert found.format() == (
        "one: port 10250, which kubelet needs, is taken by docker-proxy (process 813 of docker.service) [port-taken]\n"
        "    fix: stop the container: docker ps --filter publish=10250 on the node names it"
    )


def test_our_own_units_may_hold_their_ports() -> None:
    """Also by a process that is just about to end, and is not the unit's main one any more."""
    facts = replace(
        SOUND,
        listeners=(Listener(6443, "kube-apiserver", 98, "kube-apiserver.service"),),
        units={"kube-apiserver.service": UnitFact("kube-apiserver.service", "loaded", "active")},
        record=Record(meta={"cluster": "demo"}, units={"kube-apiserver.service": "absent"}),
    )
    assert problems(facts) == []


def test_a_node_of_another_kubeup_cluster_is_refused() -> None:
    found = problems(replace(SOUND, record=Record(meta={"cluster": "other"})))
    assert [problem.id for problem in found] == ["other-cluster"]
    assert "it is part of the cluster other" in found[0].message


def test_machines_that_were_cloned_are_told() -> None:
    facts = replace(SOUND, machine_id="abc")
    cluster = replace(CLUSTER, nodes=tuple(replace(node, name="same") for node in CLUSTER.nodes))
    found = preflight.check(cluster, {"10.0.0.1": facts, "10.0.0.2": facts})
    assert {"duplicate-name", "duplicate-machine-id"} <= {problem.id for problem in found}


def test_two_nodes_behind_one_host_are_two_machines() -> None:
    """Told apart by their ports, as where both are forwarded by a router."""
    one, two = (
        replace(node, host="203.0.113.7", port=port) for node, port in zip(CLUSTER.nodes, (2201, 2202), strict=True)
    )
    cluster = replace(CLUSTER, nodes=(one, two))
    facts = {"203.0.113.7:2201": replace(SOUND, machine_id="a"), "203.0.113.7:2202": replace(SOUND, machine_id="b")}
    assert preflight.check(cluster, facts) == ()
    facts = {name: replace(one, machine_id="a") for name, one in facts.items()}
    (found,) = preflight.check(cluster, facts)
    assert found.id == "duplicate-machine-id"
    assert found.message.endswith("(203.0.113.7:2201)")


DISKS = {
    # free and size in GB, to be stored in GB -> what is below its threshold
    (60, 100, 2): "",
    (17, 100, 2): "",
    (16, 100, 2): "imagefs.available < 15%",
    (12, 100, 2): "imagefs.available < 15%",
    (11, 100, 2): "nodefs.available < 10%, imagefs.available < 15%",
    (1, 100, 2): "nodefs.available < 10%, imagefs.available < 15%",
    (14, 100, 0): "imagefs.available < 15%",
}


def staged(facts: Facts, gigabytes: int, cluster: Cluster = CLUSTER) -> list[PreflightProblem]:
    binaries = (Binary("etcd", "3.7.1", "00", gigabytes * 10**9, "/opt/kubeup/bin/etcd", "etcd"),) if gigabytes else ()
    plan = Plan("demo", (NodePlan("one", 0, binaries), NodePlan("two", 0)))
    return list(preflight.pressure(cluster, plan, {"10.0.0.1": facts, "10.0.0.2": SOUND}))


@pytest.mark.parametrize("sizes", DISKS)
def test_a_disk_that_will_be_too_full_for_pods_is_told(sizes: tuple[int, int, int]) -> None:
    free, size, stored = sizes
    found = staged(replace(SOUND, disks=one_disk(size * 10**9, free * 10**9)), stored)
    assert [problem.severity for problem in found] == (["warning"] if DISKS[sizes] else [])
    assert [problem.evidence for problem in found] == (
        [(f"kubelet's own thresholds: {DISKS[sizes]}",)] if DISKS[sizes] else []
    )


def test_a_disk_that_will_be_too_full_is_told_to_the_letter() -> None:
    (found,) = staged(replace(SOUND, disks=one_disk(10**11, 10**10)), 2)
    assert found.format() == (
        "one: / will have 8.0 of 100.0 GB free (8 %): kubelet will evict pods and take no new ones "
        "[disk-pressure]\n    | kubelet's own thresholds: nodefs.available < 10%, imagefs.available < 15%\n"
        "    fix: make room on the node: df -h /; apt-get clean; journalctl --vacuum-size=100M; or kubelet: "
        "{config: {evictionHard: {nodefs.available: 5%, imagefs.available: 5%, memory.available: 100Mi}}}"
    )
    line = found.fix.rpartition("or ")[2]
    told = profile.load_text(f"nodes: [10.0.0.1]\nroles: ai\n{line}\n", "p.yaml").cluster
    assert staged(replace(SOUND, disks=one_disk(10**11, 10**10)), 2, replace(CLUSTER, overrides=told.overrides)) == []
    (full,) = staged(replace(SOUND, disks=one_disk(10**11, 4 * 10**9)), 2)
    assert full.fix.endswith("journalctl --vacuum-size=100M"), "five percent would not do"


@pytest.mark.parametrize(
    ("limit", "used", "told"), [(128, 110, False), (128, 111, True), (1024, 128, False), (0, 0, False)]
)
def test_too_few_inotify_instances_are_told(limit: int, used: int, told: bool) -> None:
    found = problems(replace(SOUND, inotify_limit=limit, inotify_used=used))
    setting = "fs.inotify.max_user_instances=1024"
    text = (
        f"one: root has {used} of its {limit} inotify instances in use, and kubeup's programs need 18: kubelet does "
        "not start without (`too many open files`) [inotify]\n"
        f"    fix: on the node: sysctl -w {setting} && echo {setting} >/etc/sysctl.d/60-inotify.conf"
    )
    assert [(problem.format(), problem.severity) for problem in found] == ([(text, "warning")] if told else [])


def test_a_master_that_runs_no_pods_may_have_a_full_disk() -> None:
    one, two = CLUSTER.nodes
    cluster = replace(CLUSTER, nodes=(replace(one, roles=frozenset({Role.CONTROL_PLANE})), two))
    assert staged(replace(SOUND, disks=one_disk(10**11, 10**9)), 0, cluster) == []


STORE, KUBELET, DOCKER = "/var/lib/kubeup", "/var/lib/kubelet", "/var/lib/docker"
SMALL, LARGE = Disk("/", 10**11, 10**9), Disk("/data", 10**11, 5 * 10**10)


def test_a_disk_of_its_own_for_kubeup_is_the_one_that_counts() -> None:
    """The machine's own has room for what kubelet keeps, and needs no more."""
    disks = {**SOUND.disks, KUBELET: SMALL, STORE: LARGE}
    assert problems(replace(SOUND, disks=disks)) == []
    (found,) = problems(replace(SOUND, disks={**SOUND.disks, STORE: replace(SMALL, mount="/data")}))
    assert found.format().startswith(
        "one: there are 1.0 GB free on /data, and kubeup needs 2.5 GB there (for /var/lib/kubeup) [disk-full]"
    )


def test_of_docker_the_disk_counts_on_which_its_images_lie() -> None:
    cluster = replace(CLUSTER, runtime=Runtime.DOCKER)
    docker = DockerFact("29.1.0", running=True, root=DOCKER, images="/var/lib/containerd")
    disks = {**SOUND.disks, "/var/lib/containerd": Disk("/images", 10**11, 5 * 10**8)}
    found = problems(replace(SOUND, docker=docker, disks=disks), cluster)
    assert [(one.id, one.severity, one.message) for one in found if "disk" in one.id] == [
        (
            "disk-full",
            "error",
            "there are 0.5 GB free on /images, and kubeup needs 1 GB there (for /var/lib/containerd)",
        ),
        (
            "docker-disk",
            "warning",
            "its Docker keeps images in /var/lib/containerd on /images, and kubelet watches /, on which "
            "/var/lib/docker is: when /images is full, it removes nothing",
        ),
    ]


MOUNTED = {
    "noexec": (
        STORE,
        "one: /var/lib/kubeup is on /var, which is mounted noexec: programs that lie there cannot run [noexec]\n"
        "    fix: mount -o remount,exec /var on the node, and take noexec out of its line in /etc/fstab",
    ),
    "ro": (
        "/etc",
        "one: /etc is on /var, which is mounted read-only [read-only]\n"
        "    fix: mount -o remount,rw /var on the node; dmesg says whether its disk is failing",
    ),
}


@pytest.mark.parametrize("option", MOUNTED)
def test_a_disk_that_is_mounted_as_kubeup_cannot_use_it_is_told(option: str) -> None:
    folder, text = MOUNTED[option]
    found = problems(replace(SOUND, mounted={folder: ("/var", frozenset({option, "nodev"}))}))
    assert [one.format() for one in found] == [text]
    (itself,) = problems(replace(SOUND, mounted={folder: (folder, frozenset({option}))}))
    assert itself.message.startswith(f"{folder} is mounted ")
    assert problems(replace(SOUND, mounted={"/opt": ("/opt", frozenset({"rw", "noexec"}))})) == []


def test_a_kernel_without_vxlan_will_do_where_flannel_does_without() -> None:
    facts = replace(SOUND, missing_modules=("vxlan",))
    (found,) = problems(facts)
    assert found.format() == (
        "one: its kernel has no vxlan, by which nodes reach each other's pods [kernel-module]\n"
        "    fix: apt-get install linux-modules-extra-6.12.0-amd64 (Ubuntu on a Raspberry Pi: "
        "linux-modules-extra-raspi); or flannel_backend: host-gw, where all nodes are on one network"
    )
    network = replace(CLUSTER.network, flannel_backend="host-gw")
    assert problems(facts, replace(CLUSTER, network=network)) == []


def test_a_machine_without_the_kernels_messages_is_told_how_to_get_them() -> None:
    (found,) = problems(replace(SOUND, kmsg=False))
    assert found.format() == (
        "one: /dev/kmsg is missing (as in a container of LXC's), and kubelet does not start without it [no-kmsg]\n"
        "    fix: LXC: lxc.mount.entry = /dev/kmsg dev/kmsg none bind,create=file in the container's configuration; "
        "elsewhere: ln -s /dev/console /dev/kmsg, at each boot"
    )


def test_all_problems_come_at_once() -> None:
    facts = replace(SOUND, swap=1, clock_offset=999.0, iptables="", disks=one_disk(10**11, 0))
    assert {problem.id for problem in problems(facts)} == {"swap", "clock", "no-iptables", "disk-full"}
