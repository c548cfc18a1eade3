"""Where binaries come from: the profile's ordered sources, one after the other, until one has it."""

from __future__ import annotations

from kubeup.release.addon_images import BY_ADDON, AddonImage, addon_images
from kubeup.release.catalog import BY_NAME, ROWS
from kubeup.release.model import (
    Artifact,
    Building,
    Download,
    Got,
    Progress,
    ReleaseEvent,
    Tried,
    Wanted,
    Without,
    cache_root,
)
from kubeup.release.search import attempt, resolve

__all__ = [
    "BY_ADDON",
    "BY_NAME",
    "ROWS",
    "AddonImage",
    "Artifact",
    "Building",
    "Download",
    "Got",
    "Progress",
    "ReleaseEvent",
    "Tried",
    "Wanted",
    "Without",
    "addon_images",
    "attempt",
    "cache_root",
    "resolve",
    "version_field",
]


def version_field(name: str) -> str:
    """Which field of model.Versions speaks of a binary."""
    return BY_NAME[name].version
