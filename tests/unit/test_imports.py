"""The architecture's rules, held over the code's own imports. docs/structure.py reads them, and has the floors."""

from __future__ import annotations

import ast
import configparser
import json
import subprocess
import sys
from functools import cache

import pytest

from docs.structure import CHECKOUT, FLOORS, House, Module

ROOT = CHECKOUT / "kubeup"
ONLY = {
    "click": {"cli"},
    "rich": {"report", "cli.console"},
    "jinja2": {"planning.render"},
    "fabric": {"node.ssh.connector"},
    "paramiko": {
        "node.ssh.connector",
        "node.ssh.forwarding",
        "node.ssh.keyring",
        "node.ssh.login",
        "node.ssh.protocol",
        "node.ssh.without_ssh",
        "node.wire.transport",
    },
}
"""Who may import a library: rooms, and single modules."""
PURE = (
    "addons",
    "components",
    "images",
    "importer",
    "model",
    "pki",
    "plan",
    "planning",
    "preflight",
    "profile",
    "release",
    "execution.results",
    "node.agent",
    "validate.checks",
    "validate.evaluate",
    "validate.workloads",
)
"""Rooms, and single modules, that work on values: the same words give the same answer, anywhere and at any time."""
IMPURE = {
    "asyncio",
    "concurrent.futures",
    "fabric",
    "http",
    "multiprocessing",
    "paramiko",
    "select",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "time",
    "urllib.request",
}
FEATURES = {"importer": {"cli", "report"}, "lab": {"cli"}, "tunnel": {"cli"}}
LONGEST = 300


@cache
def house() -> House:
    return House.of(CHECKOUT)


def in_place(name: str, place: str) -> bool:
    """Whether a module is one, or in one."""
    return f"{name}.".startswith(f"kubeup.{place}.")


def is_part(name: str, library: str) -> bool:
    return f"{name}.".startswith(f"{library}.")


def pure() -> list[str]:
    return [name for name in house().modules if any(in_place(name, place) for place in PURE)]


@pytest.mark.parametrize("library", ONLY)
def test_each_library_has_its_few_importers(library: str) -> None:
    importers = {
        name for name, module in house().modules.items() if any(is_part(one, library) for one in module.others)
    }
    assert importers
    assert not {name for name in importers if not any(in_place(name, place) for place in ONLY[library])}


def test_pure_modules_touch_no_socket_process_thread_or_clock() -> None:
    """Neither themselves nor through what of kubeup's they import in turn, the packages around included."""
    found = {}
    for name in pure():
        reached = house().executed(name)
        for other in reached:
            touched = {bad for bad in IMPURE if any(is_part(one, bad) for one in house().modules[other].others)}
            if touched:
                found[name] = (other, touched)
    assert len(pure()) > 50
    assert not found


def test_importing_what_is_pure_loads_nothing_that_is_not() -> None:
    """As Python does it, in a process of its own. Left out: what libraries and the standard library load of these for
    themselves (jinja2 asyncio, cryptography threading, tarfile time): all that pure modules import of others is loaded
    before it is looked at."""
    others = sorted({one for name in pure() for one in house().modules[name].others if not is_part(one, "kubeup")})
    others = [one for one in others if not any(is_part(one, bad) for bad in IMPURE)]
    script = f"""
import importlib, json, sys
for name in {others!r}:
    while name:
        try:
            importlib.import_module(name)
            break
        except ImportError:
            name = name.rpartition(".")[0]
before = set(sys.modules)
for name in {pure()!r}:
    importlib.import_module(name)
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    loaded = json.loads(done.stdout)
    assert set(pure()) <= set(loaded)
    assert not [name for name in loaded if any(is_part(name, bad) for bad in (*IMPURE, "click", "rich"))]


def test_arrows_point_downwards() -> None:
    """From a room to rooms on lower floors, wherever an import stands: in a function and for types, too."""
    assert house().upward() == []


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_can_be_taken_out(feature: str) -> None:
    """Nothing stands on it but its commands, and the words they print."""
    importers = {room for room, below in house().arrows.items() if feature in below}
    assert importers
    assert importers <= FEATURES[feature]


def test_no_modules_import_each_other() -> None:
    assert house().circles() == []


def test_every_room_has_a_floor_and_every_floor_has_rooms() -> None:
    rooms = [room for rooms in FLOORS for room in rooms]
    assert sorted(rooms) == sorted(set(house().arrows) - {""})


def test_nothing_stands_at_the_top_but_the_way_in() -> None:
    assert sorted(path.name for path in ROOT.glob("*.py")) == ["__init__.py", "__main__.py"]


def test_every_package_says_what_it_is_for() -> None:
    packages = [module for module in house().modules.values() if module.path.name == "__init__.py"]
    assert not [module.name for module in packages if not ast.get_docstring(module.tree)]


def test_no_module_only_passes_on_what_another_has() -> None:
    """Two names for a thing are one too many."""
    assert not [module.name for module in house().modules.values() if passes_on(module)]


def passes_on(module: Module) -> bool:
    rest = [one for one in module.tree.body if not isinstance(one, (ast.Expr, ast.Import, ast.ImportFrom))]
    lists = [one for one in rest if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == "__all__"]
    return bool(module.imports) and rest == lists


def test_no_module_is_too_long_to_be_read_at_once() -> None:
    assert not {module.name: module.lines for module in house().modules.values() if module.lines > LONGEST}


def test_an_installed_kubeup_has_every_package() -> None:
    """An editable install finds what setup.cfg forgets."""
    config = configparser.ConfigParser()
    config.read(ROOT.parent / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    folders = {"kubeup", *(str(path.parent.relative_to(ROOT.parent)) for path in ROOT.rglob("*.py"))}
    assert {folder.replace("/", ".") for folder in folders if "/stubs" not in folder} <= listed
