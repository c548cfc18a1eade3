"""The text of a daemon.json of the machine's own, read so that nothing of it is lost when it is written again. Pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping


def read(text: str, lists: Iterable[str]) -> Mapping[str, object]:
    """What it holds, if all of that can be written again. lists: keys of lists of words. Raises ValueError."""
    if not text.strip(" \t\r\n"):
        return {}
    try:
        found = json.loads(text, object_pairs_hook=_each_once, parse_float=_finite, parse_constant=_finite)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(found, dict):
        raise ValueError("it holds no mapping")
    for key in lists:
        values = found.get(key)
        if values is not None and not (isinstance(values, list) and all(isinstance(value, str) for value in values)):
            raise ValueError(f"`{key}` is no list of words")
    return found


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"`{next(name for name in names if names.count(name) > 1)}` is in it twice")
    return found


def _finite(text: str) -> float:
    """Python reads NaN, which is no JSON, and takes 1e400 for infinite."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no number")
    return number
