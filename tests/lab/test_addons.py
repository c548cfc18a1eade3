"""Addons on real nodes: what is changed by hand, what is taken away, what does not come up, and what validate says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubeup import addons
from kubeup.addons import dns, manifests
from kubeup.components import pause
from kubeup.components.base import Context
from kubeup.model.cluster import Versions
from kubeup.model.facts import ClusterFacts, Facts
from kubeup.planning import render
from tests.lab.conftest import Cluster
from tests.support.plans import two_nodes
from tests.support.polling import settle

pytestmark = pytest.mark.parametrize("cluster", ["debian"], indirect=True)
PAUSE = f"registry.k8s.io/pause:{pause.PAUSE.version}"
SHELL = addons.IMAGES["local-path-provisioner"].reference(Versions())
"""An image that every node has, with a shell in it."""
SHOP = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: shop}}
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: one, namespace: shop}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  replicas: 1
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec: {{terminationGracePeriodSeconds: 0, containers: [{{name: c, image: {PAUSE}}}]}}
"""
TROUBLE = f"""
apiVersion: v1
kind: Pod
metadata: {{name: refused}}
spec: {{containers: [{{name: c, image: "127.0.0.1:5999/app"}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: nowhere}}
spec: {{containers: [{{name: c, image: nowhere.invalid/app:1}}]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: big}}
spec: {{containers: [{{name: c, image: {PAUSE}, resources: {{requests: {{cpu: 4k}}}}}}]}}
---
apiVersion: v1
kind: Service
metadata: {{name: balanced}}
spec: {{type: LoadBalancer, ports: [{{port: 80}}], selector: {{a: b}}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: deny}}
spec: {{podSelector: {{}}, policyTypes: [Ingress]}}
"""


@pytest.fixture(scope="module")
def shop(cluster: Cluster) -> Path:
    """A folder of manifests of the user's own."""
    folder = cluster.home / "shop"
    folder.mkdir()
    (folder / "web.yaml").write_text(SHOP)
    (folder / "domain.yaml.j2").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: two, namespace: shop}\n"
        "data: {domain: {{ cluster.network.dns_domain }}}\n"
    )
    return folder


@pytest.fixture(scope="module")
def running(cluster: Cluster, shop: Path) -> Cluster:
    assert shop
    cluster.profile(addons="[dns, storage, ./shop]")
    done = cluster.kubeup("up", "--no-validate")
    assert done.returncode == 0, done.stdout + done.stderr
    return cluster


def changes(cluster: Cluster, *arguments: str) -> dict[str, dict[str, Any]]:
    found: Any = cluster.json("addons", *arguments)
    return {one["name"]: one for one in found["addons"]}


def test_the_list_says_what_is_installed_what_there_is_and_who_asked(running: Cluster) -> None:
    found: Any = running.json("addons", "list")
    by_name = {one["name"]: one for one in found["addons"]}
    assert (by_name["dns"]["installed"], by_name["dns"]["ready"], by_name["dns"]["asked"]) == (
        dns.COREDNS.version,
        2,
        "profile",
    )
    assert by_name["ingress"]["installed"] is None
    assert by_name["shop"]["ready"] == 1
    shown = running.kubeup("addons", "list").stdout
    assert "the Kubernetes dashboard is archived upstream" in " ".join(shown.split())


def test_one_s_own_manifests_and_templates_are_applied(running: Cluster) -> None:
    assert running.kubectl("-n shop get configmap two -o jsonpath='{.data.domain}'") == "cluster.local"
    assert "kubeup" in running.kubectl("-n shop get deployment web -o jsonpath='{.metadata.managedFields[*].manager}'")


def test_what_somebody_changed_is_put_right_and_told(running: Cluster) -> None:
    running.kubectl("-n kube-system scale deployment coredns --replicas=1")
    running.kubectl("-n shop delete configmap one")
    found = changes(running, "up")
    assert (found["dns"]["new"], found["dns"]["changed"]) == (0, 1)
    assert (found["shop"]["new"], found["shop"]["changed"]) == (1, 0)
    assert running.kubectl("-n kube-system get deployment coredns -o jsonpath='{.status.readyReplicas}'") == "2"
    assert all(not one["new"] and not one["changed"] for one in changes(running, "up").values())


def test_an_object_taken_out_of_a_manifest_goes_and_others_stay(running: Cluster, shop: Path) -> None:
    running.kubectl("-n shop create configmap mine")
    (shop / "domain.yaml.j2").unlink()
    planned = running.kubeup("up", "--dry-run")
    assert "-metadata: {name: two, namespace: shop" in planned.stdout, planned.stdout
    assert running.kubeup("up", "--no-validate").returncode == 0
    left = running.kubectl("-n shop get configmaps -o name").split()
    assert "configmap/two" not in left
    assert {"configmap/one", "configmap/mine"} <= set(left)


def test_one_added_by_hand_outlives_an_up_and_goes_when_told(running: Cluster) -> None:
    added = running.kubeup("addons", "up", "metrics-server")
    assert added.returncode == 0, added.stdout + added.stderr
    assert "kubectl top nodes" in added.stdout
    available = "-o jsonpath='{.status.conditions[?(@.type==\"Available\")].status}'"
    assert running.kubectl(f"get apiservice v1beta1.metrics.k8s.io {available}") == "True", "it said that it runs"
    settle(lambda: "node4" in running.kubectl("top nodes"), 60, "figures of nodes")
    outcome: Any = running.json("up")
    assert outcome["changed"] is False
    assert [node["round_trips"] for node in outcome["nodes"]] == [1, 1]
    assert changes(running, "down", "metrics-server")["metrics-server"]["gone"] is True
    assert "not found" in running.kubectl("-n kube-system get deployment metrics-server")
    assert running.kubectl("get apiservice v1beta1.metrics.k8s.io").startswith("Error")


def test_a_name_that_is_none_is_met_with_what_was_meant(running: Cluster) -> None:
    done = running.kubeup("addons", "up", "metallb")
    assert done.returncode == 2
    assert "did you mean `load-balancer`?" in done.stderr


@pytest.mark.parametrize("name", ["dashboard", "network-policy", "metrics-server", "dns", "storage"])
def test_the_api_server_takes_every_object(running: Cluster, name: str) -> None:
    """Also of those whose images cannot be had here. The others' kinds are made by themselves: the story runs them."""
    cluster = two_nodes(addons=(name,))
    context = Context(
        cluster, cluster.nodes[0], Facts(), ClusterFacts(), {"node3": "10.0.0.0/24", "node4": "10.0.1.0/24"}
    )
    from kubeup.components.addons import COMPONENT

    text = manifests.labelled(render.render(f"addons/{name}.yaml", COMPONENT, context), name)
    if name == "storage":
        # A dry run makes no namespace for what comes after it.
        assert "local-path-storage" in running.kubectl("get namespaces")
    tool = "/opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf"
    said = running.feed(
        "node3",
        f"{tool} apply --server-side --force-conflicts --dry-run=server -f - <<'END'\n{text}\nEND\necho status $?\n",
    )
    assert said.endswith("status 0\n"), said
    assert said.count("serverside-applied") == text.count("\nkind: ") + text.startswith("kind: ")


def test_one_that_does_not_come_up_names_pod_image_node_and_cause(running: Cluster, shop: Path) -> None:
    (shop / "web.yaml").write_text(SHOP.replace(PAUSE, "127.0.0.1:5999/web:2"))
    done = running.kubeup("up", "--no-validate")
    assert done.returncode == 1
    for part in (
        "shop does not come up",
        "Deployment web has",
        "pod shop/web-",
        "its image 127.0.0.1:5999/web:2 cannot be pulled, for 127.0.0.1:5999 refuses connections",
        "kubeup images pull 127.0.0.1:5999/web:2",
    ):
        assert part in done.stderr, done.stderr
    (shop / "web.yaml").write_text(SHOP)
    assert running.kubeup("up", "--no-validate").returncode == 0


def test_validate_says_what_hinders_people_s_own_work(running: Cluster) -> None:
    tool = "/opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf"
    running.feed("node3", f"{tool} apply -f - <<'END'\n{TROUBLE}\nEND\n")
    settle(lambda: running.kubectl("get pods --no-headers").count("Pull") == 2, 60, "pulls that fail")
    done = running.kubeup("validate", "--read-only")
    for part in (
        "the image 127.0.0.1:5999/app is not to be had for default/refused on node",
        "127.0.0.1:5999 refuses connections; its policy is Always",
        "cannot resolve nowhere.invalid",
        "no node takes the pod default/big",
        "default/balanced: no address, for nothing gives Services of type LoadBalancer one",
        "kubeup addons up load-balancer",
        "nobody enforces the NetworkPolicies default/deny",
        "kubeup addons up network-policy",
    ):
        assert part in done.stdout, done.stdout
    assert done.returncode == 0, "people's own pods are no fault of the cluster's"


def test_a_server_of_names_that_cannot_run_makes_the_cluster_unhealthy(running: Cluster) -> None:
    """kube-up said `succeeded` while kube-dns hung in ErrImagePull."""
    running.kubectl("-n kube-system set image deployment/coredns coredns=127.0.0.1:5999/coredns:9")
    settle(lambda: "Pull" in running.kubectl("-n kube-system get pods --no-headers"), 60, "a pull that fails")
    done = running.kubeup("validate", "--read-only")
    assert done.returncode == 1
    assert "FAILED  the image 127.0.0.1:5999/coredns:9 is not to be had for kube-system/coredns-" in done.stdout
    assert running.kubeup("addons", "up").returncode == 0
    settle(lambda: running.kubeup("validate", "--read-only").returncode == 0, 60, "a cluster that is well again")


def test_addons_of_the_profile_taken_away_come_back_with_the_next_up(running: Cluster) -> None:
    done = running.kubeup("addons", "down", "dns")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the next `kubeup up` brings it back" in done.stderr
    assert "not found" in running.kubectl("-n kube-system get service kube-dns")
    assert running.kubeup("up", "--no-validate").returncode == 0
    assert "100.0.0.2" in running.kubectl("-n kube-system get service kube-dns")


def test_without_addons_nothing_of_them_is_left(running: Cluster) -> None:
    running.profile()
    done = running.kubeup("up", "--no-validate")
    assert done.returncode == 0, done.stdout + done.stderr
    label = f"-l {manifests.LABEL} -o name --ignore-not-found"
    kinds = (
        "deployments,daemonsets,configmaps,serviceaccounts,services,clusterroles,clusterrolebindings,roles,rolebindings"
    )
    left = running.kubectl(f"get {kinds},storageclasses -A {label}").split()
    assert left == [f"configmap/{manifests.NAME}"]
    # Somebody's own object lives in there.
    assert "shop" in running.kubectl("get namespace shop -o name")
    assert "the namespace shop stays" in done.stderr
    assert set(addons.BY_NAME) >= {"dns", "storage"}
