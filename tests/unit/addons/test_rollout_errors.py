"""Messages about images that do not come, as runtimes and kubelets give them, and the causes behind them."""

from __future__ import annotations

import json

import pytest

from kubeup import profile
from kubeup.addons import rollout_errors
from kubeup.images import pull_errors
from kubeup.model.errors import FleetError, StepError
from kubeup.validate import workloads
from kubeup.validate.checks import Check, Status

HEAD = 'failed to pull and unpack image "r.example.com/app:1": failed to resolve image: failed to do request: Head '
URL = '"https://r.example.com/v2/app/manifests/1": '
MESSAGES = (
    (HEAD + URL + "dial tcp: lookup r.example.com on 10.0.0.1:53: no such host", "cannot resolve r.example.com", "DNS"),
    (
        HEAD
        + URL
        + "dial tcp: lookup r.example.com on 10.0.0.1:53: read udp 10.0.0.2:4->10.0.0.1:53: read: connection refused",
        "cannot resolve r.example.com",
        "DNS",
    ),
    (
        HEAD + URL + "proxyconnect tcp: dial tcp 10.0.0.9:3128: connect: connection refused",
        "the proxy refused",
        "proxy:",
    ),
    (HEAD + URL + "Proxy Authentication Required", "the proxy wants a user", "USER:PASSWORD"),
    (
        HEAD + URL + "tls: failed to verify certificate: x509: certificate signed by unknown authority",
        "the certificate of r.example.com",
        "registry_ca: {r.example.com: ca.pem}",
    ),
    (
        HEAD + URL + "http: server gave HTTP response to HTTPS client",
        "speaks plain http",
        "insecure_registries: [r.example.com]",
    ),
    ("toomanyrequests: You have reached your pull rate limit.", "lets nobody pull so often", "registry_mirrors"),
    (
        "pull access denied for app, repository does not exist or may require authorization",
        "wants a login",
        "registry_auth",
    ),
    (
        'failed to resolve reference "r.example.com/app:1": r.example.com/app:1: not found',
        "has no r.example.com/app:1",
        "push ARCHIVE",
    ),
    (HEAD + URL + "dial tcp 10.0.0.3:443: connect: connection refused", "refuses connections", "running"),
    (HEAD + URL + "dial tcp 10.0.0.3:443: i/o timeout", "cannot reach r.example.com", "proxy:"),
    ("write /var/lib/x: no space left on device", "disk is full", "room"),
    ("no match for platform in manifest: not found", "architecture", "nodeSelector"),
    ("some words that nobody has seen", "could not be pulled", "kubeup images push"),
)


@pytest.mark.parametrize(("message", "reason", "fix"), MESSAGES)
def test_a_message_has_a_cause_and_something_to_do(message: str, reason: str, fix: str) -> None:
    found = pull_errors.explain(message, "r.example.com/app:1")
    assert reason in found.reason
    assert fix in found.fix


NODE = ["node", "node3", "True", "v1", "c", "a", "m"]
CLUSTER = profile.load_text("nodes: [root@10.0.0.1]\nroles: ai\n", "p.yaml").cluster


def judged(*rows: list[str]) -> list[Check]:
    return workloads.check(CLUSTER, {"10.0.0.1": [NODE, *rows]})


def bad(
    pod: str, image: str, reason: str, message: str, *, system: str = "no", policy: str = "IfNotPresent"
) -> list[str]:
    return ["bad", pod, "node3", system, image, policy, reason, json.dumps(message)]


def test_a_cluster_on_which_all_is_well_has_nothing_to_say() -> None:
    assert judged(["daemonset", "speaker"], ["supply", "ipaddresspools.metallb.io", "kubeup"]) == []


def test_one_image_is_one_check_whatever_number_of_pods_wait_for_it() -> None:
    pods = [bad(f"default/app-{number}", "app:1", "ImagePullBackOff", "Back-off pulling image") for number in range(5)]
    pods.append(bad("default/app-9", "app:1", "ErrImagePull", "lookup x on y: no such host " + "x" * 100))
    (found,) = judged(*pods)
    assert found.status is Status.WARNING
    assert "default/app-0 on node3, default/app-1 on node3, default/app-2 on node3 and 3 more" in found.message
    assert "cannot resolve docker.io" in found.message


def test_what_the_cluster_itself_runs_makes_it_unhealthy() -> None:
    (found,) = judged(bad("kube-system/coredns-1", "coredns:1", "ErrImagePull", "i/o timeout", system="yes"))
    assert found.status is Status.FAILED


def test_a_policy_of_always_is_named_with_the_way_out() -> None:
    (found,) = judged(
        bad("default/x-1", "appstore:5000/django-x", "ErrImagePull", "connection refused", policy="Always")
    )
    assert "Always" in found.message
    assert found.fix.startswith("give the image a tag")


def test_a_crash_shows_where_its_last_words_are() -> None:
    (found,) = judged(bad("team/app-1", "app:1", "CrashLoopBackOff", "back-off 10s restarting failed container"))
    assert "kubectl -n team logs app-1 --previous" in found.fix


@pytest.mark.parametrize(
    ("message", "fix"),
    [
        ("0/2 nodes are available: pod has unbound immediate PersistentVolumeClaims.", "kubeup addons up storage"),
        ("0/2 nodes are available: 2 Insufficient cpu.", "lower its requests"),
        ("0/2 nodes are available: 2 node(s) had untolerated taint {a: }.", "toleration"),
    ],
)
def test_a_pod_that_no_node_takes(message: str, fix: str) -> None:
    (found,) = judged(["unplaced", "default/app", "no", json.dumps(message)])
    assert fix in found.fix
    assert found.evidence == (message,)


def test_a_load_balancer_without_anybody_to_give_it_an_address_without_a_pool_and_with_a_full_one() -> None:
    waiting = ["pending", "default/web"]
    assert "nothing gives Services" in judged(waiting)[0].message
    assert "no pool" in judged(waiting, ["daemonset", "speaker"])[0].message
    assert (
        "perhaps all are taken"
        in judged(waiting, ["daemonset", "speaker"], ["supply", "ipaddresspools.metallb.io", "kubeup"])[0].message
    )


def test_policies_that_nobody_enforces() -> None:
    policies = [["policy", "default/deny"], ["policy", "team/allow"]]
    (found,) = judged(*policies)
    assert "default/deny, team/allow" in found.message
    assert judged(*policies, ["daemonset", "kube-network-policies"]) == []


def test_an_addon_that_does_not_come_up_names_pod_image_node_and_cause() -> None:
    message = json.dumps("dial tcp: lookup registry.k8s.io on 10.0.0.1:53: no such host")
    lines = [
        "short\tdns\tDeployment coredns\t0\t2",
        f"bad\tdns\tkube-system/coredns-1\tnode4\tregistry.k8s.io/coredns/coredns:v1\tErrImagePull\t{message}",
    ]
    error = FleetError("1 of 2 nodes failed", (StepError("node3", "addons", "it did not succeed", evidence=lines),))
    (cause,) = rollout_errors.explained(error).causes
    assert cause.title() == "node3: addons: dns does not come up"
    assert "dns: Deployment coredns has 0 of 2 pods ready" in cause.evidence
    pod = cause.evidence[1]
    for part in (
        "kube-system/coredns-1 on node4",
        "registry.k8s.io/coredns/coredns:v1",
        "cannot resolve registry.k8s.io",
    ):
        assert part in pod
    assert "kubeup images pull registry.k8s.io/coredns/coredns:v1" in cause.fix


def test_another_failure_of_the_same_step_is_told_as_it_is() -> None:
    cause = StepError("node3", "addons", "it did not succeed", evidence=["error: no kubectl"], fix="again")
    assert rollout_errors.explained(FleetError("1 failed", (cause,))).causes == (cause,)


def test_what_is_waited_for_besides_pods_is_named_with_what_the_cluster_says_of_it() -> None:
    line = "unmet\tmetrics-server\tapiservices/v1beta1.metrics.k8s.io\tAvailable\t" + json.dumps("no endpoints")
    error = FleetError("1 of 2 nodes failed", (StepError("node3", "addons", "it did not succeed", evidence=[line]),))
    (cause,) = rollout_errors.explained(error).causes
    assert cause.title() == "node3: addons: metrics-server does not come up"
    assert list(cause.evidence) == ["metrics-server: apiservices/v1beta1.metrics.k8s.io is not Available: no endpoints"]
