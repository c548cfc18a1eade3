"""The values of a profile's keys, put together: a Cluster. What is wrong is noted, and reading goes on."""

from __future__ import annotations

import re

from kubeup.model.cluster import Cluster, Proxy, Registries, Versions
from kubeup.model.names import MOST_LETTERS
from kubeup.profile import keys
from kubeup.profile.keys.base import part, read_keys
from kubeup.profile.keys.network import network
from kubeup.profile.keys.ssh import with_login
from kubeup.profile.reading import ParseContext
from kubeup.profile.tree import YamlValue


def cluster(root: YamlValue, reading: ParseContext, stem: str) -> Cluster | None:
    """The Cluster of a profile, its defaults filled in; of what is wrong, too, so that more can be told of it.

    stem: the name of the profile's file, of which the cluster's is made where it does not say one. None: it is no
    mapping at all.
    """
    if root.kind != "mapping":
        reading.error(
            root, f"a profile is a mapping of keys, not {root.words}", "write NAME: VALUE lines, e.g. roles: ai i"
        )
        return None
    reading.places.update({key.text: value for key, value in root.entries})
    values = {"name": _name(stem), "nodes": (), **read_keys(keys.ALL, root, reading, "key")}
    login = part(values, "node")
    return Cluster(
        **{field: value for field, value in values.items() if "." not in field}
        | {
            "nodes": tuple(with_login(node, login) for node in values["nodes"]),
            "network": network(part(values, "network")),
            "versions": Versions(part(values, "versions")),
            "proxy": Proxy(**part(values, "proxy")),
            "registries": Registries(**part(values, "registries")),
            "overrides": part(values, "overrides"),
        }
    )


def _name(stem: str) -> str:
    name = re.sub(r"[^a-z0-9-]+", "-", stem.lower())[:MOST_LETTERS].strip("-")
    return name if name and name != "profile" else "kubeup"
