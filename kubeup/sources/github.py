"""The sha256 that GitHub publishes of each file of a release: one request a release, remembered in the cache.

https://docs.github.com/en/rest/releases/releases#get-a-release-by-tag-name, ``assets[].digest``, there since June 2025
(https://github.blog/changelog/2025-06-03-releases-now-expose-digests-for-release-assets/); files uploaded before that
have null there, which is as if there were none.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from kubeup.release.artifacts import ReleaseSink
from kubeup.sources import cache, come_back
from kubeup.sources.site import Site, UnavailableError

RELEASE_FILE = re.compile(r"github\.com/([^/]+/[^/]+)/releases/download/([^/]+)/([^/]+)")
API = "api.github.com/repos/{}/releases/tags/{}"
HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
LIMIT = 8 << 20


def digest(site: Site, root: Path, path: str, emit: ReleaseSink) -> str:
    """Hexadecimal sha256 of a release's file; empty where GitHub has none. path: of the file, from github.com on.

    Raises UnavailableError where the API cannot be asked.
    """
    found = RELEASE_FILE.fullmatch(path)
    if found is None:
        return ""
    repository, tag, file = found.groups()
    url = site.place(API.format(repository, tag))
    known = root / "digests" / f"{re.sub(r'[^A-Za-z0-9._-]+', '_', url)}.json"
    with cache.locked(known.with_suffix(".lock"), f"asking {url}", emit):
        digests = _remembered(known)
        if file not in digests:
            digests = _digests(_ask(site, url))
            partial = known.with_suffix(f".new{os.getpid()}")
            partial.write_text(json.dumps(digests) + "\n")
            partial.rename(known)
    return digests.get(file, "")


def _remembered(path: Path) -> Mapping[str, str]:
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _ask(site: Site, url: str) -> bytes:
    # A mirror is not told it, nor whom GitHub redirects to.
    token = os.environ.get("GITHUB_TOKEN", "") if site.is_upstream else ""
    try:
        return site.read(url, LIMIT, {**HEADERS, **({"Authorization": f"Bearer {token}"} if token else {})})
    except UnavailableError as error:
        if token and error.status == 401:
            # It is no longer good, and what is asked for is public.
            return site.read(url, LIMIT, HEADERS)
        if not come_back.is_used_up(error.status, error.headers):
            raise
        until = datetime.datetime.fromtimestamp(int(error.headers["X-RateLimit-Reset"]), datetime.timezone.utc)
        advice = "" if token else "; with GITHUB_TOKEN in the environment there are more"
        raise UnavailableError(
            f"GitHub's requests of this hour are used up until {until:%H:%M} UTC{advice}", error.status
        ) from error


def _digests(content: bytes) -> Mapping[str, str]:
    """File name -> sha256, empty for null."""
    try:
        assets = json.loads(content)["assets"]
        named = {str(one["name"]): str(one.get("digest") or "") for one in assets}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UnavailableError("what GitHub's API sent speaks of no release") from error
    return {
        name: sum_of.group(1) if (sum_of := re.fullmatch(r"sha256:([0-9a-f]{64})", text)) else ""
        for name, text in named.items()
    }
