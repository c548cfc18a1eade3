"""The architecture's rules, held over the code's own imports."""

from __future__ import annotations

import ast
import configparser
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "kubeup"
ONLY = {
    "click": {"cli"},
    "rich": {"report", "cli/console", "cli/release"},
    "jinja2": {"planning/render"},
    "urllib3": {"sources/client", "sources/site"},
    "fabric": {"node/ssh/connector"},
    "paramiko": {"node/ssh/connector", "node/wire/transport", "node/ssh/login", "node/ssh/forwarding"},
}
PURE = (
    "profile",
    "importer",
    "model",
    "addons",
    "components",
    "planning",
    "preflight",
    "plan",
    "pki",
    "certificates",
)
IMPURE = {"socket", "subprocess", "threading", "time"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        yield str(path.relative_to(ROOT).with_suffix("")).removesuffix("/__init__"), path


@pytest.mark.parametrize("library", ONLY)
def test_each_library_has_its_few_importers(library: str) -> None:
    importers = {name for name, path in modules() if any(found.split(".")[0] == library for found in imports(path))}
    strangers = {name for name in importers if name not in ONLY[library] and name.split("/")[0] not in ONLY[library]}
    assert importers
    assert not strangers


def test_pure_modules_touch_no_socket_process_thread_or_clock() -> None:
    found = {
        name: IMPURE & {module.split(".")[0] for module in imports(path)}
        for name, path in modules()
        if name.split("/")[0] in PURE
    }
    assert len(found) > 10
    assert not {name: bad for name, bad in found.items() if bad}


def test_arrows_point_downwards() -> None:
    """Nothing below the verbs knows the verbs, the reports or the commands."""
    above = ("kubeup.cli.main", "kubeup.report", "kubeup.commands.up", "kubeup.commands.down")
    below = (
        "node",
        "addons",
        "components",
        "profile",
        "importer",
        "release",
        "sources",
        "planning",
        "plan",
        "model",
        "execution",
    )
    for name, path in modules():
        if name.split("/")[0] in below:
            assert not [module for module in imports(path) if module.startswith(above)], name


def test_an_installed_kubeup_has_every_package() -> None:
    """An editable install finds what setup.cfg forgets."""
    config = configparser.ConfigParser()
    config.read(ROOT.parent / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    folders = {"kubeup", *(str(path.parent.relative_to(ROOT.parent)) for path in ROOT.rglob("*.py"))}
    assert {folder.replace("/", ".") for folder in folders if "/stubs" not in folder} <= listed
