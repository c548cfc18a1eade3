"""How the script that holds validate's pods waits for them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from kubeup.validate import held_pods

SCRIPT = (Path(held_pods.__file__).parent / "pods.sh").read_text()
# An API server that answers so many questions with an error.
ADMIN = """
admin() { echo "$*" >>asked; [ "$(wc -l <asked)" -gt MISSES ]; }
"""


@pytest.mark.parametrize("misses", [0, 1, 3])
def test_a_wait_that_ends_before_its_time_is_taken_up_again(tmp_path: Path, misses: int) -> None:
    (waits,) = re.findall(r"^until_ready\(\) \{\n.*?^\}\n", SCRIPT, re.MULTILINE | re.DOTALL)
    script = f"LABEL=kubeup-validate RUN=one\n{ADMIN.replace('MISSES', str(misses))}\n{waits}\nuntil_ready"
    subprocess.run(["sh", "-c", script], cwd=tmp_path, check=True, timeout=30)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert len(asked) == misses + 1
    assert all(
        re.search(r"wait --for=condition=Ready pod -l app=kubeup-validate,run=one --timeout=(\d+)s$", one)
        for one in asked
    )
