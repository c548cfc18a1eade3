"""What execution puts into files without content: issues what is wished for, brings what the control plane shares."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence

from kubeup.execution import probing
from kubeup.execution.fleet import Fleet
from kubeup.model.cluster import Cluster
from kubeup.model.facts import ClusterFacts
from kubeup.node.wire.step_lines import IssuedSecrets
from kubeup.pki import issue, secret_names, specs
from kubeup.pki.certificates import SERVICE_ACCOUNT_KEY, SERVICE_ACCOUNT_PUB
from kubeup.pki.issue import KeyPair
from kubeup.plan.steps import NodePlan, Plan


def fill(
    cluster: Cluster, plan: Plan, cluster_facts: ClusterFacts, fleet: Fleet, now: datetime.datetime
) -> dict[str, IssuedSecrets]:
    """By node.endpoint, what goes into files whose content the plan does not have; ``IssuedSecrets`` names them.

    Nothing of it is written anywhere but to the nodes. now: certificates begin a little before. Costs a round trip to
    one control-plane node where something existing is signed with or copied, none where there is nothing to issue.
    Raises NodeError where that node does not answer or does not have the keys.
    """
    if not _wishes(plan):
        return {}
    common, authorities = _shared(cluster, plan, cluster_facts, fleet, now)
    issued: dict[str, IssuedSecrets] = {}
    for node, node_plan in zip(cluster.nodes, plan.nodes, strict=True):
        secrets = dict(common)
        for spec in node_plan.to_issue:
            pair = issue.certificate(spec, authorities[spec.authority], now)
            secrets[secret_names.of_leaf(spec.path, "crt")] = pair.cert_pem
            secrets[secret_names.of_leaf(spec.path, "key")] = pair.key_pem
        issued[node.endpoint] = secrets
    return issued


def _wishes(plan: Plan) -> bool:
    return any(_waiting(node) for node in plan.nodes)


def _waiting(plan: NodePlan) -> Sequence[str]:
    return [put.file.source for put in plan.files if put.file.content is None]


def _shared(
    cluster: Cluster, plan: Plan, cluster_facts: ClusterFacts, fleet: Fleet, now: datetime.datetime
) -> tuple[dict[str, bytes], Mapping[str, KeyPair]]:
    if cluster_facts.authorities:
        pairs, account = _bring(cluster, cluster_facts, fleet)
    else:
        pairs = {authority.name: issue.authority(authority, now) for authority in specs.CERTIFICATE_AUTHORITIES}
        account = issue.service_account_key()
    secrets = {secret_names.SERVICE_ACCOUNT_KEY: account[0], secret_names.SERVICE_ACCOUNT_PUB: account[1]}
    for name, pair in pairs.items():
        secrets[secret_names.of_authority(name, "crt")] = pair.cert_pem
        secrets[secret_names.of_authority(name, "key")] = pair.key_pem
    return secrets, pairs


def _bring(
    cluster: Cluster, cluster_facts: ClusterFacts, fleet: Fleet
) -> tuple[dict[str, KeyPair], tuple[bytes, bytes]]:
    holder = next(iter(cluster_facts.authorities.values())).holders[0]
    master = next(node for node in cluster.control_plane if node.title == holder)
    paths = [authority.key_path for authority in specs.CERTIFICATE_AUTHORITIES]
    found = probing.read_secrets(fleet.connection(master), [*paths, SERVICE_ACCOUNT_KEY, SERVICE_ACCOUNT_PUB])
    pairs = {
        authority.name: KeyPair(cluster_facts.authorities[authority.name].certificate, found[authority.key_path])
        for authority in specs.CERTIFICATE_AUTHORITIES
    }
    return pairs, (found[SERVICE_ACCOUNT_KEY], found[SERVICE_ACCOUNT_PUB])
