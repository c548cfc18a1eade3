"""How much the fuzzers try: 1,000 examples each, or as many as KUBEUP_FUZZ says (`make soak`: 100,000)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

FUZZ = int(os.environ.get("KUBEUP_FUZZ", "1000"))


def fuzz(share: float = 1) -> settings:
    """share: of the examples, where each of them is many, or asks another program."""
    return settings(max_examples=max(1, round(FUZZ * share)), deadline=None, suppress_health_check=list(HealthCheck))
