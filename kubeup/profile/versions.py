"""Which versions a profile may ask for."""

from __future__ import annotations

import dataclasses
import re

from packaging.version import Version

from kubeup.model.cluster import Versions
from kubeup.profile.reading import ParseContext, expect
from kubeup.profile.tree import Key, YamlValue

NEWEST = {"1.34": "1.34.4", "1.35": "1.35.4", "1.36": "1.36.3", "1.37": "1.37.2"}
"""The minor versions kubeup knows, and the patch each stands for when only the minor is said."""
ETCD_FLOORS = {"3.6": "3.6.14", "3.7": "3.7.1"}
"""Below these, authentication can be passed by: the advisories of 2026."""


def read(kubernetes: YamlValue | None, others: YamlValue | None, reading: ParseContext) -> Versions:
    """All versions, the defaults filled in."""
    chosen: dict[str, str] = {}
    if kubernetes is not None and expect(kubernetes, "text", reading, "kubernetes: 1.37"):
        version = _kubernetes(kubernetes, reading)
        if version:
            chosen["kubernetes"] = version
    names = [field.name for field in dataclasses.fields(Versions)]
    if others is not None and expect(others, "mapping", reading, "versions: {etcd: 3.6.16}"):
        for key, value in others.entries:
            if key.text not in names:
                reading.unknown(key, names, "component under versions")
            elif expect(value, "text", reading, "versions: {etcd: 3.6.16}"):
                version = _version(key, value, reading)
                if version:
                    chosen[key.text] = version
    return dataclasses.replace(Versions(), **chosen)


def _kubernetes(value: YamlValue, reading: ParseContext) -> str:
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
    return ""


def _version(key: Key, value: YamlValue, reading: ParseContext) -> str:
    text = value.text.removeprefix("v")
    if key.text == "kubernetes":
        return _kubernetes(value, reading)
    if not re.fullmatch(r"[0-9]{1,4}\.[0-9]{1,4}(\.[0-9]{1,4})?", text):
        reading.error(value, f"`{value.text}` is not a version", "write it like 3.6.16")
        return ""
    if key.text == "etcd":
        minor = ".".join(text.split(".")[:2])
        floor = ETCD_FLOORS.get(minor)
        if floor is None and Version(text) < Version("3.6"):
            floor = "3.6.14"
        if floor and Version(text) < Version(floor):
            reading.error(
                value,
                f"etcd {text} has known holes in its authentication",
                f"take {floor} or later; {Versions().etcd} is the default",
            )
            return ""
    return text
