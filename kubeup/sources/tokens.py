"""Tokens that registries such as Docker Hub and GitHub's want, of everybody.

Protocol: https://distribution.github.io/distribution/spec/auth/token/
"""

from __future__ import annotations

import json
import re
import urllib.parse


def repository(url: str) -> str:
    """What a token is for: the part of a registry's URL before its manifests or blobs; empty for any other URL."""
    found = re.match(r"(.+/v2/.+)/(?:manifests|blobs)/[^/]+$", url)
    return found.group(1) if found else ""


def place(challenge: str) -> str:
    """The URL that gives the token a registry asks for; empty where it asks for something else."""
    kind, _, rest = challenge.partition(" ")
    values = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    realm = values.pop("realm", "")
    if kind.lower() != "bearer" or not realm.startswith(("https://", "http://")):
        return ""
    asked = {name: text for name, text in values.items() if name in ("service", "scope")}
    return f"{realm}{'&' if '?' in realm else '?'}{urllib.parse.urlencode(asked)}"


def token(answer: bytes) -> str:
    """The token in the answer of such a place; empty where there is none."""
    try:
        values = json.loads(answer)
    except ValueError:
        return ""
    found = (values.get("token") or values.get("access_token")) if isinstance(values, dict) else ""
    return found if isinstance(found, str) else ""
