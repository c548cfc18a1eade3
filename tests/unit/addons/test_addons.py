"""Addons as values: what a profile says of them, and the files that come of it."""

from __future__ import annotations

import ipaddress
import runpy
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from kubeup import addons, profile
from kubeup.addons import Serves, dns, manifests
from kubeup.commands.addons import only_addons
from kubeup.components.addons import ACTION
from kubeup.model.cluster import Cluster, Manifest, Node, Runtime
from kubeup.model.errors import KubeupError, ProfileError
from kubeup.model.facts import Facts, Record
from kubeup.model.resources import Desired, File
from kubeup.plan.steps import RestorePath, RunAction, SetMeta, WriteFile
from kubeup.planning import resolve
from tests.support.plans import BARE, BOTH, built, desired, plan, two_nodes

ROOT = Path(__file__).parents[3]
EVERY = tuple(addons.BY_NAME)
HEAD = "nodes: [root@192.168.200.13, root@192.168.200.14]\nroles: ai i\n"


def full(**changes: object) -> Cluster:
    return two_nodes(addons=EVERY, load_balancer_addresses=("192.168.200.240-192.168.200.250",), **changes)


def documents(text: bytes | None) -> list[dict[str, Any]]:
    assert text is not None
    return [one for one in YAML(typ="safe").load_all(text.decode()) if one]


def files(cluster: Cluster, facts: Facts = BARE) -> dict[str, File]:
    return {file.path: file for file in desired(cluster, cluster.nodes[0], facts).files}


@pytest.mark.parametrize("name", EVERY)
def test_every_addon_renders_to_objects_that_say_whose_they_are(name: str) -> None:
    objects = documents(files(full())[manifests.path_of(name)].content)
    assert objects
    for one in objects:
        assert one["metadata"]["labels"][manifests.LABEL] == name
        if one["kind"] in ("Deployment", "DaemonSet", "Job"):
            pod = one["spec"]["template"]
            assert pod["metadata"]["labels"][manifests.LABEL] == name
            for container in (*pod["spec"]["containers"], *pod["spec"].get("initContainers", ())):
                assert container["imagePullPolicy"] == "IfNotPresent"
                assert ":" in container["image"].rpartition("/")[2], "a tag, or kubelet asks the registry every time"


@pytest.mark.parametrize("name", EVERY)
def test_an_addon_runs_just_the_images_that_are_brought_for_it(name: str) -> None:
    from kubeup.model.cluster import Versions

    text = (files(full())[manifests.path_of(name)].content or b"").decode()
    wanted = {image.reference(Versions()) for image in addons.BY_NAME[name].images}
    found = {line.split("image: ")[1].strip(" }") for line in text.split("\n") if "image: " in line}
    assert found == wanted


def test_no_two_addons_give_their_templates_values_of_one_name() -> None:
    given = [name for addon in addons.ALL for name in addon.values(full())]
    assert len(given) == len(set(given))


def test_whatever_people_want_of_the_cluster_there_is_an_addon_that_serves_it() -> None:
    for what in Serves:
        assert addons.serving(what), what


@pytest.mark.parametrize("runtime", Runtime)
def test_a_repository_is_a_word_for_the_shell_whatever_is_in_it(runtime: Runtime) -> None:
    cluster = full(runtime=runtime, image_repository="x; touch owned #")
    actions = [one for one in desired(cluster, cluster.nodes[1]).actions if "image" in one.id]
    assert len(actions) == 10
    for action in actions:
        for text in filter(None, (action.check, action.apply, action.undo)):
            assert "owned" not in shlex.split(text, comments=True), text


def test_the_table_of_addons_in_the_docs_is_made_from_them() -> None:
    page = runpy.run_path(str(ROOT / "docs/addons.py"))["page"]()
    assert (ROOT / "docs/addons.md").read_text() == page, "run: python docs/addons.py"


def test_no_shell_for_nodes_knows_an_addon() -> None:
    """What is its own, what it waits for and what it serves is handed over as data."""
    words = {word for addon in addons.ALL for word in (*addon.makes, addon.supply, addon.daemonset) if word}
    words |= {one.object for addon in addons.ALL for one in addon.awaits} | set(addons.IMAGES)
    names = {word.rpartition("/")[2] for word in words}
    scripts = sorted((ROOT / "kubeup").rglob("*.sh"))
    assert scripts
    assert not [(script.name, name) for script in scripts for name in names if name in script.read_text()]


def test_every_namespaced_object_names_its_namespace() -> None:
    whole = {
        "Namespace",
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "StorageClass",
        "IngressClass",
    }
    whole |= {"APIService", "GatewayClass"}
    rendered = files(full())
    for name in EVERY:
        for one in documents(rendered[manifests.path_of(name)].content):
            assert ("namespace" in one["metadata"]) == (one["kind"] not in whole), (name, one["kind"])


def test_the_inventory_lists_every_object_and_changes_with_any_of_them() -> None:
    first, second = files(full()), files(full(ingress_nodes=("node4",)))
    (found,) = documents(first[manifests.INVENTORY].content)
    listed = found["data"]["objects"].split("\n")
    assert len(listed) - 1 == sum(len(documents(first[manifests.path_of(name)].content)) for name in EVERY)
    assert "dns\tapps/v1\tDeployment\tkube-system\tcoredns" in listed
    assert "storage\tv1\tNamespace\t-\tlocal-path-storage" in listed
    (other,) = documents(second[manifests.INVENTORY].content)
    assert found["data"]["revision"] != other["data"]["revision"]


def test_two_replicas_where_there_are_two_nodes() -> None:
    cluster = two_nodes()
    single = replace(cluster, nodes=cluster.nodes[:1])
    for wanted, one in ((2, cluster), (1, single)):
        objects = documents(files(one)[manifests.path_of("dns")].content)
        (deployment,) = (found for found in objects if found["kind"] == "Deployment")
        assert deployment["spec"]["replicas"] == wanted


@pytest.mark.parametrize(
    ("servers", "wanted"),
    [
        ((), ""),
        (("127.0.0.1", "::1"), ""),
        (("127.0.0.53", "10.0.0.53"), "/etc/resolv.conf"),
        (("fe80::1%eth0",), "/etc/resolv.conf"),
    ],
)
def test_dns_never_asks_itself(servers: tuple[str, ...], wanted: str) -> None:
    assert corefile(two_nodes(), servers, servers) == wanted
    assert corefile(two_nodes(dns_upstream=("10.1.1.1",)), servers, servers) == "10.1.1.1"


def test_dns_asks_the_others_name_servers_where_a_machine_has_none() -> None:
    assert corefile(two_nodes(), ("10.0.0.53", "127.0.0.1"), ()) == "10.0.0.53"
    assert corefile(two_nodes(), (), ("10.0.0.53", "10.0.0.54")) == "10.0.0.53 10.0.0.54"


def corefile(cluster: Cluster, *servers: tuple[str, ...]) -> str:
    """Where CoreDNS asks for other names, with these name servers on the machines."""
    facts = {
        node.host: replace(BARE, hostname=node.name, nameservers=known)
        for node, known in zip(cluster.nodes, servers, strict=True)
    }
    resolved = resolve.resolve(cluster, facts)
    return str(dns.values(resolved)["upstream"])


def test_dns_answers_at_the_profile_s_address_for_the_profile_s_domain() -> None:
    cluster = two_nodes()
    network = replace(cluster.network, dns_ip=ipaddress.IPv4Address("100.0.0.9"), dns_domain="corp.example")
    objects = documents(files(replace(cluster, network=network))[manifests.path_of("dns")].content)
    by_kind = {one["kind"]: one for one in objects}
    assert by_kind["Service"]["spec"]["clusterIP"] == "100.0.0.9"
    assert "kubernetes corp.example in-addr.arpa" in by_kind["ConfigMap"]["data"]["Corefile"]


def test_all_images_from_one_repository() -> None:
    text = (files(full(image_repository="registry.corp/k8s"))[manifests.path_of("ingress")].content or b"").decode()
    assert "image: registry.corp/k8s/contour:v1.33.8" in text
    assert "ghcr.io" not in text


def test_a_master_that_is_no_node_reaches_the_metrics_at_a_node() -> None:
    from kubeup.model.cluster import Role

    cluster = two_nodes(addons=("metrics-server",))
    alone = replace(cluster, nodes=(replace(cluster.nodes[0], roles=frozenset({Role.CONTROL_PLANE})), cluster.nodes[1]))
    path = manifests.path_of("metrics-server")
    assert b"hostNetwork" not in (files(cluster)[path].content or b"")
    assert b"hostNetwork: true" in (files(alone)[path].content or b"")


# Plans


def test_an_addon_taken_out_of_the_profile_goes_by_a_plan() -> None:
    cluster = two_nodes(addons=("dns", "storage"))
    facts, shared = built(cluster, cluster.nodes[0])
    smaller = replace(cluster, addons=("dns",))
    found = plan(smaller, cluster.nodes[0], facts, shared)
    assert [step.owned.path for step in found.steps if isinstance(step, RestorePath)] == [manifests.path_of("storage")]
    assert [put.file.path for put in found.files] == [manifests.INVENTORY]
    assert [step.action.id for step in found.steps if isinstance(step, RunAction)] == [ACTION]


def test_volumes_outlive_the_addon_that_made_them() -> None:
    cluster = two_nodes(addons=("storage",))
    worker = cluster.nodes[1]
    facts, shared = built(cluster, worker)
    assert plan(replace(cluster, addons=()), worker, facts, shared).empty


def test_an_image_that_a_node_has_is_not_brought_again() -> None:
    cluster = two_nodes()
    worker = cluster.nodes[1]
    assert "coredns" in {binary.name for binary in desired(cluster, worker).binaries}
    there = replace(BARE, checks={"image-coredns": True})
    assert "coredns" not in {binary.name for binary in desired(cluster, worker, there).binaries}


def test_docker_is_given_images_in_its_own_way_and_gives_them_back() -> None:
    cluster = two_nodes(runtime=Runtime.DOCKER)
    (action,) = (one for one in desired(cluster, cluster.nodes[1]).actions if one.id == "image-coredns")
    assert "docker load" in action.apply
    assert "docker image rm" in action.undo
    assert "registry.k8s.io/coredns/coredns:" in action.undo
    assert "docker create --name kubeup-image-coredns" in action.apply
    assert action.undo.index("docker rm -f kubeup-image-coredns") < action.undo.index("docker image rm")


def test_one_added_by_hand_stays_until_it_is_taken_away() -> None:
    cluster = two_nodes(addons=("dns",))
    recorded = replace(BARE, record=Record(meta={"addons": "storage"}))
    assert addons.with_recorded(cluster, recorded).addons == ("dns", "storage")
    assert addons.with_recorded(replace(cluster, addons=("dns", "storage")), recorded).addons_by_hand == ()
    assert addons.with_recorded(addons.without(cluster, ["storage"]), recorded).addons == ("dns",)


@pytest.mark.parametrize(
    ("checks", "ids"),
    [
        ({"image-coredns in Docker": False}, {"image-coredns"}),
        ({"image-coredns in Docker": True, "kept-coredns": True}, set()),
        ({"image-coredns in Docker": True, "kept-coredns": False}, {"kept-coredns"}),
    ],
    ids=["it is not there", "it is there and kept", "somebody removed what keeps it"],
)
def test_docker_keeps_an_addon_s_image_though_kubelet_makes_room(checks: dict[str, bool], ids: set[str]) -> None:
    """Without bringing it again."""
    cluster = two_nodes(runtime=Runtime.DOCKER)
    found = plan(cluster, cluster.nodes[1], replace(BARE, checks=checks))
    done = {step.action.id for level in found.levels for step in level.steps if isinstance(step, RunAction)}
    assert {one for one in done if "coredns" in one} == ids
    assert any("coredns" in binary.name for binary in found.binaries) is ("image-coredns" in ids)


def test_who_enforces_network_policies_tells_its_figures_on_the_node_alone_and_looks_for_no_nri() -> None:
    cluster = two_nodes(addons=("network-policy",))
    (daemon,) = (
        one
        for one in documents(files(cluster)[manifests.path_of("network-policy")].content)
        if one["kind"] == "DaemonSet"
    )
    (container,) = daemon["spec"]["template"]["spec"]["containers"]
    assert {"--disable-nri=true", "--metrics-bind-address=127.0.0.1:9080"} <= set(container["args"])


THREE = tuple(Node(f"10.0.0.{n}", BOTH, name=f"m{n}", address=f"10.0.0.{n}") for n in (1, 2, 3))


@pytest.mark.parametrize("first", [0, 1, 2])
@pytest.mark.parametrize("holder", ["10.0.0.1", "10.0.0.3"])
def test_which_control_plane_node_is_first_decides_nothing_about_addons_by_hand(first: int, holder: str) -> None:
    """They were added while the holder of their record was the first."""
    facts = {node.endpoint: replace(BARE, hostname=node.name, primary_address=node.address) for node in THREE}
    facts[holder] = replace(facts[holder], record=Record(meta={"addons": "storage"}))
    order = (*THREE[first:], *THREE[:first])
    cluster = resolve.resolve(two_nodes(nodes=order, addons=("dns",)), facts)
    assert cluster.addons == ("dns", "storage")
    metas = [dict(desired(cluster, node).meta)["addons"] for node in cluster.nodes]
    assert metas == ["storage"] * 3, "each knows it from now on"


@pytest.mark.parametrize("half_done", [(), ("addons",)], ids=["applied", "failed"])
@pytest.mark.parametrize("first", [0, 1], ids=["by the same node", "by another one"])
def test_objects_of_addons_go_with_the_last_addon_whoever_brought_them(first: int, half_done: tuple[str, ...]) -> None:
    facts = {node.endpoint: replace(BARE, hostname=node.name) for node in THREE}
    record = Record(meta={"cluster": "demo"}, actions=("addons",), half_done=frozenset(half_done))
    facts["10.0.0.1"] = replace(facts["10.0.0.1"], record=record)
    order = (*THREE[first:], *THREE[:first])
    cluster = resolve.resolve(two_nodes(nodes=order, addons=()), facts)
    shared = resolve.gather_cluster(cluster, facts)
    wanted = desired(cluster, order[0], facts[order[0].endpoint], shared)
    assert "addons" in {action.id for action in wanted.actions}
    assert "/etc/kubeup/addons.yaml" in {file.path for file in wanted.files}


def test_the_addons_command_changes_nothing_else() -> None:
    """A profile whose kubelet settings differ, too: they wait for an `up`."""
    from kubeup.model.cluster import Override
    from kubeup.plan.steps import Plan

    cluster = two_nodes(addons=("dns",))
    facts, shared = built(cluster, cluster.nodes[0])
    wanted = replace(cluster, addons=("dns", "storage"), overrides={"kubelet": Override(flags={"v": ("3",)})})
    whole = Plan("demo", (plan(wanted, cluster.nodes[0], facts, shared),))
    assert "/etc/default/kubelet" in {put.file.path for put in whole.nodes[0].files}
    (only,) = only_addons(whole).nodes
    assert {put.file.path for put in only.files} == {manifests.path_of("storage"), manifests.INVENTORY}
    assert not only.starts
    others = [step for step in only.steps if not isinstance(step, WriteFile | RunAction) and "volumes" not in str(step)]
    # Noted with them, or the next plan would not be empty.
    assert {step.key for step in others if isinstance(step, SetMeta)} == {"version/local_path_provisioner"}
    assert all(isinstance(step, SetMeta) for step in others)


# One's own


def own(text: str, name: str = "app.yaml") -> Desired:
    manifest = Manifest(f"shop/{name}", text, name.endswith(".j2"))
    cluster = two_nodes(addons=("shop",), own_addons={"shop": (manifest,)})
    return desired(cluster, cluster.nodes[0])


def test_manifests_of_one_s_own_are_labelled_and_listed_like_the_others() -> None:
    text = (
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {app: a}}}\n"
        "- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n---\n# nothing\n"
    )
    by_path = {file.path: file for file in own(text).files}
    objects = documents(by_path[manifests.path_of("shop")].content)
    assert [one["metadata"]["labels"][manifests.LABEL] for one in objects] == ["shop", "shop"]
    assert objects[0]["metadata"]["labels"]["app"] == "a"
    (listed,) = documents(by_path[manifests.INVENTORY].content)
    assert "shop\tv1\tConfigMap\t-\tb" in listed["data"]["objects"]


def test_what_others_live_in_comes_first_whatever_file_it_is_in() -> None:
    first = Manifest("shop/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\n")
    second = Manifest("shop/b.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
    cluster = two_nodes(addons=("shop",), own_addons={"shop": (first, second)})
    objects = documents(files(cluster)[manifests.path_of("shop")].content)
    assert [one["kind"] for one in objects] == ["Namespace", "ConfigMap"]


def test_templates_of_one_s_own_know_the_cluster() -> None:
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {domain: {{ cluster.network.dns_domain }}}\n"
    by_path = {file.path: file for file in own(text, "app.yaml.j2").files}
    (found,) = documents(by_path[manifests.path_of("shop")].content)
    assert found["data"]["domain"] == "cluster.local"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("app.yaml", "a: [", "shop/app.yaml is not YAML"),
        ("app.yaml", "- 1\n", "shop/app.yaml holds something that is no object of Kubernetes"),
        ("app.yaml", "kind: ConfigMap\n", "shop/app.yaml holds something that is no object of Kubernetes"),
        ("app.yaml.j2", "{{ nobody }}", "the template shop/app.yaml.j2 cannot be rendered"),
        ("app.yaml.j2", "{% if %}", "the template shop/app.yaml.j2 cannot be rendered"),
    ],
)
def test_what_is_wrong_in_them_is_said_with_the_file(name: str, text: str, message: str) -> None:
    with pytest.raises(KubeupError, match=message):
        own(text, name)


# The profile


def test_an_empty_list_means_none_and_no_list_means_dns() -> None:
    assert profile.load_text(HEAD, "p.yaml").cluster.addons == ("dns",)
    assert profile.load_text(HEAD + "addons: []\n", "p.yaml").cluster.addons == ()


def test_a_folder_of_manifests_is_an_addon(tmp_path: Path) -> None:
    folder = tmp_path / "my_app"
    folder.mkdir()
    (folder / "b.yaml").write_text("kind: B\n")
    (folder / "a.yaml.j2").write_text("kind: A\n")
    (folder / "README.md").write_text("# not one\n")
    cluster = profile.load_text(HEAD + "addons: [dns, ./my_app]\n", "p.yaml", tmp_path).cluster
    assert cluster.addons == ("dns", "my-app")
    assert [(one.path, one.template) for one in cluster.own_addons["my-app"]] == [
        ("my-app/a.yaml.j2", True),
        ("my-app/b.yaml", False),
    ]


@pytest.mark.parametrize(
    ("line", "message", "fix"),
    [
        ("addons: [metallb]", "unknown addon `metallb`", "write `load-balancer`"),
        ("addons: [kubernetes-dashboard]", "unknown addon `kubernetes-dashboard`", "write `dashboard`"),
        ("addons: [metrics-srver]", "unknown addon `metrics-srver`", "did you mean `metrics-server`?"),
        ("addons: dns", "a list belongs here", "addons: [dns, metrics-server]"),
        ("addons: [./nowhere]", "there is no folder", "./manifests"),
        ("addons: [load-balancer]", "load-balancer needs addresses", "load_balancer_addresses: ["),
        ("load_balancer_addresses: [10.0.0.9-10.0.0.1]", "is no range of IPv4 addresses", "write it like"),
        ("dns_upstream: [dns.example.com]", "is not the address of a name server", "10.0.0.53"),
        ("storage_path: volumes", "is no path of a folder", "/srv/volumes"),
    ],
)
def test_mistakes_are_told_with_what_to_write(line: str, message: str, fix: str, tmp_path: Path) -> None:
    with pytest.raises(ProfileError) as raised:
        profile.load_text(f"{HEAD}{line}\n", "p.yaml", tmp_path)
    (found,) = raised.value.evidence
    assert message in found
    assert fix in found
