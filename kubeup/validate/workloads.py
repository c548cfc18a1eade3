"""What hinders people's own work on a cluster that is well: images, addresses, policies, places. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kubeup import addons
from kubeup.addons import Addon, Serves
from kubeup.images import pull_errors
from kubeup.model.cluster import Cluster
from kubeup.validate import checks as ids
from kubeup.validate.checks import Check, Status
from kubeup.validate.rows import (
    ApiNode,
    DaemonSet,
    OwnWord,
    PendingService,
    Policy,
    Rows,
    Supply,
    Unplaced,
    Unseen,
    WaitingContainer,
    read,
)

PULLS = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError")
ENFORCERS = ("calico", "cilium", "antrea", "kube-router", "weave", "ovn")
"""What DaemonSets of other people's are called that enforce NetworkPolicies."""
SUPPLIES = tuple(addon.supply for addon in addons.ALL if addon.supply)
"""Kinds out of which addons serve; workloads.sh looks for them."""
SHOWN = 3


def check(cluster: Cluster, said: Mapping[str, Rows]) -> list[Check]:
    """said: by host, what each control-plane node answered; the first one whose API answers counts."""
    rows = next((rows for rows in said.values() if read(ApiNode, rows)), ())
    return [
        *_unseen(said),
        *_images(rows),
        *_crashes(rows),
        *_unplaced(rows),
        *_balancers(cluster, rows),
        *_policies(rows),
    ]


def _names(names: Iterable[str]) -> str:
    every = list(dict.fromkeys(names))
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return ", ".join(every[:SHOWN]) + more


def _status(system: Iterable[str]) -> Status:
    """What the cluster itself runs has to run; what people run is theirs."""
    return Status.FAILED if "yes" in system else Status.WARNING


def _unseen(said: Mapping[str, Rows]) -> list[Check]:
    """Where an API was too slow to say, that was not looked at. One that is down is told of elsewhere."""
    whats = [one.what for rows in said.values() if _answers(rows) for one in read(Unseen, rows)]
    text = f"the API gave no answer about {_names(whats)}"
    fix = "kubeup validate again; then look at the load of the control-plane nodes"
    return [Check(ids.WORKLOADS_SEEN, Status.FAILED, text, fix)] if whats else []


def _answers(rows: Rows) -> bool:
    """Whether the node's API server answers at all."""
    return any(one.component == "kube-apiserver" and one.verdict == "Healthy" for one in read(OwnWord, rows))


def _images(rows: Rows) -> list[Check]:
    """One check an image, for one cause hinders all of its pods."""
    by_image: dict[str, list[WaitingContainer]] = {}
    for one in read(WaitingContainer, rows):
        if one.reason in PULLS:
            by_image.setdefault(one.image, []).append(one)
    checks = []
    for image, found in sorted(by_image.items()):
        # A back-off only says that it was tried before: another pod may know more.
        message = max((pull_errors.plain(one.message) for one in found), key=len)
        cause = pull_errors.explain(message, image)
        places = _names(f"{one.pod} on {one.node}" for one in found)
        text = f"the image {image} is not to be had for {places}: {cause.reason}"
        fix = cause.fix
        if any(one.policy == "Always" for one in found):
            text += "; its policy is Always, so its registry is asked even where a node has it"
            fix = (
                f"give the image a tag (untagged and :latest mean Always), or imagePullPolicy: IfNotPresent; or: {fix}"
            )
        checks.append(Check(ids.image_id(image), _status(one.system for one in found), text, fix, (message,)))
    return checks


def _crashes(rows: Rows) -> list[Check]:
    checks = []
    for one in read(WaitingContainer, rows):
        if one.reason not in PULLS:
            namespace, _, name = one.pod.partition("/")
            text = f"the pod {one.pod} on {one.node} does not run: {one.reason} ({one.image})"
            fix = f"kubectl -n {namespace} logs {name} --previous; kubectl -n {namespace} describe pod {name}"
            evidence = tuple(filter(None, (pull_errors.plain(one.message),)))
            checks.append(Check(ids.pod_runs_id(one.pod), _status((one.system,)), text, fix, evidence))
    return checks


def _unplaced(rows: Rows) -> list[Check]:
    checks = []
    for one in read(Unplaced, rows):
        told = pull_errors.plain(one.message)
        fix = "kubectl describe pod, and see what its nodeSelector, tolerations and requests ask for"
        if "unbound immediate PersistentVolumeClaims" in told or "persistentvolumeclaim" in told.lower():
            addon = addons.serving(Serves.VOLUME_CLAIM)[0]
            fix = f"kubeup addons up {addon.name}, for a default StorageClass on the nodes' disks"
        elif "Insufficient" in told:
            fix = "lower its requests, or add a node to the profile and run kubeup up"
        elif "taint" in told:
            fix = "a toleration for the pod, or no such taint in the profile"
        checks.append(
            Check(ids.pod_placed_id(one.pod), _status((one.system,)), f"no node takes the pod {one.pod}", fix, (told,))
        )
    return checks


def _balancers(cluster: Cluster, rows: Rows) -> list[Check]:
    pending = [one.name for one in read(PendingService, rows)]
    if not pending:
        return []
    names = _names(pending)
    known = addons.serving(Serves.LOAD_BALANCER)
    addon = next((one for one in known if _runs(rows, one)), None)
    if addon is None:
        fix = f"{_needs(known[0])}kubeup addons up {known[0].name}; or NodePort"
        text = f"{names}: no address, for nothing gives Services of type LoadBalancer one on machines of your own"
    elif addon.supply not in {one.kind for one in read(Supply, rows)}:
        text = f"{names}: no address, for {addon.runs} has no pool of addresses"
        fix = f"{_needs(addon)}kubeup addons up"
    else:
        given = ", ".join(value for need in addon.needs for value in need.values(cluster)) or "its pools"
        text = f"{names}: no address yet; {addon.runs} gives them out of {given}, perhaps all are taken"
        more = ", ".join(need.key for need in addon.needs)
        fix = f"kubectl describe service says why; more addresses: {more} in the profile"
    return [Check(ids.LOAD_BALANCER, Status.WARNING, text, fix)]


def _policies(rows: Rows) -> list[Check]:
    policies = [one.name for one in read(Policy, rows)]
    known = addons.serving(Serves.NETWORK_POLICY)
    if not policies or any(_runs(rows, one) for one in known) or _has_daemonset(rows, ENFORCERS):
        return []
    text = f"nobody enforces the NetworkPolicies {_names(policies)}: flannel ignores them, and all traffic passes"
    return [Check(ids.NETWORK_POLICY, Status.WARNING, text, f"kubeup addons up {known[0].name}")]


def _runs(rows: Rows, addon: Addon) -> bool:
    """Also where it was installed otherwise."""
    return bool(addon.daemonset) and _has_daemonset(rows, (addon.daemonset,))


def _has_daemonset(rows: Rows, parts: Sequence[str]) -> bool:
    """Whether there is one that has one of these words in its name."""
    return any(part in one.name for one in read(DaemonSet, rows) for part in parts)


def _needs(addon: Addon) -> str:
    """What belongs into the profile before the addon is of use, as the first half of a fix."""
    return "".join(f"{need.line} in the profile, then " for need in addon.needs)
