"""What tests of several rooms are given."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.archives import Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: bytes) -> Path:
        path = tmp_path / "archive"
        path.write_bytes(content)
        return path

    return write
