"""The operator's kubeconfig: looked at before a cluster is begun, given its context, and given back."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from kubeup.execution import probing
from kubeup.execution.job import Job, Prepared
from kubeup.model.errors import KubeupError, UsageError
from kubeup.model.events import Note
from kubeup.model.facts import Facts
from kubeup.node.wire.step_lines import IssuedSecrets
from kubeup.pki import kubeconfig, secret_names, specs
from kubeup.pki.kubeconfig_file import FileLocked
from kubeup.planning.lead import lead, serves

T = TypeVar("T")
PATIENCE_SECONDS, PAUSE_SECONDS = 5.0, 0.1


def refusal(job: Job, name: str) -> UsageError | None:
    """Why the operator's file cannot take the cluster's entries; None where it can."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = kubeconfig.refusal(job.environ, name)
        if found is None or not isinstance(found.__cause__, FileLocked) or time.monotonic() > end:
            return found
        time.sleep(PAUSE_SECONDS)


def give(job: Job, prepared: Prepared, issued: Mapping[str, IssuedSecrets]) -> kubeconfig.Merged | None:
    """The file gets the cluster's context; a round trip only when it is not there yet, or stale."""
    cluster = prepared.cluster
    server = _server(job, prepared)
    path = kubeconfig.default_path(job.environ, cluster.name)
    admin = specs.admin()
    first = lead(cluster, prepared.facts)
    secrets = issued.get(first.endpoint, {})
    cert, key = secret_names.of_leaf(admin.path, "crt"), secret_names.of_leaf(admin.path, "key")
    fresh = cert in secrets
    known = prepared.cluster_facts.authorities.get(admin.authority)
    if not fresh and known:
        certificate = known.certificate
        if kubeconfig.is_current(path, cluster.name, server, certificate, admin, job.now()):
            return None
    if fresh:
        authority = secrets[secret_names.of_authority(admin.authority, "crt")]
        access = kubeconfig.Access(server, authority, secrets[cert], secrets[key])
    else:
        paths = [specs.CERTIFICATE_AUTHORITIES[0].cert_path, admin.path, admin.key_path]
        found = probing.read_secrets(job.fleet.connection(first), paths)
        access = kubeconfig.Access(server, *(found[one] for one in paths))
    return _patiently(lambda: kubeconfig.merge(path, cluster.name, access))


def _server(job: Job, prepared: Prepared) -> str:
    """Whom kubectl is to ask: the profile's endpoint; else the control-plane node that it asks already, while that one
    answers; else the lead, which does."""
    cluster = prepared.cluster
    if cluster.api_endpoint:
        return cluster.api_server
    path = kubeconfig.default_path(job.environ, cluster.name)
    answering = [one for one in cluster.control_plane if serves(prepared.facts.get(one.endpoint, Facts()))]
    asked = next((one for one in answering if kubeconfig.has(path, cluster.name, one.api_server)), None)
    return (asked or lead(cluster, prepared.facts)).api_server


def forget(job: Job, name: str) -> None:
    """The nodes are undone by now: a file that cannot be read is told, and no failure of that."""
    try:
        for path in kubeconfig.paths(job.environ):
            if _patiently(lambda path=path: kubeconfig.remove(path, name)):  # type: ignore[misc]
                job.emit(Note(f"the context {name} is gone from {path}"))
    except KubeupError as error:
        why = "; ".join((error.message, *error.evidence[:1]))
        job.emit(Note(f"the context {name} may still be in your kubeconfig: {why}"))


def _patiently(do: Callable[[], T]) -> T:
    """kubectl writes for a moment only."""
    end = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return do()
        except FileLocked:
            if time.monotonic() > end:
                raise
        time.sleep(PAUSE_SECONDS)
