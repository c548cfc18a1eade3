"""How the script that holds validate's pods waits for them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from kubeup.validate import held_pods

SCRIPT = (Path(held_pods.__file__).parent / "pods.sh").read_text()
# An API server that answers so many waits with an error, and calls a pod unready at so many looks after one.
ADMIN = """
admin() {
    case $1 in
        wait) echo "$*" >>waits; [ "$(wc -l <waits)" -gt MISSES ] ;;
        get) echo look >>looks; echo True; if [ "$(wc -l <looks)" -gt UNREADY ]; then echo True; else echo False; fi ;;
    esac
}
"""


def waits(folder: Path, *, misses: int = 0, unready: int = 0) -> list[str]:
    functions = [
        re.findall(rf"^{name}\(\) \{{\n.*?^\}}\n", SCRIPT, re.MULTILINE | re.DOTALL)[0]
        for name in ("until_ready", "all_ready")
    ]
    api = ADMIN.replace("MISSES", str(misses)).replace("UNREADY", str(unready))
    script = "\n".join(["LABEL=kubeup-validate RUN=one", api, *functions, "until_ready"])
    subprocess.run(["sh", "-c", script], cwd=folder, check=True, timeout=30)
    return (folder / "waits").read_text().splitlines()


@pytest.mark.parametrize("misses", [0, 1, 3])
def test_a_wait_that_ends_before_its_time_is_taken_up_again(tmp_path: Path, misses: int) -> None:
    asked = waits(tmp_path, misses=misses)
    assert len(asked) == misses + 1
    assert all(
        re.search(r"wait --for=condition=Ready pod -l app=kubeup-validate,run=one --timeout=(\d+)s$", one)
        for one in asked
    )


def test_a_pod_that_is_unready_again_when_all_were_waited_for_has_the_rest_of_the_minute(tmp_path: Path) -> None:
    assert len(waits(tmp_path, unready=2)) == 3
