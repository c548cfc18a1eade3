"""The original user's story, line by line, in its order, on a cluster that kubeup built."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kubeup import profile
from kubeup.model.cluster import Versions
from kubeup.node.agent import snapshot
from kubeup.release.artifacts import ArtifactRef
from kubeup.sources.cache import cache_root, path_of
from tests.lab import app
from tests.lab.conftest import Cluster, nothing_leaves
from tests.lab.snapshots import differences, look
from tests.support.polling import settle

# Each test finds what the ones before it left: none can be run alone.
pytestmark = [pytest.mark.story, pytest.mark.parametrize("cluster", ["debian"], indirect=True)]
APP = "appstore:5000/django:1"
APPS = ("django-x", "django-y", "django-default")
RULES = {
    ("foo.bar.com", "/foo"): "django-x",
    ("bar.baz.com", "/bar"): "django-y",
    ("bar.baz.com", "/foo"): "django-x",
}
KUBE_UP = """
# cluster/ubuntu/config-default.sh, as it was edited
export nodes=${{nodes:-"root@{0} root@{1}"}}
roles=${{roles:-"ai i"}}
export NUM_NODES=${{NUM_NODES:-2}}
export SERVICE_CLUSTER_IP_RANGE=${{SERVICE_CLUSTER_IP_RANGE:-100.0.0.0/16}}
export FLANNEL_NET=${{FLANNEL_NET:-172.16.0.0/16}}
DNS_SERVER_IP=${{DNS_SERVER_IP:-"100.0.0.2"}}
"""


def controller(name: str, image: str = APP) -> dict[str, Any]:
    """A ReplicationController as in 2016: two pods that listen on 8111."""
    container = {
        "name": "django",
        "image": image,
        "env": [{"name": "APP", "value": name}],
        "ports": [{"containerPort": 8111}],
    }
    return {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": name},
        "spec": {
            "replicas": 2,
            "selector": {"app": name},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    }


def service(name: str, kind: str = "NodePort") -> dict[str, Any]:
    ports = [{"name": "http", "port": 18111, "targetPort": 8111, "protocol": "TCP"}]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"type": kind, "ports": ports, "selector": {"app": name}},
    }


def ingress(default: str | None = None) -> dict[str, Any]:
    """The original's, in the form of today: pathType, and the service with its port below ``service``."""

    def backend(name: str) -> dict[str, Any]:
        return {"service": {"name": name, "port": {"number": 18111}}}

    hosts: dict[str, list[dict[str, Any]]] = {}
    for (host, path), name in RULES.items():
        hosts.setdefault(host, []).append({"path": path, "pathType": "Prefix", "backend": backend(name)})
    spec: dict[str, Any] = {"rules": [{"host": host, "http": {"paths": paths}} for host, paths in hosts.items()]}
    if default:
        spec["defaultBackend"] = backend(default)
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": {"name": "my-ingress"}, "spec": spec}


def get(address: str, port: int, path: str = "/", host: str = "") -> tuple[int, str]:
    """From outside the cluster: this machine. Status 0 where nobody answers."""
    line = http.client.HTTPConnection(address, port, timeout=5)
    try:
        line.request("GET", path, headers={"Host": host or address})
        answer = line.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace").strip()
    except OSError as error:
        return 0, str(error)
    finally:
        line.close()


def answers(name: str, address: str, port: int = 80, path: str = "/", host: str = "") -> None:
    """The application of that name does, sooner or later."""
    wanted = re.compile(f"{name} on {name}-")
    settle(
        lambda: bool(wanted.match(get(address, port, path, host)[1])),
        40,
        f"{name} to answer http://{host or address}:{port}{path} on {address}: {get(address, port, path, host)}",
    )


class Story:
    """The cluster, with the operator's own kubectl."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.cluster, self.folder = cluster, folder
        self.key = folder / "id"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)], check=True)
        self._kubectl = path_of(cache_root(), ArtifactRef("kubectl", Versions().kubernetes, "amd64"))

    def kubectl(self, *arguments: str, given: object = None) -> str:
        done = subprocess.run(
            [self._kubectl, *arguments],
            env={"KUBECONFIG": str(self.cluster.kubeconfig), "PATH": os.environ["PATH"], "HOME": str(self.folder)},
            input=json.dumps(given) if given is not None else None,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        return done.stdout + done.stderr

    def json(self, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.kubectl(*arguments, "-o", "json"))
        return found

    def apply(self, *objects: dict[str, Any]) -> None:
        said = self.kubectl("apply", "-f", "-", given={"apiVersion": "v1", "kind": "List", "items": list(objects)})
        assert "rror" not in said, said

    def pods(self, name: str) -> dict[str, str]:
        """Running pods of an application -> their node."""
        found = self.json("get", "pods", "-l", f"app={name}")["items"]
        ready = [
            one
            for one in found
            if all(state["ready"] for state in one["status"].get("containerStatuses", [{"ready": False}]))
        ]
        return {one["metadata"]["name"]: one["spec"]["nodeName"] for one in ready}

    def running(self, name: str, count: int) -> None:
        settle(lambda: len(self.pods(name)) == count, 60, f"{count} pods of {name}")

    def node_port(self, name: str, index: int = 0) -> int:
        return int(self.json("get", "service", name)["spec"]["ports"][index]["nodePort"])


@pytest.fixture(scope="module")
def story(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Story:
    return Story(cluster, tmp_path_factory.mktemp("story"))


@pytest.fixture(scope="module")
def before(story: Story) -> list[snapshot.Things]:
    story.cluster.profile()
    return [look(story.cluster, 0), look(story.cluster, 1)]


def test_the_old_configuration_becomes_a_profile(story: Story) -> None:
    old, new = story.folder / "config-default.sh", story.folder / "imported.yaml"
    old.write_text(KUBE_UP.format(*story.cluster.addresses))
    done = story.cluster.kubeup("import", str(old), "-o", str(new))
    assert done.returncode == 0, done.stdout + done.stderr
    found = profile.load(new).cluster
    assert [(node.host, node.is_control_plane, node.is_worker) for node in found.nodes] == [
        (story.cluster.addresses[0], True, True),
        (story.cluster.addresses[1], False, True),
    ]
    network = found.network
    assert (str(network.service_range), str(network.flannel_net)) == ("100.0.0.0/16", "172.16.0.0/16")
    assert str(network.dns_ip) == "100.0.0.2"
    assert "NUM_NODES" in done.stdout + done.stderr


def test_up_ends_as_then_and_brings_the_addons(story: Story, before: list[snapshot.Things]) -> None:
    assert before
    network = story.cluster.addresses[0].rpartition(".")[0]
    story.cluster.profile(
        addons="[dns, metrics-server, ingress, storage, load-balancer]",
        load_balancer_addresses=f"[{network}.240-{network}.250]",
    )
    done = story.cluster.kubeup("up")
    assert done.returncode == 0, done.stdout + done.stderr
    trips = [int(found) for found in re.findall(r"^node[34]\s+\d+\s+\d+\s+(\d+)", done.stderr, re.MULTILINE)]
    assert max(trips) <= 7, done.stderr
    for text in (
        "Validate output:",
        "controller-manager",
        "etcd-0",
        "Cluster validation succeeded",
        "kube-system/kube-dns",
    ):
        assert text in done.stdout, done.stdout


def test_kubectl_is_on_path_and_knows_nodes_by_their_hostnames(story: Story) -> None:
    assert "/usr/local/bin/kubectl" in story.cluster.on("node3", "command -v kubectl")
    assert story.kubectl("get", "nodes", "-o", "name").split() == ["node/node3", "node/node4"]
    assert story.kubectl("config", "current-context").strip() == story.cluster.name


def test_a_second_run_of_the_addons_changes_nothing_and_says_so(story: Story) -> None:
    found: Any = story.cluster.json("addons", "up")
    assert found["changed"] is False
    assert {one["name"]: one["new"] + one["changed"] for one in found["addons"]} == dict.fromkeys(
        ("dns", "ingress", "load-balancer", "metrics-server", "storage"), 0
    )
    outcome: Any = story.cluster.json("up")
    assert outcome["changed"] is False
    assert [node["round_trips"] for node in outcome["nodes"]] == [1, 1]


def test_images_come_to_every_node_once_and_without_a_registry(story: Story) -> None:
    path = story.folder / "django.tar"
    path.write_bytes(app.archive(APP, story.folder, story.key.with_suffix(".pub").read_text()))
    first: Any = story.cluster.json("images", "push", str(path))
    assert {node["name"]: node["images"] for node in first["nodes"]} == {"node3": [APP], "node4": [APP]}
    second: Any = story.cluster.json("images", "push", str(path))
    assert [node["bytes"] for node in second["nodes"]] == [0, 0]


def test_three_controllers_and_their_node_ports_on_every_node(story: Story) -> None:
    """``running`` and ``answers`` assert: so many pods run, and each port gives its own controller's page."""
    """``running`` and ``answers`` assert: so many pods run, and each port gives its own controller's page."""
    story.apply(*(controller(name) for name in APPS), *(service(name) for name in APPS))
    for name in APPS:
        story.running(name, 2)
        for address in story.cluster.addresses:
            answers(name, address, story.node_port(name))


def test_exec_and_logs_of_pods_on_each_node(story: Story) -> None:
    pods = {node: name for app_name in APPS for name, node in story.pods(app_name).items()}
    assert set(pods) == {"node3", "node4"}
    for name in pods.values():
        assert story.kubectl("exec", name, "--", "hostname").strip() == name
        assert "rror" not in story.kubectl("logs", name)


def test_names_of_services_from_pods_on_every_node(story: Story) -> None:
    pods = {node: name for app_name in APPS for name, node in story.pods(app_name).items()}
    wanted = story.json("get", "service", "django-x")["spec"]["clusterIP"]
    for name in pods.values():
        found = story.kubectl("exec", name, "--", "nslookup", "django-x.default.svc.cluster.local")
        assert f"Address: {wanted}" in found
        for short in ("django-y.default.svc", "django-y.default", "django-y"):
            said = story.kubectl("exec", name, "--", "wget", "-qO-", f"http://{short}:18111/")
            assert said.startswith("django-y on django-y-"), said


def test_the_servers_of_the_cluster_s_names_stand_on_different_nodes(story: Story) -> None:
    found = story.json("-n", "kube-system", "get", "pods", "-l", "k8s-app=kube-dns")["items"]
    assert {one["spec"]["nodeName"] for one in found} == {"node3", "node4"}


def test_nothing_of_the_service_range_leaves_a_node(story: Story) -> None:
    """Then, a ping of a service's address was answered from the internet. The block asserts that nothing leaves."""
    with nothing_leaves(story.cluster):
        pod = next(iter(story.pods("django-x")))
        story.kubectl("exec", pod, "--", "ping", "-c", "1", "-W", "1", "100.0.0.2")
        story.kubectl("exec", pod, "--", "nc", "-w", "1", "100.0.77.77", "81")
        for node in ("node3", "node4"):
            story.cluster.on(node, "ping -c 1 -W 1 100.0.0.2; timeout 1 bash -c 'exec 3<>/dev/tcp/100.0.9.9/81'; true")


def test_each_rule_of_the_ingress_on_port_80_of_every_node(story: Story) -> None:
    story.apply(ingress())
    for address in story.cluster.addresses:
        for (host, path), name in RULES.items():
            answers(name, address, 80, path, host)
        assert get(address, 80, "/foo", "other.example.com")[0] == 404
        assert get(address, 80, "/elsewhere", "foo.bar.com")[0] == 404


def test_what_no_rule_takes_goes_to_the_default_where_there_is_one(story: Story) -> None:
    story.apply(ingress("django-default"))
    address = story.cluster.addresses[1]
    answers("django-default", address, 80, "/", "other.example.com")
    assert get(address, 80, "/foo", "foo.bar.com")[1].startswith("django-x on ")


def test_the_same_by_the_gateway_api(story: Story) -> None:
    """``answers`` asserts that the right controller's page comes."""
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {"name": "y"},
        "spec": {
            "parentRefs": [{"name": "contour", "namespace": "projectcontour", "sectionName": "http"}],
            "hostnames": ["gateway.bar.com"],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/bar"}}],
                    "backendRefs": [{"name": "django-y", "port": 18111}],
                }
            ],
        },
    }
    story.apply(route)
    address = story.cluster.addresses[0]
    answers("django-y", address, 80, "/bar", "gateway.bar.com")


def test_a_load_balancer_has_an_address_that_answers_from_outside(story: Story) -> None:
    story.apply({**service("django-x", "LoadBalancer"), "metadata": {"name": "balanced"}})
    settle(lambda: bool(external(story, "balanced")), 30, "an address of the load balancer's")
    address = external(story, "balanced")
    assert address.startswith(story.cluster.addresses[0].rpartition(".")[0] + ".24")
    answers("django-x", address, 18111)


def external(story: Story, name: str) -> str:
    given = story.json("get", "service", name)["status"].get("loadBalancer", {}).get("ingress") or [{}]
    return str(given[0].get("ip", ""))


def test_plain_tcp_from_outside_a_real_sshd_in_a_pod(story: Story) -> None:
    """By NodePort on every node, and by LoadBalancer."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "sshd", "labels": {"app": "sshd"}},
        "spec": {"containers": [{"name": "sshd", "image": APP, "args": ["exec /usr/sbin/sshd -D -e"]}]},
    }
    entry = service("sshd", "LoadBalancer")
    entry["spec"]["ports"] = [{"port": 22, "targetPort": 2222, "protocol": "TCP"}]
    story.apply(pod, entry)
    settle(lambda: bool(external(story, "sshd")) and bool(story.pods("sshd")), 40, "sshd in a pod")
    port = story.node_port("sshd")
    for address, entrance in (*((one, port) for one in story.cluster.addresses), (external(story, "sshd"), 22)):
        awaits_ssh(address, entrance)
        options = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
        argv = ["ssh", "-p", str(entrance), "-i", str(story.key), *options, f"root@{address}", "hostname"]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)
        assert done.stdout.strip() == "sshd", done.stderr


def awaits_ssh(address: str, port: int) -> None:
    settle(lambda: opens(address, port), 20, f"{address}:{port}")


def opens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), 2) as line:
            return line.recv(8).startswith(b"SSH-")
    except OSError:
        return False


def test_a_claim_binds_and_keeps_what_was_written(story: Story) -> None:
    claim = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "10Mi"}}},
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "writer", "labels": {"app": "writer"}},
        "spec": {
            "nodeName": "node4",
            "containers": [
                {
                    "name": "c",
                    "image": APP,
                    "args": ["echo precious >>/data/file; exec sleep 3600"],
                    "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                }
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}],
            "terminationGracePeriodSeconds": 0,
        },
    }
    # Placed by the scheduler, for its word is what the provisioner waits for.
    del pod["spec"]["nodeName"]  # type: ignore[attr-defined]
    pod["spec"]["nodeSelector"] = {"kubernetes.io/hostname": "node4"}  # type: ignore[index]
    story.apply(claim, pod)
    settle(lambda: bool(story.pods("writer")), 60, "a pod with a claim")
    assert story.json("get", "pvc", "data")["status"]["phase"] == "Bound"
    assert "precious" in story.cluster.on("node4", "cat /var/lib/kubeup-volumes/*/file")


def test_top_tells_what_nodes_use(story: Story) -> None:
    settle(lambda: "node4" in story.kubectl("top", "nodes"), 60, "figures of both nodes")
    said = story.kubectl("top", "nodes")
    assert re.search(r"^node3\s+\d+m\s", said, re.MULTILINE), said


def test_an_image_without_a_tag_is_asked_of_its_registry_and_validate_says_so(story: Story) -> None:
    """Always, where a name has no tag: no registry answers here, although every node has the image."""
    story.apply({**controller("django-z", "appstore:5000/django"), "metadata": {"name": "django-z"}})
    settle(lambda: "ImagePull" in story.kubectl("get", "pods", "-l", "app=django-z"), 60, "a pull that fails")
    done = story.cluster.kubeup("validate", "--read-only")
    said = done.stdout + done.stderr
    assert "appstore:5000/django" in said, said
    assert "django-z-" in said
    story.kubectl("delete", "rc", "django-z", "--wait=false")


def test_down_leaves_the_nodes_as_they_were_found(story: Story, before: list[snapshot.Things]) -> None:
    """Addons, their images, volumes, host ports and addresses included."""
    done = story.cluster.kubeup("down", "--yes", "--no-snapshot")
    assert done.returncode == 0, done.stdout + done.stderr
    for index in range(2):
        assert differences(before[index], look(story.cluster, index)) == ""
