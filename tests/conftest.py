"""Which tests run only where they are named, and the order of the files, for when two of them run at a time:
``make test`` hands files out in this order.

The lab's own tests want the machine for themselves; what needs no lab passes the time beside them. Then comes what
takes longest, so that nothing long is left for the end.
"""

from __future__ import annotations

import pytest

ORDER = (
    "lab/test_lab",
    "ssh/",
    "unit/",
    "sandbox/",
    "world/",
    "lab/test_cluster",
    "lab/test_trouble",
    "lab/test_faults",
    "lab/test_docker_runtime",
    "lab/test_undo",
    "lab/test_waves",
    "lab/test_world",
    "lab/test_docker_newer",
    "lab/test_addons",
    "lab/test_story",
    "lab/test_docker.",
    "lab/test_routes",
    "lab/test_links",
    "lab/test_ubuntu26",
    "lab/test_firewalls",
    "lab/test_registries",
    "lab/test_images",
    "lab/test_air_gapped",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    items.sort(key=_place)
    if "outside" not in config.option.markexpr:
        outside = [item for item in items if item.get_closest_marker("outside")]
        config.hook.pytest_deselected(items=outside)
        items[:] = [item for item in items if item not in outside]


def _place(item: pytest.Item) -> int:
    path = item.path.as_posix()
    return next((place for place, part in enumerate(ORDER) if f"/tests/{part}" in path), len(ORDER))
