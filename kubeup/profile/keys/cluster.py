"""What the cluster is called, what its containers run on, and what its owner knows better than preflight."""

from __future__ import annotations

import dataclasses

from kubeup.model.cluster import Runtime
from kubeup.model.preflight_ids import PREFLIGHT_IDS
from kubeup.profile.keys import forms
from kubeup.profile.keys.base import Group, ProfileKey
from kubeup.profile.reading import ParseContext
from kubeup.profile.tree import Key, YamlValue


def _waived(item: YamlValue, key: ProfileKey, reading: ParseContext) -> str | None:
    id_ = forms.as_text(item, key, reading)
    if id_ is not None and id_ not in PREFLIGHT_IDS:
        reading.unknown(Key(id_, item.place), PREFLIGHT_IDS, "preflight problem")
    return id_


GROUP = Group(
    title="The cluster",
    keys=(
        ProfileKey(
            "name",
            forms.word(
                "a name",
                r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?",
                "is not a name of lower-case letters, digits and -",
            ),
            "the cluster's name; also of its context in your kubeconfig",
            example="demo",
            goes="name",
            unsaid="the file's name",
        ),
        ProfileKey(
            "runtime",
            forms.choice("runtime", {one.value: one for one in Runtime}),
            "what runs the containers",
            example="docker",
            goes="runtime",
            unsaid="`docker` if every node runs a usable one, else `containerd`",
        ),
        ProfileKey(
            "containerd_snapshotter",
            forms.choice("snapshotter", {name: name for name in ("overlayfs", "native", "zfs")}),
            "what containerd unpacks images with: `zfs` into a dataset of its own, mounted at "
            "/var/lib/kubeup/containerd/io.containerd.snapshotter.v1.zfs; `native` copies, on any file system",
            example="zfs",
            goes="snapshotter",
            default="overlayfs",
        ),
        ProfileKey(
            "waive",
            dataclasses.replace(forms.list_of("a list of ids", _waived, frozenset), choices=tuple(PREFLIGHT_IDS)),
            "preflight problems to be warned about only, by the ids that stand behind them in brackets",
            example="[swap]",
            goes="waive",
            see="preflight.md",
        ),
    ),
)
