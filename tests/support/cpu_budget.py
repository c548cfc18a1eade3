"""How long a piece of work may take, told apart from what else the test's own process does meanwhile."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def quickly(work: Callable[[], T], seconds: float = 2) -> T:
    """What the work gives. Fails where it takes more than so many seconds of processor time twice in a row.

    Garbage of 50,000 examples takes the collector seconds at a time, and whoever runs then is charged for it.
    """
    found, taken = _timed(work)
    if taken > seconds:
        gc.collect()
        found, taken = _timed(work)
    assert taken <= seconds, f"{taken:.1f} s"
    return found


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.process_time()
    found = work()
    return found, time.process_time() - began
