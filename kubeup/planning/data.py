"""Where the files that ship with kubeup are: inside an installed package, or beside it in a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from kubeup.model.errors import KubeupError

PACKAGE = Path(__file__).resolve().parents[1]


@cache
def folder(name: str) -> Path:
    """``templates`` or ``profiles``. An editable install does not see them through importlib.resources."""
    for candidate in (PACKAGE / "data_files" / name, PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise KubeupError(f"kubeup's own folder {name}/ is missing", fix="install kubeup again")
