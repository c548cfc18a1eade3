"""URLs that serve for some minutes, to whom they were given, as object storage has them.

Who says an Authorization beside the ticket is refused: renovatebot/renovate#5155 and sigmavirus24/github3.py#219, both
with what S3 answered. One that expired is a 403: phanimahesh in emqx/emqx#2659, containerd/stargz-snapshotter#167.
"""

from __future__ import annotations

import hashlib
import hmac
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass

from tests.world.exchange import Answer, Asked

SECRET = b"the world's"


def signed(what: str) -> str:
    return hmac.new(SECRET, what.encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True)
class Tickets:
    """seconds: how long one is good. now: the clock. A ticket's names are those of (expiry, signature) in a query."""

    now: Callable[[], float]
    seconds: int = 300

    def url(self, place: str, names: tuple[str, str]) -> str:
        """A URL with a ticket. place: HOST/PATH."""
        until = str(int(self.now()) + self.seconds)
        query = {names[0]: until, names[1]: signed(f"{place} {until}")}
        return f"https://{place}?{urllib.parse.urlencode(query)}"

    def refusal(self, asked: Asked, names: tuple[str, str]) -> Answer | None:
        """None for a good ticket."""
        if "authorization" in asked.headers:
            return Answer(400, {}, b"<Code>InvalidArgument</Code><Message>Only one auth mechanism allowed</Message>")
        until, signature = (asked.query.get(name, "") for name in names)
        if not hmac.compare_digest(signature, signed(f"{asked.host}{asked.path} {until}")):
            return Answer(403, {}, b"<Code>SignatureDoesNotMatch</Code>")
        if int(until) < self.now():
            return Answer(403, {}, b"<Code>AccessDenied</Code><Message>Request has expired</Message>")
        return None
