"""What hinders people's own work on a cluster that is well: images, addresses, policies, places. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kubeup import addons
from kubeup.addons import Addon, Serves
from kubeup.images import pull_errors
from kubeup.model.cluster import Cluster
from kubeup.validate.checks import Check, Status

Rows = Sequence[Sequence[str]]
PULLS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError")
ENFORCERS = ("calico", "cilium", "antrea", "kube-router", "weave", "ovn")
"""What DaemonSets of other people's are called that enforce NetworkPolicies."""
SUPPLIES = tuple(addon.supply for addon in addons.ALL if addon.supply)
"""Kinds out of which addons serve; workloads.sh looks for them."""
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
            addon = addons.serving(Serves.VOLUME_CLAIM)[0]
            fix = f"kubeup addons up {addon.name}, for a default StorageClass on the nodes' disks"
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
    names = _names(pending)
    known = addons.serving(Serves.LOAD_BALANCER)
    addon = next((one for one in known if _runs(rows, one)), None)
    if addon is None:
        fix = f"{_needs(known[0])}kubeup addons up {known[0].name}; or NodePort"
        text = f"{names}: no address, for nothing gives Services of type LoadBalancer one on machines of your own"
    elif addon.supply not in {row[0] for row in _of(rows, "supply", 2)}:
        text = f"{names}: no address, for {addon.runs} has no pool of addresses"
        fix = f"{_needs(addon)}kubeup addons up"
    else:
        given = ", ".join(value for need in addon.needs for value in need.values(cluster)) or "its pools"
        text = f"{names}: no address yet; {addon.runs} gives them out of {given}, perhaps all are taken"
        more = ", ".join(need.key for need in addon.needs)
        fix = f"kubectl describe service says why; more addresses: {more} in the profile"
    return [Check("load-balancer", Status.WARNING, text, fix)]


def _policies(rows: Rows) -> list[Check]:
    policies = [row[0] for row in _of(rows, "policy", 1)]
    known = addons.serving(Serves.NETWORK_POLICY)
    if not policies or any(_runs(rows, one) for one in known) or _has_daemonset(rows, ENFORCERS):
        return []
    text = f"nobody enforces the NetworkPolicies {_names(policies)}: flannel ignores them, and all traffic passes"
    return [Check("network-policy", Status.WARNING, text, f"kubeup addons up {known[0].name}")]


def _runs(rows: Rows, addon: Addon) -> bool:
    """Also where it was installed otherwise."""
    return bool(addon.daemonset) and _has_daemonset(rows, (addon.daemonset,))


def _has_daemonset(rows: Rows, parts: Sequence[str]) -> bool:
    """Whether there is one that has one of these words in its name."""
    return any(part in name for (name,) in _of(rows, "daemonset", 1) for part in parts)


def _needs(addon: Addon) -> str:
    """What belongs into the profile before the addon is of use, as the first half of a fix."""
    return "".join(f"{need.line} in the profile, then " for need in addon.needs)
