"""A request and its answer, as values: sites know no socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Asked:
    """path: without its query. headers: names in small letters. client: the address it came from."""

    method: str
    host: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    client: str = ""


@dataclass(frozen=True)
class Answer:
    """body: bytes, or the file that holds them."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Path = b""


Site = Callable[[Asked], Answer]
NOT_FOUND = Answer(404, {"Content-Type": "text/plain"}, b"Not Found")


def of_file(path: Path | None) -> Answer:
    return Answer(200, {"Content-Type": "application/octet-stream"}, path) if path else NOT_FOUND


def as_json(status: int, values: object, headers: Mapping[str, str] | None = None) -> Answer:
    kind = {"Content-Type": "application/json; charset=utf-8"}
    return Answer(status, {**kind, **(headers or {})}, json.dumps(values).encode())


def sent_on(status: int, url: str) -> Answer:
    return Answer(status, {"Location": url})
