"""What a payload makes a node do, for people: logs, and who asks with `-v`."""

from __future__ import annotations

from kubeup.node.wire.payload import Payload


def described(payload: Payload) -> str:
    """Its steps for people: no content of a file, but the scripts that run."""
    told = []
    for line in payload.lines:
        verb, *fields = line.split("\t")
        scripts = fields[1:3] if verb == "run-action" else fields[:1] if verb == "gate" else []
        told.append(" ".join((verb, *(field for field in fields if field not in scripts))))
        for digest in scripts:
            script = payload.blobs.get(digest, b"").decode("utf-8", "replace").rstrip("\n")
            told += [f"    {row}" for row in script.split("\n") if script]
    return "\n".join(told)
