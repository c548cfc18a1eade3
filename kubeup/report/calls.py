"""What nodes are told and what they say, a line each: for `-v`, and for the log of a run."""

from __future__ import annotations

from kubeup.model.events import Called, Sending
from kubeup.model.redaction import without_secrets


def lines(event: Sending | Called, most: int) -> list[str]:
    """most: lines of each part that are shown; the rest is counted. Secrets are taken out."""
    if isinstance(event, Sending):
        return [f"{event.node} < steps", *_part(event.node, "<", event.text, most)]
    end = "the connection was lost" if event.status is None else f"status {event.status}"
    asked = _part(event.node, "<", event.asked, most)
    said = _part(event.node, ">", "\n".join(event.said), most)
    return [*asked, *said, f"{event.node} = {event.kind}: {end} after {event.seconds:.2f} s"]


def _part(node: str, mark: str, text: str, most: int) -> list[str]:
    every = without_secrets(text).split("\n") if text else []
    left = len(every) - most
    shown = [f"{node} {mark}     {line}" for line in every[:most]]
    return [*shown, f"{node} {mark}     ... and {left} lines more"] if left > 0 else shown
