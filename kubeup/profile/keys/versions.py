"""Which versions a profile may ask for."""

from __future__ import annotations

import re

from packaging.version import Version

from kubeup import components
from kubeup.components.etcd import ETCD
from kubeup.model import cluster
from kubeup.profile.keys.base import Form, Group, ProfileKey, Values
from kubeup.profile.reading import ParseContext, expect
from kubeup.profile.tree import Key, YamlValue

NEWEST = {"1.34": "1.34.4", "1.35": "1.35.4", "1.36": "1.36.3", "1.37": "1.37.2"}
"""The minor versions kubeup knows, and the patch each stands for when only the minor is said."""
ETCD_FLOORS = {"3.6": "3.6.14", "3.7": "3.7.1"}
"""Below these, authentication can be passed by: the advisories of 2026."""
NAMES = tuple(components.programs())


def _versions(value: YamlValue, key: ProfileKey, reading: ParseContext) -> Values:
    chosen = {}
    for name, item in value.entries:
        if name.text not in NAMES:
            reading.unknown(name, NAMES, "component under versions")
        elif expect(item, "text", reading, key.line):
            version = _version(name, item, reading)
            if version:
                chosen[f"versions.{name.text}"] = version
    return chosen


def _kubernetes(value: YamlValue, _: ProfileKey, reading: ParseContext) -> str | None:
    text = value.text.removeprefix("v")
    if text in NEWEST:
        return NEWEST[text]
    found = re.fullmatch(r"([0-9]{1,4}\.[0-9]{1,4})\.[0-9]{1,4}", text)
    if found and found.group(1) in NEWEST:
        return text
    known = ", ".join(NEWEST)
    reading.error(
        value, f"kubeup does not know Kubernetes {value.text}", f"known are {known}; newest: {max(NEWEST.values())}"
    )
    return None


def _version(name: Key, value: YamlValue, reading: ParseContext) -> str | None:
    text = value.text.removeprefix("v")
    if name.text == KUBERNETES.name:
        return _kubernetes(value, KUBERNETES, reading)
    if not re.fullmatch(r"[0-9]{1,4}\.[0-9]{1,4}(\.[0-9]{1,4})?", text):
        reading.error(value, f"`{value.text}` is not a version", "write it like 3.6.16")
        return None
    if name.text == ETCD.key:
        minor = ".".join(text.split(".")[:2])
        floor = ETCD_FLOORS.get(minor)
        if floor is None and Version(text) < Version("3.6"):
            floor = "3.6.14"
        if floor and Version(text) < Version(floor):
            reading.error(
                value,
                f"etcd {text} has known holes in its authentication",
                f"take {floor} or later; {ETCD.version} is the default",
            )
            return None
    return text


KUBERNETES = ProfileKey(
    "kubernetes",
    Form("a version", _kubernetes),
    "the version of Kubernetes, such as `1.37` or `1.37.2`",
    example="1.37",
    goes="versions.kubernetes",
    default=cluster.KUBERNETES.version,
)
GROUP = Group(
    title="Versions",
    keys=(
        KUBERNETES,
        ProfileKey(
            "versions",
            Form("a mapping of names to versions", _versions, "mapping"),
            f"versions of the others: {', '.join(f'`{name}`' for name in NAMES if name != cluster.KUBERNETES.key)}",
            example="{etcd: 3.6.16}",
            unsaid="known good ones",
        ),
    ),
)
