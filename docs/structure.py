"""The house as its imports have it: draws it into docs/architecture.md, and counts.

python docs/structure.py                      # draws it anew
python docs/structure.py --check              # fails where the drawing is stale
python docs/structure.py --figures [CHECKOUT] # what is long, what points upward
"""

from __future__ import annotations

import argparse
import ast
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
DRAWING = CHECKOUT / "docs/architecture.md"
COMMAND = "python docs/structure.py"
BEGIN, END = f"<!-- drawn by: {COMMAND} -->", "<!-- end of the drawing -->"
FLOORS = (
    ("cli",),
    ("report",),
    ("commands",),
    ("image_store", "validate"),
    ("execution",),
    ("planning",),
    ("importer", "preflight", "tunnel"),
    ("node/agent", "node/wire", "profile"),
    ("components",),
    ("addons", "node/ssh", "sources"),
    ("release",),
    ("images", "lab", "pki", "plan"),
    ("model",),
)
"""From the roof to the cellar. A room imports from rooms on lower floors, from no other and never from a higher one."""
SPLIT = ("node",)
"""Folders that are no room but hold rooms."""
LONG_FUNCTION = 40


@dataclass(frozen=True)
class Module:
    """A module of kubeup's. name: dotted, a package's without ``__init__``. imports: of kubeup's own, wherever in it
    they stand: at the top, in a function, under TYPE_CHECKING. others: dotted names of everybody else's."""

    name: str
    path: Path
    tree: ast.Module
    imports: frozenset[str]
    others: frozenset[str]

    @property
    def room(self) -> str:
        """The folder it stands in, below kubeup/; empty for what stands in none."""
        parts = self.name.split(".")[1:]
        is_package = self.path.name == "__init__.py"
        folders = parts if is_package else parts[:-1]
        if folders and folders[0] in SPLIT:
            return "/".join(folders[:2]) if len(folders) > 1 else ""
        return folders[0] if folders else ""

    @property
    def lines(self) -> int:
        return len(self.path.read_text().splitlines())

    def long_functions(self) -> Iterator[tuple[str, int]]:
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1
                if lines > LONG_FUNCTION:
                    yield f"{self.name}.{node.name}", lines


@dataclass(frozen=True)
class House:
    """The modules of a checkout, by name."""

    modules: Mapping[str, Module]

    @staticmethod
    def of(checkout: Path) -> House:
        paths = {_dotted(path.relative_to(checkout)): path for path in sorted((checkout / "kubeup").rglob("*.py"))}
        modules = {}
        for name, path in paths.items():
            tree = ast.parse(path.read_text())
            found = {_longest(one, paths) for one in _imported(tree)}
            own = frozenset(one for one in found if one in paths)
            modules[name] = Module(name, path, tree, own - {name}, frozenset(found - own))
        return House(modules)

    @cached_property
    def arrows(self) -> Mapping[str, frozenset[str]]:
        """Room -> the rooms it imports from."""
        found: dict[str, set[str]] = {}
        for module in self.modules.values():
            rooms = found.setdefault(module.room, set())
            rooms.update(self.modules[one].room for one in module.imports)
        return {room: frozenset(rooms - {room, ""}) for room, rooms in found.items()}

    def upward(self) -> list[tuple[str, str]]:
        """(importer, imported) whose arrow between rooms does not go down. What stands in no room may import all."""
        height = {room: -number for number, rooms in enumerate(FLOORS) for room in rooms}
        return [
            (module.name, one)
            for module in self.modules.values()
            for one in sorted(module.imports)
            if module.room and module.room != (room := self.modules[one].room) and room
            if height.get(module.room, 0) <= height.get(room, 1)
        ]

    def circles(self) -> list[tuple[str, ...]]:
        """Modules that import each other, however many lie between."""
        reach = {name: self.reached((name,)) for name in self.modules}
        groups = {tuple(sorted(other for other in reach[name] if name in reach[other])) for name in self.modules}
        return sorted(group for group in groups if len(group) > 1)

    def reached(self, names: tuple[str, ...]) -> frozenset[str]:
        """Modules, and all that they import in turn."""
        found = set(names)
        waiting = list(names)
        while waiting:
            new = self.modules[waiting.pop()].imports - found
            found |= new
            waiting += new
        return frozenset(found)

    def executed(self, name: str) -> frozenset[str]:
        """Modules whose code runs when one is imported: what it imports in turn, and the packages around each."""
        found: frozenset[str] = frozenset()
        names: tuple[str, ...] = (name,)
        while names:
            found |= self.reached(names)
            around = {".".join(one.split(".")[:end]) for one in found for end in range(1, one.count(".") + 1)}
            names = tuple(around - found)
        return found

    def sentence(self, room: str) -> str:
        """What a room is for: the first sentence of its docstring."""
        text = ast.get_docstring(self.modules[f"kubeup.{room.replace('/', '.')}"].tree) or ""
        return " ".join(text.split("\n\n")[0].split()).split(". ")[0].rstrip(".") + "."


def _dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _imported(tree: ast.Module) -> Iterator[str]:
    """Of ``from a import b`` it is a.b: which of the two is a module, ``_longest`` finds out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _longest(name: str, modules: Mapping[str, Path]) -> str:
    if name in modules:
        return name
    parent = name.rpartition(".")[0]
    return parent if parent in modules else name


def drawing(house: House) -> str:
    """Floor by floor: each room, what it is for, and the rooms below that it imports from."""
    width = max(len(room) for rooms in FLOORS for room in rooms) + 2
    order = [room for rooms in FLOORS for room in rooms]
    lines = [BEGIN, "```"]
    for number, rooms in enumerate(FLOORS):
        lines += [""] if number else []
        for room in rooms:
            below = sorted(house.arrows.get(room, ()), key=order.index)
            text = [house.sentence(room), *([f"-> {', '.join(below)}"] if below else [])]
            wrapped = [line for one in text for line in textwrap.wrap(one, 118 - width, subsequent_indent="   ")]
            lines += [f"{room if not at else '':{width}}{line}" for at, line in enumerate(wrapped)]
    return "\n".join([*lines, "```", END])


def drawn(text: str, house: House) -> str:
    """A text with its drawing made anew. Raises ValueError where it has no place for one."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no line {BEGIN} and {END} after it")
    return f"{before}{drawing(house)}{after}"


def figures(house: House) -> str:
    top = [name for name, module in house.modules.items() if module.path.parent.name == "kubeup"]
    longest = max(house.modules.values(), key=lambda module: module.lines)
    functions = sorted(
        (one for module in house.modules.values() for one in module.long_functions()), key=lambda one: -one[1]
    )
    # What stands flat at the top has no floor that an arrow could go up from.
    known = len(top) <= 2 and set(house.arrows) - {""} <= {room for rooms in FLOORS for room in rooms}
    lines = [
        f"modules at the top         {len(top)}",
        f"longest module             {longest.lines} lines, {longest.name}",
        f"functions over {LONG_FUNCTION} lines    {len(functions)}",
        *(f"  {lines:>3} {name}" for name, lines in functions),
        f"imports upward             {len(house.upward()) if known else 'no floors to count by'}",
        f"circles                    {len(house.circles())}",
        *(f"  {' <-> '.join(circle)}" for circle in house.circles()),
        f"rooms, arrows between them {len(set(house.arrows) - {''})}, {sum(map(len, house.arrows.values()))}",
    ]
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="Only compare.")
    parser.add_argument("--figures", nargs="?", const=CHECKOUT, type=Path, metavar="CHECKOUT", help="Print figures.")
    options = parser.parse_args(arguments)
    if options.figures:
        print(figures(House.of(options.figures)))
        return
    text = DRAWING.read_text()
    new = drawn(text, House.of(CHECKOUT))
    if options.check and new != text:
        sys.exit(f"docs/architecture.md does not show the imports as they are now. Draw it anew: {COMMAND}")
    if not options.check:
        DRAWING.write_text(new)


if __name__ == "__main__":
    main(sys.argv[1:])
