"""Names that YAML reads as something else are words in every file that Kubernetes reads."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from functools import cache

import pytest
from ruamel.yaml import YAML

from kubeup.model.cluster import Cluster, Override
from tests.support.plans import desired, two_nodes

PLAIN = "plain"
# kubectl and kubelet read YAML 1.1: https://yaml.org/type/
READ_OTHERWISE = ("1001", "yes", "null")


def named(name: str) -> Cluster:
    cluster = two_nodes()
    first, second = cluster.nodes
    first = replace(first, name=name, labels={name: name})
    return replace(
        cluster,
        name=name,
        nodes=(first, second),
        network=replace(cluster.network, dns_domain=name),
        addons=("dns", "ingress", "storage"),
        ingress_nodes=(name,),
        overrides={
            "kube-proxy": Override(config={"metricsBindAddress": "127.0.0.1:10259"}),
            "kubelet": Override(config={"maxPods": 200}),
        },
    )


@cache
def read(name: str) -> dict[str, object]:
    """What a reader of YAML 1.1 has of every file; hashes left out."""
    cluster = named(name)
    found: dict[str, object] = {}
    for file in desired(cluster, cluster.nodes[0]).files:
        if file.path.endswith((".yaml", ".conf")) and file.content is not None:
            text = re.sub("[0-9a-f]{16,}", "HASH", file.content.decode())
            yaml = YAML(typ="safe", pure=True)
            yaml.version = (1, 1)
            found[file.path] = list(yaml.load_all(io.StringIO(text)))
    return found


def renamed(value: object, name: str) -> object:
    if isinstance(value, dict):
        return {renamed(key, name): renamed(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item, name) for item in value]
    return value.replace(PLAIN, name) if isinstance(value, str) else value


@pytest.mark.parametrize("name", READ_OTHERWISE)
def test_a_name_is_a_word_wherever_it_stands(name: str) -> None:
    files = read(name)
    assert files == renamed(read(PLAIN), name)
    assert {"/etc/kubernetes/kubelet.yaml", "/etc/kubernetes/admin.conf"} <= files.keys()
