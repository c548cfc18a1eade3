"""From what apply.sh prints when an addon does not come up to words: which pod, which image, which node, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kubeup.images import pull_errors
from kubeup.model.errors import FleetError, KubeupError, StepError

ACTION_TITLE = "addons"
PULLS = ("ErrImagePull", "ImagePullBackOff")
WORDS = {
    "ErrImagePull": "cannot be pulled",
    "ImagePullBackOff": "cannot be pulled",
    "ErrImageNeverPull": "is not there",
    "CrashLoopBackOff": "ends again and again",
}


@dataclass(frozen=True)
class RolloutRow:
    """kind: short (WHAT, READY, WANTED), unmet (OBJECT, CONDITION, MESSAGE), bad (POD, NODE, IMAGE, REASON, MESSAGE),
    log or event (POD, TEXT)."""

    kind: str
    addon: str
    fields: tuple[str, ...]


def explained(error: FleetError) -> FleetError:
    """The same failure, where addons are the cause of it in words."""
    causes = tuple(_cause(cause) for cause in error.causes)
    return FleetError(error.message, causes, fix=error.fix)


def _cause(cause: KubeupError) -> KubeupError:
    if not isinstance(cause, StepError) or cause.step != ACTION_TITLE:
        return cause
    rows = [row for line in cause.evidence if (row := parse(line))]
    names = sorted({row.addon for row in rows if row.kind in ("short", "unmet")})
    if not names:
        return cause
    verb = "does" if len(names) == 1 else "do"
    message = f"{', '.join(names)} {verb} not come up"
    without = f"; or do without: kubeup addons down {' '.join(names)}"
    return StepError(cause.node, cause.step, message, evidence=evidence(rows), fix=fix(rows) + without)


def parse(line: str) -> RolloutRow | None:
    kind, *rest = line.split("\t")
    widths = {"short": 4, "unmet": 4, "bad": 6, "log": 3, "event": 3}
    if widths.get(kind) != len(rest):
        return None
    return RolloutRow(kind, rest[0], tuple(rest[1:]))


def evidence(rows: Sequence[RolloutRow]) -> list[str]:
    lines = []
    for row in rows:
        match row.kind, row.fields:
            case "short", (what, ready, wanted):
                lines.append(f"{row.addon}: {what} has {ready} of {wanted} pods ready")
            case "unmet", (what, condition, message):
                lines.append(f"{row.addon}: {what} is not {condition}: {pull_errors.plain(message)}")
            case "bad", (pod, node, image, reason, message):
                lines.append(_bad(pod, node, image, reason, message))
            case "log", (pod, text):
                lines.append(f"last words of {pod}: {text}")
            case "event", (pod, text):
                lines.append(f"{pod}: {pull_errors.plain(text)}")
    return list(dict.fromkeys(lines))


def _bad(pod: str, node: str, image: str, reason: str, message: str) -> str:
    if image == "-":
        return f"pod {pod} finds no node: {pull_errors.plain(message)}"
    what, told = WORDS.get(reason, reason), pull_errors.plain(message)
    if reason in PULLS:
        what = f"{what}, for {pull_errors.explain(told, image).reason}"
    return f"pod {pod} on {node}: its image {image} {what}" + (f": {told}" if told else "")


def fix(rows: Sequence[RolloutRow]) -> str:
    images = dict.fromkeys(row.fields[2] for row in rows if row.kind == "bad" and row.fields[3] in PULLS)
    if images:
        return (
            f"bring {'it' if len(images) == 1 else 'them'} to the nodes: kubeup images pull {' '.join(images)}, or "
            "kubeup images push ARCHIVE from where it can be had; then the same command again"
        )
    bad = next((row for row in rows if row.kind == "bad"), None)
    if bad is None:
        return "kubectl get events -A; then the same command again"
    namespace, _, pod = bad.fields[0].partition("/")
    return f"kubectl -n {namespace} describe pod {pod}; mend what it says, and run the same command again"
