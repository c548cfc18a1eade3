"""The bench at which files are built: one folder and one log a build, steps that say they are still at work."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubeup.model.errors import ReleaseError
from kubeup.release.artifacts import ArtifactRef, Building, ReleaseSink

LIMIT = 3600.0
SAY_SECONDS = 2.0


class NotPublishedError(ReleaseError):
    """Nobody here has what is to be built in this version."""


@dataclass(frozen=True)
class Workshop:
    """Where one module is built: its folder, the log of all its steps, and who is told."""

    go: str
    folder: Path
    log: Path
    emit: ReleaseSink


def check_compiler(wanted: ArtifactRef) -> None:
    """Raises ReleaseError where nothing here compiles C for an architecture."""
    if shutil.which("cc") is None:
        raise ReleaseError(f"{wanted.title} needs a C compiler", fix="apt-get install gcc libc6-dev libseccomp-dev")
    check_machine(wanted)


def check_machine(wanted: ArtifactRef) -> None:
    """Raises ReleaseError where a file takes something of this machine, which is of another architecture."""
    if wanted.arch != machine_arch():
        raise ReleaseError(
            f"{wanted.title} takes a compiler or libraries for {wanted.arch}, and cannot be built on {machine_arch()}",
            fix="take it from another source",
        )


def machine_arch() -> str:
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)


def source(shop: Workshop, module: str, version: str) -> Path:
    what = f"fetching {module} {version}"
    output = fetch(shop, ["go", "mod", "download", "-json", f"{module}@v{version}"], what, outside=True)
    found = re.search(r'"Dir": "([^"]+)"', output)
    if found is None:
        raise ReleaseError(f"the Go module {module} v{version} is not to be had", evidence=output.split("\n")[-5:])
    return Path(found.group(1))


def fetch(shop: Workshop, argv: Sequence[str], what: str, outside: bool = False) -> str:
    """Run what brings a version's source. Raises NotPublishedError where it cannot be had."""
    try:
        return run(shop, argv, what, outside=outside)
    except ReleaseError as error:
        raise NotPublishedError(error.message, evidence=error.evidence, fix=error.fix) from error


def run(
    shop: Workshop, argv: Sequence[str], what: str, environment: Mapping[str, str] | None = None, outside: bool = False
) -> str:
    """Run one step, saying every few seconds that it is still at work; returns what it printed.

    The user's own Go settings hold. outside: not within the build's module.
    """
    begin = time.monotonic()
    full = {**os.environ, "GOWORK": "off", **(environment or {})}
    real = [*_mortal(), shop.go if argv[0] == "go" else argv[0], *argv[1:]]
    where = shop.log.parent if outside else shop.folder
    with shop.log.open("ab") as out:
        out.write(f"$ {shlex.join(argv)}\n".encode())
        out.flush()
        start = out.tell()
        # A session of its own: Ctrl-C reaches the compilers through us, all of them.
        process = subprocess.Popen(
            real, cwd=where, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=full, start_new_session=True
        )
        try:
            status = _wait(process, what, begin, shop)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    with shop.log.open("rb") as log:
        log.seek(start)
        output = log.read().decode("utf-8", "replace")
    if status:
        raise ReleaseError(f"{what} failed", evidence=[*output.rstrip().split("\n")[-12:], f"all of it: {shop.log}"])
    return output


def _mortal() -> list[str]:
    """A build ends with kubeup even where kubeup is killed; util-linux has the command on every Debian and Ubuntu."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


def _wait(process: subprocess.Popen[bytes], what: str, begin: float, shop: Workshop) -> int:
    while True:
        spent = time.monotonic() - begin
        shop.emit(Building(what, spent))
        if spent > LIMIT:
            raise ReleaseError(f"{what} took more than {LIMIT:.0f} s", evidence=[f"all of it: {shop.log}"])
        try:
            return process.wait(timeout=SAY_SECONDS)
        except subprocess.TimeoutExpired:
            continue
