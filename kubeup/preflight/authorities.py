"""The authorities that signed what nodes have: as long as one of those lives, they are somewhere, or nothing begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kubeup.model.founding import DOWN
from kubeup.pki import specs
from kubeup.preflight.problem import PreflightProblem, Subject

LEAF = f"{specs.ROOT}/kubelet-client.crt"


def lost(subjects: Sequence[Subject]) -> Iterator[PreflightProblem]:
    """The only control-plane node was replaced by a fresh machine, and workers run on.

    A worker's certificates are put in place once the API server answered, so a first `up` that broke off is not like
    that; and a `down` says in every worker's record that it began, before it undoes anything.
    """
    masters = [s for s in subjects if s.node.is_control_plane]
    if len(masters) < len({node.endpoint for s in subjects[:1] for node in s.cluster.control_plane}):
        # One that did not answer may have them.
        return
    if any(s.facts.file(one.cert_path).exists for s in masters for one in specs.CERTIFICATE_AUTHORITIES):
        return
    living = [s for s in subjects if _is_signed(s)]
    names = ", ".join(s.node.title for s in masters)
    for s in living[:1]:
        yield s.problem(
            "lost-authorities",
            f"it is part of the cluster {s.cluster.name}, whose certificate authorities are not on its control plane "
            f"({names}) any more: new ones would cut it off, and an empty cluster would take its pods away",
            f"put back what {names} had: the machine, its disk, or /etc/kubernetes/pki and /var/lib/etcd; or give the "
            "cluster up, with all its data: kubeup down, then kubeup up",
            [f"so is {other.node.title}" for other in living[1:]],
        )


def _is_signed(s: Subject) -> bool:
    record = s.facts.record
    has_data = s.node.is_control_plane and bool(s.facts.kept_data)
    return record.exists and DOWN not in record.meta and (has_data or LEAF in record.owned)
