"""What images nodes have, and what of layers: one round trip a node that changes nothing."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from kubeup.execution.job import Job
from kubeup.execution.results import Results
from kubeup.images.names import normal
from kubeup.model.cluster import Cluster, Node, Runtime
from kubeup.model.errors import NodeError
from kubeup.model.events import Finished, Phase, Working
from kubeup.model.facts import Facts
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.transport import NodeConnection

SCRIPT = Path(__file__).parents[1] / "node/agent/images.sh"
TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class NodeImages:
    """images: complete name -> id (hexadecimal sha256 of the config, or what the runtime takes for an id).

    blobs: sha256 of what containerd's content store has, also where Docker uses it. chains: ids of the stacks of layers
    that a Docker with a store of its own has, see ``chain_ids``.
    """

    images: Mapping[str, str] = field(default_factory=dict)
    blobs: frozenset[str] = frozenset()
    chains: frozenset[str] = frozenset()


def list_node_images(job: Job, cluster: Cluster, facts: Mapping[str, Facts]) -> Results[NodeImages]:
    """By node.endpoint, of the workers that answered. cluster: with its runtime decided."""
    job.emit(Phase("looking at images"))

    def ask(node: Node, connection: NodeConnection) -> NodeImages:
        job.emit(Working(node.title, "looking at images"))
        found = look(node, connection, cluster.runtime or Runtime.CONTAINERD)
        job.emit(Finished(node.title, "asked", 0.0))
        return found

    return job.fleet.each([node for node in cluster.workers if node.endpoint in facts], ask)


def look(node: Node, connection: NodeConnection, runtime: Runtime) -> NodeImages:
    """Raises NodeError where the cluster's runtime does not run."""
    script = f"runtime={runtime.value}\n{SCRIPT.read_text()}"
    reply = connection.call(Kind.PROBE, [script.encode()], timeout=TIMEOUT_SECONDS)
    said = [line for line in reply.stderr.decode("utf-8", "replace").split("\n") if line]
    return parse(reply.stdout.decode("utf-8", "replace"), node.title, said)


def parse(text: str, node: str, complaints: Sequence[str] = ()) -> NodeImages:
    """The answer of images.sh. complaints: what its tools said to that, for people."""
    images: dict[str, str] = {}
    blobs: set[str] = set()
    chains: set[str] = set()
    manifests: dict[str, str] = {}
    whole = contents = False
    for line in text.split("\n"):
        word, *rest = line.split("\t")
        match word, rest:
            case "image", [name, ident]:
                images[normal(name)] = ident.removeprefix("sha256:")
            case "blob", [digest]:
                blobs.add(digest)
            case "layers", [layers]:
                chains.update(chain_ids(layers.split()))
            case "store", _:
                contents = True
            case "manifest", [digest, content]:
                manifests[digest.removeprefix("sha256:")] = content
            case "dead", [state]:
                raise NodeError(
                    node,
                    "images",
                    "its container runtime does not answer",
                    evidence=[f"systemd says of its unit: {state}"],
                    fix="kubeup validate says why; kubeup up starts it again",
                )
            case "done", _:
                whole = True
    if not whole:
        raise NodeError(
            node,
            "images",
            "the node's answer broke off",
            evidence=(complaints or text.split("\n"))[-3:],
            fix="run the command again; if it happens again: kubeup validate",
        )
    if contents:
        images = {name: _config_of(ident, manifests) or ident for name, ident in images.items()}
    return NodeImages(images, frozenset(blobs), frozenset() if contents else frozenset(chains))


def _config_of(digest: str, manifests: Mapping[str, str]) -> str:
    """sha256 of the config that a manifest names, or the first manifest that is there of an index; empty if none is.

    manifests: their sha256 -> base64 of what they say, empty for one that is not there.
    https://github.com/opencontainers/image-spec/blob/main/manifest.md and image-index.md
    """
    try:
        value = json.loads(base64.b64decode(manifests.get(digest, "")))
        if "config" in value:
            return str(value["config"]["digest"]).removeprefix("sha256:")
        inner = [str(one["digest"]).removeprefix("sha256:") for one in value["manifests"] if _is_image(one)]
    except (binascii.Error, ValueError, TypeError, KeyError, AttributeError):
        return ""
    return next((found for one in inner if one != digest and (found := _config_of(one, manifests))), "")


def _is_image(entry: Mapping[str, object]) -> bool:
    """What BuildKit attests of an image stands beside it, for the platform "unknown"."""
    platform = entry.get("platform")
    return not isinstance(platform, dict) or platform.get("architecture") != "unknown"


def chain_ids(diffs: Iterable[str]) -> tuple[str, ...]:
    """The id of the stack up to each layer. diffs: sha256:HEX of each, lowest first.

    https://github.com/opencontainers/image-spec/blob/main/config.md#layer-chainid
    """
    chains: list[str] = []
    for diff in diffs:
        stack = f"{chains[-1]} {diff}" if chains else ""
        chains.append(f"sha256:{hashlib.sha256(stack.encode()).hexdigest()}" if stack else diff)
    return tuple(chains)
