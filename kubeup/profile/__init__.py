"""A profile's text becomes a Cluster. All problems are told at once, each with its place and what to write instead."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kubeup.model.cluster import Cluster
from kubeup.model.errors import ProfileError
from kubeup.profile import assemble, lint, tree
from kubeup.profile.problem import MOST, ProfileProblem
from kubeup.profile.reading import ParseContext


@dataclass(frozen=True)
class LoadedProfile:
    """A profile that can be used. warnings: formatted; what a person should know all the same."""

    cluster: Cluster
    warnings: tuple[str, ...]
    path: str


def load(path: Path, folder: Path | None = None) -> LoadedProfile:
    """Read a profile. folder: what paths in it are relative to, its own if not said. Raises ProfileError with every
    problem."""
    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        raise ProfileError(
            f"there is no {path}", fix=f"kubeup profile example >{path} writes one to begin with"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(f"{path} cannot be read", evidence=[str(error)], fix="save it as UTF-8 text") from error
    return load_text(text, str(path), folder or path.parent)


def load_text(text: str, file: str, folder: Path = Path()) -> LoadedProfile:
    """The same for a text. file: its name in messages; folder: what paths in it are relative to."""
    cluster, problems = parse(text, Path(file).stem, folder)
    lines = text.split("\n")
    errors = [problem for problem in problems if problem.severity == "error"]
    if errors or cluster is None:
        count = f"{len(errors)} problem{'s' if len(errors) > 1 else ''}"
        more = [f"... and {len(errors) - MOST} more"] if len(errors) > MOST else []
        raise ProfileError(
            f"{file}: {count}; no node was contacted",
            evidence=[*(problem.format(file, lines) for problem in errors[:MOST]), *more],
            fix="kubeup profile keys",
        )
    warnings = tuple(problem.format(file, lines) for problem in problems if problem.severity == "warning")
    return LoadedProfile(cluster, warnings, file)


def parse(text: str, stem: str, folder: Path = Path()) -> tuple[Cluster | None, list[ProfileProblem]]:
    """The cluster, and all problems by their places. stem: the file's, of which the name is made."""
    root, problems = tree.read(text)
    cluster = None
    if root is not None:
        reading = ParseContext(problems, folder)
        cluster = assemble.cluster(root, reading, stem)
        if cluster is not None:
            lint.check(cluster, reading)
    problems.sort(key=lambda problem: (problem.place.line, problem.place.column))
    return cluster, problems
