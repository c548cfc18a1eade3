"""What hinders people's own work on a cluster that is well: images, addresses, policies, places. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kubeup.images import pull_errors
from kubeup.model.cluster import Cluster
from kubeup.validate.checks import Check, Status

Rows = Sequence[Sequence[str]]
PULLS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError")
ENFORCERS = ("network-policies", "calico", "cilium", "antrea", "kube-router", "weave", "ovn")
"""What DaemonSets are called that enforce NetworkPolicies."""
SHOWN = 3


def check(cluster: Cluster, said: Mapping[str, Rows]) -> list[Check]:
    """said: by host, what each control-plane node answered; the first one whose API answers counts."""
    rows = next((rows for rows in said.values() if any(row[0] == "node" for row in rows)), ())
    return [
        *_images(rows),
        *_crashes(rows),
        *_unplaced(rows),
        *_balancers(cluster, rows),
        *_policies(rows),
    ]


def _of(rows: Rows, kind: str, width: int) -> list[Sequence[str]]:
    return [row[1:] for row in rows if row[0] == kind and len(row) == width + 1]


def _names(names: Iterable[str]) -> str:
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more


def _status(system: Iterable[str]) -> Status:
    """What the cluster itself runs has to run; what people run is theirs."""
    return Status.FAILED if "yes" in system else Status.WARNING


def _images(rows: Rows) -> list[Check]:
    """One check an image, for one cause hinders all of its pods."""
    by_image: dict[str, list[Sequence[str]]] = {}
    for row in _of(rows, "bad", 7):
        if row[5] in PULLS:
            by_image.setdefault(row[3], []).append(row)
    checks = []
    for image, found in sorted(by_image.items()):
        # A back-off only says that it was tried before: another pod may know more.
        message = max((pull_errors.plain(row[6]) for row in found), key=len)
        cause = pull_errors.explain(message, image)
        places = _names(f"{pod} on {node}" for pod, node, *_ in found)
        text = f"the image {image} is not to be had for {places}: {cause.reason}"
        fix = cause.fix
        if any(row[4] == "Always" for row in found):
            text += "; its policy is Always, so its registry is asked even where a node has it"
            fix = (
                f"give the image a tag (untagged and :latest mean Always), or imagePullPolicy: IfNotPresent; or: {fix}"
            )
        checks.append(Check(f"image/{image}", _status(row[2] for row in found), text, fix, (message,)))
    return checks


def _crashes(rows: Rows) -> list[Check]:
    checks = []
    for pod, node, system, image, _, reason, message in _of(rows, "bad", 7):
        if reason not in PULLS:
            namespace, _, name = pod.partition("/")
            text = f"the pod {pod} on {node} does not run: {reason} ({image})"
            fix = f"kubectl -n {namespace} logs {name} --previous; kubectl -n {namespace} describe pod {name}"
            evidence = tuple(filter(None, (pull_errors.plain(message),)))
            checks.append(Check(f"pod-runs/{pod}", _status((system,)), text, fix, evidence))
    return checks


def _unplaced(rows: Rows) -> list[Check]:
    checks = []
    for pod, system, message in _of(rows, "unplaced", 3):
        told = pull_errors.plain(message)
        fix = "kubectl describe pod, and see what its nodeSelector, tolerations and requests ask for"
        if "unbound immediate PersistentVolumeClaims" in told or "persistentvolumeclaim" in told.lower():
            fix = "kubeup addons up storage, for a default StorageClass on the nodes' disks"
        elif "Insufficient" in told:
            fix = "lower its requests, or add a node to the profile and run kubeup up"
        elif "taint" in told:
            fix = "a toleration for the pod, or no such taint in the profile"
        checks.append(Check(f"pod-placed/{pod}", _status((system,)), f"no node takes the pod {pod}", fix, (told,)))
    return checks


def _balancers(cluster: Cluster, rows: Rows) -> list[Check]:
    pending = [row[0] for row in _of(rows, "pending", 1)]
    if not pending:
        return []
    installed = any(row[0] == "speaker" for row in _of(rows, "daemonset", 1))
    pools = _of(rows, "pool", 1)
    names = _names(pending)
    id_ = "load-balancer"
    if not installed:
        text = f"{names}: no address, for nothing gives Services of type LoadBalancer one on machines of your own"
        fix = "load_balancer_addresses: [FIRST-LAST] in the profile, then kubeup addons up load-balancer; or NodePort"
    elif not pools:
        text = f"{names}: no address, for MetalLB has no pool of addresses"
        fix = "load_balancer_addresses: [FIRST-LAST] in the profile, then kubeup addons up"
    else:
        given = ", ".join(cluster.load_balancer_addresses) or "its pools"
        text = f"{names}: no address yet; MetalLB gives them out of {given}, perhaps all are taken"
        fix = "kubectl describe service says why; more addresses: load_balancer_addresses in the profile"
    return [Check(id_, Status.WARNING, text, fix)]


def _policies(rows: Rows) -> list[Check]:
    policies = [row[0] for row in _of(rows, "policy", 1)]
    sets = [row[0] for row in _of(rows, "daemonset", 1)]
    if not policies or any(known in name for name in sets for known in ENFORCERS):
        return []
    text = f"nobody enforces the NetworkPolicies {_names(policies)}: flannel ignores them, and all traffic passes"
    return [Check("network-policy", Status.WARNING, text, "kubeup addons up network-policy")]
