"""What the control plane shares is made once: anew after an `up` that died before it signed anything, then never."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kubeup.model.errors import PreflightError
from kubeup.model.facts import Facts
from kubeup.pki import ca_state, secret_names, specs
from tests.support.plans import BARE, BOTH, built, plan, two_nodes


def after(facts: Facts, paths: tuple[str, ...]) -> Facts:
    """A node whose `up` wrote these files and no other."""
    files = {path: fact for path, fact in facts.files.items() if path in paths}
    owned = {path: one for path, one in facts.record.owned.items() if path in paths}
    return replace(facts, files=files, record=replace(facts.record, owned=owned))


def test_what_masters_share_is_put_before_all_that_it_signs() -> None:
    cluster = two_nodes()
    sources = [put.file.source for put in plan(cluster, cluster.nodes[0]).files if put.file.source]
    shared = [source for source in sources if source.startswith(secret_names.SHARED)]
    assert sorted(sources[: len(shared)]) == sorted(shared)
    assert len(shared) == len(ca_state.PATHS)
    assert len(sources) > len(shared)


@pytest.mark.parametrize("count", range(len(ca_state.PATHS)))
def test_cut_off_before_anything_was_signed_all_is_made_anew(count: int) -> None:
    cluster = two_nodes()
    facts, _ = built(cluster, cluster.nodes[0])
    paths = [put.file.path for put in plan(cluster, cluster.nodes[0]).files if put.file.source][:count]
    known, shared = ca_state.gather(cluster, {cluster.nodes[0].host: after(facts, tuple(paths))})
    assert (known, shared) == ({}, {})


@pytest.mark.parametrize("path", ca_state.PATHS)
def test_lost_after_something_was_signed_it_is_refused(path: str) -> None:
    cluster = two_nodes()
    facts, _ = built(cluster, cluster.nodes[0])
    master = replace(facts, files={name: fact for name, fact in facts.files.items() if name != path})
    with pytest.raises(PreflightError) as caught:
        ca_state.gather(cluster, {cluster.nodes[0].host: master})
    assert caught.value.message == "the cluster's authorities are not complete on its control-plane nodes"
    assert caught.value.evidence == (f"node3 has no {path}",)


def test_what_one_master_lost_another_has() -> None:
    both = two_nodes()
    cluster = replace(both, nodes=tuple(replace(node, roles=BOTH) for node in both.nodes))
    facts, _ = built(cluster, cluster.nodes[0])
    first = replace(
        facts, files={path: fact for path, fact in facts.files.items() if path != "/etc/kubernetes/pki/sa.key"}
    )
    known, shared = ca_state.gather(cluster, {cluster.nodes[0].host: first, cluster.nodes[1].host: facts})
    assert {one.holders for one in known.values()} == {("node4",)}
    assert shared["/etc/kubernetes/pki/sa.key"] == facts.files["/etc/kubernetes/pki/sa.key"].sha256


def test_masters_with_different_authorities_are_refused_unless_one_has_signed_nothing() -> None:
    both = two_nodes()
    cluster = replace(both, nodes=tuple(replace(node, roles=BOTH) for node in both.nodes))
    one, _ = built(cluster, cluster.nodes[0])
    other, _ = built(cluster, cluster.nodes[1])
    with pytest.raises(PreflightError, match="do not agree on the kubernetes authority"):
        ca_state.gather(cluster, {cluster.nodes[0].host: one, cluster.nodes[1].host: other})
    begun = after(other, (specs.CERTIFICATE_AUTHORITIES[0].cert_path,))
    known, _ = ca_state.gather(cluster, {cluster.nodes[0].host: one, cluster.nodes[1].host: begun})
    assert known["kubernetes"].holders == ("node3",)


def test_a_stranger_s_files_are_no_authority_of_kubeup_s() -> None:
    cluster = two_nodes()
    facts, _ = built(cluster, cluster.nodes[0])
    strange = replace(BARE, files=facts.files)
    assert ca_state.gather(cluster, {cluster.nodes[0].host: strange}) == ({}, {})
