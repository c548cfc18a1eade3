"""kube-up's config-default.sh becomes a profile. The file is read, and nothing in it is carried out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kubeup import profile
from kubeup.importer import checks, settings, shell
from kubeup.importer.conversion import Conversion, Fate
from kubeup.importer.shell import ShellNote
from kubeup.model.errors import ProfileError
from kubeup.model.redaction import without_passwords
from kubeup.profile.problem import Position, ProfileProblem

__all__ = ["Imported", "load", "load_bytes", "load_text"]


@dataclass(frozen=True)
class Imported:
    """What a configuration became.

    profile: YAML text that kubeup loads; empty where there are errors. fates: what each old setting became, by line.
    notes: what of the file was not followed. warnings, errors: formatted, each with the old file's line. overridable:
    settings that the environment could have changed when kube-up ran. secret: the profile holds a password.
    """

    path: str
    profile: str
    fates: tuple[Fate, ...]
    notes: tuple[ShellNote, ...]
    warnings: tuple[str, ...]
    errors: tuple[str, ...]
    overridable: tuple[str, ...]
    secret: bool

    def check(self) -> None:
        """Raises ProfileError with all problems, the warnings among them, where there is an error."""
        if not self.errors:
            return
        count = f"{len(self.errors)} problem{'s' if len(self.errors) > 1 else ''}"
        message = f"{self.path}: {count}; no profile was made of it"
        fix = "correct these lines, in a copy if need be, and import again"
        raise ProfileError(message, evidence=(*self.errors, *self.warnings), fix=fix)


def load(path: Path) -> Imported:
    """Read a configuration. Raises ProfileError where the file cannot be read."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ProfileError(f"there is no {path}", fix="kubeup import cluster/ubuntu/config-default.sh") from None
    except OSError as error:
        raise ProfileError(f"{path} cannot be read", evidence=[str(error)], fix="name a file you may read") from error
    return load_bytes(data, str(path))


def load_bytes(data: bytes, file: str) -> Imported:
    """The same for a file's content. file: its name in messages."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ProfileError(f"{file} is no text", evidence=[str(error)], fix="save it as UTF-8 text") from error
    return load_text(text, file)


def load_text(text: str, file: str) -> Imported:
    """The same for a text. Raises ProfileError where it is no configuration at all."""
    if len(text) > shell.LARGEST:
        message = f"{file} has {len(text)} letters, and a configuration no more than {shell.LARGEST}"
        raise ProfileError(message, fix="name kube-up's config-default.sh, not a script or an archive")
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    script = shell.read(unix)
    readable = all(problem.severity != "error" for problem in script.problems)
    conversion = Conversion(unix, script.settings, script.notes, readable, problems=list(script.problems))
    if unix != text:
        conversion.problems.append(
            ProfileProblem(
                Position(1, 1), "", "the lines end as Windows ends them", "no shell reads it so; kubeup does", "warning"
            )
        )
    for setting in script.settings.values():
        if setting.name not in settings.ROLES:
            settings.convert(conversion, setting)
    settings.addons(conversion)
    for check in checks.CHECKS:
        check(conversion)
    written, problems = _examined(conversion, Path(file).name)
    return _imported(conversion, script, file, written, problems)


def _examined(conversion: Conversion, source: str) -> tuple[str, list[ProfileProblem]]:
    """The profile, and what kubeup's own loader says of it, at the old file's places."""
    written, keys = conversion.draft.write(source)
    found = []
    for problem in profile.parse(written, "profile")[1]:
        key = keys.get(problem.place.line, "")
        origins = conversion.draft.origins.get(key, ())
        lacks_roles = key == "nodes" and "roles" in conversion.faulty and not problem.text
        if key in conversion.faulty or not origins or lacks_roles:
            continue
        line = written.split("\n")[problem.place.line - 1]
        nth = line.count(problem.text, 0, problem.place.column - 1) if problem.text else 0
        places = [conversion.place(setting, problem.text, nth) for setting in origins]
        place, text = next((one for one in places if one[1] == problem.text), places[0])
        found.append(ProfileProblem(place, text, problem.message, problem.fix, problem.severity))
    return written, found


def _imported(
    conversion: Conversion, script: shell.Script, file: str, written: str, found: list[ProfileProblem]
) -> Imported:
    problems = sorted(dict.fromkeys((*conversion.problems, *found)), key=lambda one: (one.place.line, one.place.column))
    lines = conversion.text.split("\n")
    told = {
        severity: tuple(one.format(file, lines) for one in problems if one.severity == severity)
        for severity in ("error", "warning")
    }
    return Imported(
        file,
        "" if told["error"] else written,
        tuple(sorted(conversion.fates, key=lambda fate: fate.line)),
        script.notes,
        told["warning"],
        told["error"],
        settings.overridable(script.settings.values()),
        without_passwords(written) != written,
    )
