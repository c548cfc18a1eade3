"""When a site that answers "not now" wants to be asked again. Pure.

Retry-After: RFC 9110, 10.2.3, seconds or a date. x-ratelimit-*: what GitHub's API says in its place,
https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping

BUSY = frozenset((429, 503))
UNSAID_SECONDS = 10.0
"""How long a 429 is waited for that does not say how long."""


def seconds(status: int, headers: Mapping[str, str], now: datetime.datetime) -> float | None:
    """How long to wait; None where the answer is no "not now". headers: names in any case, as urllib3 has them."""
    if status in BUSY and (said := headers.get("Retry-After", "").strip()):
        return _retry_after(said, now)
    if is_used_up(status, headers):
        return max(0.0, float(headers.get("X-RateLimit-Reset", "0")) - now.timestamp())
    return UNSAID_SECONDS if status == 429 else None


def is_used_up(status: int, headers: Mapping[str, str]) -> bool:
    """The requests of this hour are used up, and it is said when there are new ones."""
    reset = headers.get("X-RateLimit-Reset", "")
    return status in (403, 429) and headers.get("X-RateLimit-Remaining") == "0" and reset.isdigit()


def _retry_after(said: str, now: datetime.datetime) -> float:
    if said.isdigit():
        return float(said)
    from email.utils import parsedate_to_datetime

    try:
        until = parsedate_to_datetime(said)
    except ValueError:
        return UNSAID_SECONDS
    if until.tzinfo is None:
        until = until.replace(tzinfo=datetime.timezone.utc)
    return max(0.0, (until - now).total_seconds())
