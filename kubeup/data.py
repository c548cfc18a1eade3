"""Where the files that ship with kubeup are: inside an installed package, or beside it in a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from kubeup.model.errors import KubeupError

HERE = Path(__file__).resolve().parent


@cache
def folder(name: str) -> Path:
    """``templates`` or ``profiles``. An editable install does not see them through importlib.resources."""
    for candidate in (HERE / "data_files" / name, HERE.parent / name):
        if candidate.is_dir():
            return candidate
    raise KubeupError(f"kubeup's own folder {name}/ is missing", fix="install kubeup again")
