"""Which of the cluster's authorities there are already, and which control-plane nodes have them.

An authority is made once. What the control plane shares is put in place before anything that it signed; so an `up`
that was cut off in the middle of it left nothing that could miss it, and makes all of it anew. Once something is
signed, a lost authority is refused: another one would not be believed by those that know the first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kubeup.model.cluster import Cluster, Node
from kubeup.model.errors import PreflightError
from kubeup.model.facts import AuthorityFact, Facts
from kubeup.pki import issue, specs
from kubeup.pki.certificates import SERVICE_ACCOUNT_KEY, SERVICE_ACCOUNT_PUB

SERVICE_ACCOUNT = (SERVICE_ACCOUNT_KEY, SERVICE_ACCOUNT_PUB)
PATHS = (*(path for one in specs.CERTIFICATE_AUTHORITIES for path in (one.cert_path, one.key_path)), *SERVICE_ACCOUNT)


@dataclass(frozen=True)
class ControlPlaneCaFiles:
    """A control-plane node and what it has of what all share. digests: path -> sha256. certificates: authority -> PEM.
    signed: it has something that an authority signed."""

    title: str
    digests: Mapping[str, str]
    certificates: Mapping[str, bytes]
    signed: bool

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(path for path in PATHS if path not in self.digests)


def gather(cluster: Cluster, facts: Mapping[str, Facts]) -> tuple[Mapping[str, AuthorityFact], Mapping[str, str]]:
    """(authority -> what is known of it; path of a key all share -> its sha256), both empty where all is to be
    made. Raises PreflightError where an authority is lost, or control-plane nodes have different ones."""
    keepers = [_keeper(cluster, node, facts[node.endpoint]) for node in cluster.control_plane if node.endpoint in facts]
    some = [keeper for keeper in keepers if keeper.digests]
    whole = [keeper for keeper in some if not keeper.missing]
    if not whole:
        if some and any(
            _signed(cluster, node, facts[node.endpoint]) for node in cluster.nodes if node.endpoint in facts
        ):
            raise _lost(some)
        return {}, {}
    for authority in specs.CERTIFICATE_AUTHORITIES:
        _agree(authority, [keeper for keeper in some if keeper.signed or not keeper.missing])
    first, titles = whole[0], tuple(keeper.title for keeper in whole)
    found = {
        one.name: AuthorityFact(one.name, first.certificates[one.name], first.digests[one.key_path], titles)
        for one in specs.CERTIFICATE_AUTHORITIES
    }
    return found, {path: first.digests[path] for path in SERVICE_ACCOUNT}


def _keeper(cluster: Cluster, node: Node, facts: Facts) -> ControlPlaneCaFiles:
    """Only what kubeup's record owns counts: a stranger's authority is preflight's business."""
    owned = [path for path in PATHS if path in facts.record.owned]
    digests = {path: facts.file(path).sha256 for path in owned if facts.file(path).sha256}
    certificates = {
        one.name: content
        for one in specs.CERTIFICATE_AUTHORITIES
        if one.cert_path in digests and (content := facts.file(one.cert_path).content)
    }
    return ControlPlaneCaFiles(node.title, digests, certificates, _signed(cluster, node, facts))


def _signed(cluster: Cluster, node: Node, facts: Facts) -> bool:
    owned = facts.record.owned
    return any(spec.path in owned and facts.file(spec.path).exists for spec in specs.specs_for(cluster, node))


def _agree(authority: specs.CertificateAuthority, keepers: Sequence[ControlPlaneCaFiles]) -> None:
    holders: dict[str, list[str]] = {}
    for keeper in keepers:
        if authority.name in keeper.certificates:
            print_ = issue.fingerprint(keeper.certificates[authority.name])
            holders.setdefault(print_, []).append(keeper.title)
    if len(holders) > 1:
        raise PreflightError(
            f"the control-plane nodes do not agree on the {authority.name} authority",
            evidence=[f"{', '.join(names)}: {print_}" for print_, names in holders.items()],
            fix="they are of different clusters: run `kubeup down` on those that should join the other",
        )


def _lost(keepers: Sequence[ControlPlaneCaFiles]) -> PreflightError:
    return PreflightError(
        "the cluster's authorities are not complete on its control-plane nodes",
        evidence=[f"{keeper.title} has no {path}" for keeper in keepers for path in keeper.missing],
        fix="restore the files from a backup; or `kubeup down` and `kubeup up` for a new cluster",
    )
