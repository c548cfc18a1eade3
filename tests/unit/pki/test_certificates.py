"""Which certificates do, and which are issued anew."""

from __future__ import annotations

import datetime

from kubeup import components
from kubeup.components.base import Context
from kubeup.pki import specs
from kubeup.planning import render, resolve
from kubeup.planning.diff import diff
from tests.support.plans import NOW, artifacts, built, two_nodes


def test_a_certificate_near_its_end_is_renewed_alone() -> None:
    cluster = two_nodes()
    facts, shared = built(cluster, cluster.nodes[1])
    context = Context(cluster, cluster.nodes[1], facts, shared, resolve.pod_cidrs(cluster, {}))
    later = NOW + datetime.timedelta(days=300)
    wish = render.desired(context, artifacts(cluster), later)
    found = diff("node4", wish, facts, components.order(cluster, cluster.nodes[1]))
    assert {spec.path for spec in found.to_issue} == {spec.path for spec in specs.specs_for(cluster, cluster.nodes[1])}
    assert all("expires in 65 days" in put.file.why for put in found.files)
    calm = render.desired(context, artifacts(cluster), NOW + datetime.timedelta(days=200))
    assert not calm.to_issue
