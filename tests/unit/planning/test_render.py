"""What a node should have, from the cluster and its facts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from kubeup.model.cluster import Cluster, Node, Override, Versions
from kubeup.model.facts import DockerFact, Facts, UnitFact
from tests.support.plans import BARE, BOTH, desired, docker_cluster, plan, two_nodes


def test_secret_files_are_for_root_alone() -> None:
    cluster = two_nodes()
    for file in desired(cluster, cluster.nodes[0]).files:
        if file.path.endswith((".key", ".conf")) and file.path.startswith("/etc/kubernetes"):
            assert file.mode == 0o600, file.path
        assert not (file.path.endswith(".key") and not file.secret)


def test_three_masters_are_three_etcd_members() -> None:
    nodes = tuple(Node(f"10.0.0.{n}", BOTH, name=f"m{n}", address=f"10.0.0.{n}") for n in (1, 2, 3))
    cluster = two_nodes(nodes=nodes)
    files = {file.path: file for file in desired(cluster, nodes[1]).files}
    bootstrap = (files["/etc/default/etcd-bootstrap"].content or b"").decode()
    assert "m1=https://10.0.0.1:2380,m2=https://10.0.0.2:2380,m3=https://10.0.0.3:2380" in bootstrap
    flags = (files["/etc/default/etcd"].content or b"").decode()
    assert "127.0.0.1:2380" not in flags, "peer addresses are never loopback"
    etcd = next(unit for unit in desired(cluster, nodes[1]).units if unit.name == "etcd.service")
    assert "/etc/default/etcd-bootstrap" not in etcd.reads


def content(cluster: Cluster, path: str, facts: Facts = BARE) -> str:
    """What a file of the first machine's holds."""
    (file,) = (one for one in desired(cluster, cluster.nodes[0], facts).files if one.path == path)
    return (file.content or b"").decode()


@pytest.mark.parametrize(("kubernetes", "starts"), [("1.33.9", False), ("1.34.4", True), ("1.37.2", True)])
def test_kubelet_starts_on_a_machine_that_swaps_where_it_keeps_pods_out_of_it(kubernetes: str, starts: bool) -> None:
    text = content(two_nodes(versions=Versions({"kubernetes": kubernetes})), "/etc/kubernetes/kubelet.yaml")
    assert ("failSwapOn: false" in text) is starts
    assert ("swapBehavior: NoSwap" in text) is starts


def test_root_s_kubectl_is_given_the_cluster_s_own_kubeconfig() -> None:
    text = content(two_nodes(), "/usr/local/bin/kubectl")
    assert "KUBECONFIG=/etc/kubernetes/admin.conf" in text
    assert text.endswith('exec /opt/kubeup/bin/kubectl "$@"\n')


def test_cri_dockerd_listens_for_its_own_machine_alone_and_notes_networks_in_its_own_folder() -> None:
    text = content(docker_cluster(), "/etc/default/cri-dockerd")
    assert "--streaming-bind-addr=127.0.0.1" in text
    assert "--cni-cache-dir=/var/lib/cri-dockerd/" in text


def test_a_docker_of_kubeup_s_ends_the_logs_of_containers() -> None:
    assert "--log-opt max-size=10m" in content(docker_cluster(), "/etc/default/docker")


def options_of_api_server(**flags: tuple[str, ...]) -> list[str]:
    said = {name.replace("_", "-"): values for name, values in flags.items()}
    cluster = two_nodes(overrides={"kube-apiserver": Override(flags=said)})
    (file,) = (one for one in desired(cluster, cluster.nodes[0]).files if one.path == "/etc/default/kube-apiserver")
    return [line.strip(' \\"') for line in (file.content or b"").decode().split("\n") if line.startswith("--")]


def test_a_flag_that_is_a_list_is_given_several_times() -> None:
    lines = options_of_api_server(service_account_issuer=("https://new", "https://old"), v=("2",))
    issuers = [line for line in lines if line.startswith("--service-account-issuer=")]
    assert issuers == ["--service-account-issuer=https://new", "--service-account-issuer=https://old"], "in its order"
    assert "--v=2" in lines


@pytest.mark.parametrize(
    "said", [("AlwaysPullImages",), ("NodeRestriction,AlwaysPullImages",), ("AlwaysPullImages", "")]
)
def test_admission_plugins_of_a_profile_join_the_one_that_keeps_nodes_apart(said: tuple[str, ...]) -> None:
    lines = options_of_api_server(enable_admission_plugins=said)
    plugins = [line for line in lines if line.startswith("--enable-admission-plugins=")]
    assert plugins == ["--enable-admission-plugins=NodeRestriction,AlwaysPullImages"]


def test_a_flag_with_underscores_is_the_one_with_dashes() -> None:
    cluster = two_nodes(
        overrides={"kube-apiserver": Override(flags={"enable_admission_plugins": ("AlwaysPullImages",)})}
    )
    text = content(cluster, "/etc/default/kube-apiserver")
    assert text.count("admission") == 1
    assert "--enable-admission-plugins=NodeRestriction,AlwaysPullImages" in text


def test_authorization_modes_of_a_profile_join_those_that_nodes_and_rules_need() -> None:
    lines = options_of_api_server(authorization_mode=("Webhook",))
    assert "--authorization-mode=Node,RBAC,Webhook" in lines


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("3.5.33", ["experimental-initial-corrupt-check=true", "experimental-watch-progress-notify-interval=5s"]),
        ("3.6.16", ["feature-gates=InitialCorruptCheck=true", "watch-progress-notify-interval=5s"]),
        ("3.7.2", ["feature-gates=InitialCorruptCheck=true", "watch-progress-notify-interval=5s"]),
    ],
)
def test_etcd_looks_at_its_data_before_it_serves_by_the_flags_of_its_version(version: str, wanted: list[str]) -> None:
    lines = content(two_nodes(versions=Versions({"etcd": version})), "/etc/default/etcd").split("\n")
    found = [line.strip(' \\"').removeprefix("--") for line in lines if "corrupt" in line.lower() or "progress" in line]
    assert found == wanted


def test_gates_of_a_profile_join_that_of_etcd_s_own() -> None:
    cluster = two_nodes(overrides={"etcd": Override(flags={"feature-gates": ("CompactHashCheck=true",)})})
    assert "--feature-gates=InitialCorruptCheck=true,CompactHashCheck=true" in content(cluster, "/etc/default/etcd")


def test_containerd_unpacks_images_with_what_the_profile_says() -> None:
    """For kubelet, and for what kubeup itself imports."""
    assert "snapshotter" not in content(two_nodes(), "/etc/kubeup/containerd.toml")
    text = content(two_nodes(snapshotter="native"), "/etc/kubeup/containerd.toml")
    assert '[plugins."io.containerd.cri.v1.images"]\n  snapshotter = "native"\n' in text
    unpack = '[[plugins."io.containerd.transfer.v1.local".unpack_config]]\n'
    assert f'{unpack}  platform = "linux/amd64"\n  snapshotter = "native"\n' in text
    assert '[plugins."io.containerd.cri.v1.images".pinned_images]\n' in text


def test_what_a_profile_says_of_flannel_s_backend_is_json_as_flannel_reads_it() -> None:
    said = Override(config={"Backend": {"DirectRouting": True}, "SubnetMin": "172.16.8.0"})
    text = content(two_nodes(overrides={"flannel": said}), "/etc/kubeup/net-conf.json")
    assert json.loads(text) == {
        "Network": "172.16.0.0/16",
        "EnableNFTables": False,
        "Backend": {"Type": "vxlan", "DirectRouting": True},
        "SubnetMin": "172.16.8.0",
    }


def test_a_docker_of_the_node_s_own_is_left_alone() -> None:
    cluster = docker_cluster()
    facts = replace(
        BARE,
        docker=DockerFact("28.5.2", running=True, source="other", cgroup_driver="systemd"),
        units={"docker.service": UnitFact("docker.service", "loaded", "active", "running", "enabled")},
    )
    found = plan(cluster, cluster.nodes[1], facts)
    assert not [
        put.file.path for put in found.files if "docker" in put.file.path and "cri-dockerd" not in put.file.path
    ]
    assert "docker.service" not in [start.unit.name for start in found.starts]
    assert "cri-dockerd.service" in [start.unit.name for start in found.starts]
    kubelet = next(put.file for put in found.files if put.file.path == "/etc/kubernetes/kubelet.yaml")
    assert b"ExtendWebSocketsToKubelet: false" in (kubelet.content or b"")
    assert b"unix:///run/cri-dockerd.sock" in (kubelet.content or b"")


def test_an_absent_docker_is_installed_with_a_unit_and_settings_of_kubeup_s() -> None:
    cluster = docker_cluster()
    found = plan(cluster, cluster.nodes[1])
    paths = {put.file.path for put in found.files}
    assert {"/etc/systemd/system/docker.service", "/etc/default/docker"} <= paths
    units = [start.unit.name for start in found.starts]
    assert units.index("docker.service") < units.index("cri-dockerd.service") < units.index("kubelet.service")


def test_older_kubelets_get_no_gate_they_do_not_know() -> None:
    cluster = replace(docker_cluster(), versions=Versions({"kubernetes": "1.34.4"}))
    files = {file.path: file.content or b"" for file in desired(cluster, cluster.nodes[1]).files}
    assert b"ExtendWebSocketsToKubelet" not in files["/etc/kubernetes/kubelet.yaml"]
