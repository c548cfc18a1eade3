"""``--proxy-through-me``: nodes pull what they lack through a tunnel to this machine, for as long as one run lasts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubeup.components.base import sh
from kubeup.components.containerd import CTR, has_image
from kubeup.components.registries import FOLDER
from kubeup.execution.job import Job
from kubeup.image_store import provision
from kubeup.image_store.required import required_images
from kubeup.images import pull_errors
from kubeup.model.cluster import Cluster, Node, Runtime
from kubeup.model.errors import KubeupError
from kubeup.model.events import Note, Phase, Working
from kubeup.model.facts import Facts
from kubeup.node.wire.remote_commands import Kind
from kubeup.node.wire.transport import NodeConnection

TIMEOUT_SECONDS = 1800.0
Way = Callable[[Node], str]
"""A node's proxy, as a URL with its login; empty where it has none."""


def pull(job: Job, cluster: Cluster, facts: Mapping[str, Facts], way: Way, no_proxy: str) -> None:
    """Every image that the cluster needs, onto every worker that lacks it. no_proxy: hosts that no proxy is asked for.

    The pulling program itself goes through the tunnel, so no unit gets a proxy and nothing restarts. Docker pulls by
    its daemon: its nodes get images pushed. What could not be had is told, and hinders nothing here.
    """
    names = [one.name for one in required_images(cluster)]
    if cluster.runtime is Runtime.DOCKER:
        done = provision.ensure_images(job, cluster, names, facts)
        for name, error in done.failures.items():
            job.emit(Note(f"{name}: {error.message}"))
        return
    job.emit(Phase("pulling images through this machine"))

    def work(node: Node, connection: NodeConnection) -> None:
        proxy = way(node)
        if not proxy:
            return
        script = "\n".join((_open(proxy, no_proxy), *(_one(cluster, name) for name in names)))

        def heard(line: str) -> None:
            word, _, rest = line.partition("\t")
            if word == "pulling":
                job.emit(Working(node.title, f"pulling {rest}"))
            elif word == "got":
                job.emit(Note(f"pulled {rest} through this machine", node.title))
            elif word == "failed":
                name, _, message = rest.partition("\t")
                job.emit(
                    Note(f"{name} was not pulled: {pull_errors.explain(message, name).reason}: {message}", node.title)
                )

        connection.call(Kind.SHELL, [f"{script}\n".encode()], on_line=heard, timeout=TIMEOUT_SECONDS)

    for host, error in job.fleet.each([one for one in cluster.workers if one.endpoint in facts], work).failures.items():
        job.emit(Note(_told(error), host))


def _told(error: KubeupError) -> str:
    return f"pulling through this machine: {error.message}"


def _open(proxy: str, no_proxy: str) -> str:
    """The proxy stands in the environment of this script's programs alone."""
    names = ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    return "\n".join(
        (
            *(f"export {name}={sh(proxy)}" for name in names),
            f"export no_proxy={sh(no_proxy)} NO_PROXY={sh(no_proxy)}",
            'T=$(printf "\\t")',
        )
    )


def _one(cluster: Cluster, name: str) -> str:
    word = sh(name)
    registries = cluster.registries
    hosts = f"--hosts-dir={FOLDER} " if any((registries.mirrors, registries.insecure, registries.ca)) else ""
    return (
        f'{has_image(name)} || {{ echo "pulling$T"{word}; '
        f"if e=$({CTR} images pull --local {hosts}{word} 2>&1 </dev/null >/dev/null); then "
        f'{CTR} images label {word} io.cri-containerd.pinned=pinned >/dev/null; echo "got$T"{word}; '
        f'else echo "failed$T"{word}"$T$(echo "$e" | tail -n 1)"; fi; }}'
    )
