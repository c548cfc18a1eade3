"""What people read of kubeup."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
