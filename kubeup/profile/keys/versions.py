"""Which versions a profile may ask for."""

from __future__ import annotations

import re

from packaging.version import Version

from kubeup import components
from kubeup.model import cluster
from kubeup.profile.keys.base import Form, Group, ProfileKey, Values
from kubeup.profile.reading import ParseContext, expect
from kubeup.profile.tree import Key, YamlValue
from kubeup.release.kubernetes import MINORS, minor_of

PROGRAMS = components.programs()
NAMES = tuple(PROGRAMS)


def _versions(value: YamlValue, key: ProfileKey, reading: ParseContext) -> Values:
    chosen: Values = {}
    for name, item in value.entries:
        if name.text not in NAMES:
            reading.unknown(name, NAMES, "component under versions")
        elif expect(item, "text", reading, key.line):
            version = _version(name, item, reading)
            if version:
                chosen |= (
                    _kubernetes_said(version) if name.text == KUBERNETES.name else {f"versions.{name.text}": version}
                )
    return chosen


def _kubernetes(value: YamlValue, _: ProfileKey, reading: ParseContext) -> Values:
    text = _known(value, reading)
    return _kubernetes_said(text) if text else {}


def _kubernetes_said(text: str) -> Values:
    """Of a minor alone the patch is a first guess, until upstream and the cluster's record were asked."""
    patch = MINORS[text].patch if text in MINORS else text
    return {"versions.kubernetes": patch, "kubernetes_asked": text}


def _known(value: YamlValue, reading: ParseContext) -> str | None:
    """A minor or a patch."""
    text = value.text.removeprefix("v")
    if re.fullmatch(r"[0-9]{1,4}\.[0-9]{1,4}(\.[0-9]{1,4})?", text) and minor_of(text) in MINORS:
        return text
    newest = list(MINORS.values())[-1].patch
    known = ", ".join(MINORS)
    reading.error(value, f"kubeup does not know Kubernetes {value.text}", f"known are {known}; newest: {newest}")
    return None


def _version(name: Key, value: YamlValue, reading: ParseContext) -> str | None:
    text = value.text.removeprefix("v")
    if name.text == KUBERNETES.name:
        return _known(value, reading)
    if not re.fullmatch(r"[0-9]{1,4}\.[0-9]{1,4}(\.[0-9]{1,4})?", text):
        reading.error(value, f"`{value.text}` is not a version", "write it like 3.6.16")
        return None
    return _above_floor(PROGRAMS[name.text], text, value, reading)


def _above_floor(program: cluster.Program, text: str, value: YamlValue, reading: ParseContext) -> str | None:
    floors = dict(program.floors)
    floor, wrong = floors.get(minor_of(text), ""), f"{program.key} {text} has known holes in its {program.holes}"
    oldest = next(iter(floors), "0")
    if Version(text) < Version(oldest):
        floor, wrong = floors[oldest], f"{program.key} {text} is older than what kubeup is tested with"
    if not floor or Version(text) >= Version(floor):
        return text
    reading.error(value, wrong, f"take {floor} or later; {program.version} is the default")
    return None


KUBERNETES = ProfileKey(
    "kubernetes",
    Form("a version", _kubernetes),
    "the version of Kubernetes: `1.37.2`, or `1.37` for its newest patch; a cluster keeps the patch it runs",
    example="1.37",
    unsaid=f"what the cluster runs, at first {cluster.KUBERNETES.version}",
    see="release.md",
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
