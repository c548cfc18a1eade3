"""What README.md and docs/ say of files and names, against the files and names there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.support.docs import ROOT, TEXTS

TOP = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")}
ROOMS = {path.name for path in (ROOT / "kubeup").iterdir() if path.is_dir()}
FILE = re.compile(r"[\w-]+\.(py|sh)")
NOT_OURS = {"config-default.sh", "kube-down.sh", "kube-up.sh"}
"""Files of others, called as ours could be."""


def quoted(text: str, recipes: bool = False) -> list[str]:
    """What stands in backticks in prose: pieces of code are left out, and in recipes what says where they go."""
    before = r"(?:^[^\n]+\n)+\n" if recipes else ""
    prose = re.sub(before + r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.findall(r"`([^`\n]+)`", prose)


def is_path(word: str) -> bool:
    """Of this checkout: it begins with a folder of the top, or of kubeup/. Placeholders are in capitals."""
    return re.fullmatch(r"[\w./-]+", word) is not None and "/" in word and word.split("/")[0] in TOP | ROOMS


def exists(word: str, text: Path) -> bool:
    return any((folder / word).exists() for folder in (ROOT, ROOT / "kubeup", text.parent))


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_files_and_folders_that_are_named_exist(text: Path) -> None:
    words = quoted(text.read_text(), recipes=text.name == "contributing.md")
    paths = [word for word in words if is_path(word) and not re.search("[A-Z]{3,}", word)]
    assert not [word for word in paths if not exists(word, text)]
    files = [word for word in words if FILE.fullmatch(word) and word not in NOT_OURS and not word.isupper()]
    assert not [word for word in files if not any(ROOT.glob(f"[!.]*/**/{word}"))]


@pytest.mark.parametrize("text", TEXTS, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings(text: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", text.read_text()):
        if link.startswith("http"):
            continue
        path, _, heading = link.partition("#")
        target = (text.parent / path).resolve() if path else text
        assert target.exists(), link
        headings = re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE) if heading else []
        assert not heading or heading in [anchor(one) for one in headings], link


def anchor(heading: str) -> str:
    """As GitHub makes them."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_names_in_the_walk_through_an_up_are_names_of_the_code() -> None:
    """``module.name`` is something that a module of that name has; ``Name`` is a class."""
    trees = {path: ast.parse(path.read_text()) for path in (ROOT / "kubeup").rglob("*.py")}
    classes = {node.name for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    names = set()
    for path, tree in trees.items():
        module = path.parent.name if path.name == "__init__.py" else path.stem
        names |= {f"{module}.{one.name}" for one in tree.body if isinstance(one, (ast.FunctionDef, ast.ClassDef))}
    walk = (ROOT / "docs/architecture.md").read_text().partition("## The walk")[2].partition("\n## ")[0]
    words = quoted(walk)
    calls = [word for word in words if re.fullmatch(r"[a-z_.]+\.\w+", word) and not FILE.fullmatch(word)]
    assert len(calls) > 8
    assert not [word for word in calls if ".".join(word.split(".")[-2:]) not in names]
    types = [word for word in words if re.fullmatch("[A-Z][a-z]+[A-Za-z]*", word)]
    assert len(types) > 8
    assert not set(types) - classes
