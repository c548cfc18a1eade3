"""github.com, where its files lie, and its API.

* A release's file is a 302 to release-assets.githubusercontent.com with a ticket of minutes in the query:
  docs.github.com/en/actions/concepts/runners/communicating-with-self-hosted-runners (the host), and the transcript in
  DataDog/documentation#24206.
* The API: docs.github.com/en/rest/releases/releases ("get a release by tag name"; ``assets[].digest``) and GitHub's
  changelog of 2025-06-03; .../rest/using-the-rest-api/rate-limits-for-the-rest-api (60 an hour and address without a
  login, x-ratelimit-*, 403 with x-ratelimit-remaining 0); .../getting-started-with-the-rest-api (no User-Agent: 403).
"""

from __future__ import annotations

import re
from pathlib import Path

from tests.world.exchange import NOT_FOUND, Answer, Asked, Site, as_json, of_file, sent_on
from tests.world.shelf import Shelf
from tests.world.tickets import Tickets, signed

ASSETS = "release-assets.githubusercontent.com"
TICKET = ("se", "sig")
HOUR = 3600
LIMIT = 60
RATE_LIMITS = "https://docs.github.com/rest/overview/resources-in-the-rest-api#rate-limiting"


class GitHub:
    """left: how many requests the API answers an address in this hour yet."""

    def __init__(self, shelf: Shelf, tickets: Tickets, left: int = LIMIT) -> None:
        self._shelf, self._tickets, self._left = shelf, tickets, left
        self._assets: dict[str, Path] = {}
        self._spent: dict[str, int] = {}
        self._reset = int(tickets.now()) + HOUR
        self.sites: dict[str, Site] = {"github.com": self._page, ASSETS: self._asset, "api.github.com": self._api}

    def release(self, repository: str, tag: str) -> Answer:
        """What the API says of a release. repository: OWNER/NAME."""
        files = self._shelf.release(repository, tag)
        if not files:
            return as_json(404, {"message": "Not Found", "status": "404"})
        assets = [
            {
                "id": number,
                "name": name,
                "state": "uploaded",
                "size": path.stat().st_size,
                "digest": f"sha256:{self._shelf.sum_of(path)}",
                "browser_download_url": f"https://github.com/{repository}/releases/download/{tag}/{name}",
            }
            for number, (name, path) in enumerate(sorted(files.items()), 1)
        ]
        return as_json(200, {"id": 1, "tag_name": tag, "draft": False, "prerelease": False, "assets": assets})

    def _page(self, asked: Asked) -> Answer:
        file = self._shelf.file(f"github.com{asked.path}")
        if file is None:
            return NOT_FOUND
        place = f"/github-production-release-asset/1/{signed(asked.path)[:32]}"
        self._assets[place] = file
        return sent_on(302, self._tickets.url(f"{ASSETS}{place}", TICKET))

    def _asset(self, asked: Asked) -> Answer:
        return self._tickets.refusal(asked, TICKET) or of_file(self._assets.get(asked.path))

    def _api(self, asked: Asked) -> Answer:
        if not asked.headers.get("user-agent"):
            return Answer(403, {}, b"Request forbidden by administrative rules.")
        if self._tickets.now() >= self._reset:
            self._spent, self._left, self._reset = {}, LIMIT, int(self._tickets.now()) + HOUR
        spent = self._spent[asked.client] = self._spent.get(asked.client, 0) + 1
        limits = {
            "x-ratelimit-limit": str(LIMIT),
            "x-ratelimit-remaining": str(max(0, self._left - spent)),
            "x-ratelimit-reset": str(self._reset),
            "x-ratelimit-resource": "core",
        }
        if spent > self._left:
            told = {"message": f"API rate limit exceeded for {asked.client}.", "documentation_url": RATE_LIMITS}
            return as_json(403, told, limits)
        found = re.fullmatch(r"/repos/([^/]+/[^/]+)/releases/tags/([^/]+)", asked.path)
        answer = self.release(*found.groups()) if found else NOT_FOUND
        return Answer(answer.status, {**answer.headers, **limits}, answer.body)
