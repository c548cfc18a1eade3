"""Images are taken out of a Docker that stays, by a shell, with a Docker that says what Docker says."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from kubeup.components.docker import remove_images

Remove = Callable[..., subprocess.CompletedProcess[str]]
SYSTEMCTL = "#!/bin/sh\nexit 0\n"
# Its images are files; one called used:1 is in use.
DOCKER = """#!/bin/sh
fail() { echo "Error response from daemon: $*" >&2; exit 1; }
[ "$3" != used:1 ] || fail "conflict: container 1 is using its referenced image"
[ -e "$IMAGES/$3" ] || fail "No such image: $3"
rm "$IMAGES/$3" && echo "Untagged: $3"
"""


@pytest.fixture
def remove(tmp_path: Path) -> Remove:
    for name, script in (("systemctl", SYSTEMCTL), ("docker", DOCKER)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)

    def run(*names: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "IMAGES": str(tmp_path)}
        argv = ["sh", "-c", remove_images(names)]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=20, check=False)

    return run


def test_an_image_that_is_gone_already_is_no_failure_and_the_next_one_goes(remove: Remove, tmp_path: Path) -> None:
    (tmp_path / "there:1").touch()
    done = remove("gone:1", "there:1", "gone:1")
    assert (done.returncode, done.stderr) == (0, "")
    assert not (tmp_path / "there:1").exists()


def test_one_that_docker_keeps_is_told_and_the_others_go(remove: Remove, tmp_path: Path) -> None:
    (tmp_path / "there:1").touch()
    done = remove("used:1", "there:1")
    assert done.returncode != 0
    assert "using its referenced image" in done.stderr
    assert not (tmp_path / "there:1").exists()
