"""The profile that a configuration becomes: YAML, each value with the setting it came from."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from kubeup.importer.values import Setting

Data: TypeAlias = "str | int | bool | Sequence[Data] | Mapping[str, Data]"
PLAIN = re.compile(r"[A-Za-z0-9/][A-Za-z0-9_./@:-]*(?<!:)")
RESERVED = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
WIDTH = 110
ORDER = (
    "nodes",
    "roles",
    "service_cluster_ip_range",
    "flannel_net",
    "node_mask",
    "flannel_backend",
    "dns_server_ip",
    "dns_domain",
    "node_port_range",
    "proxy_mode",
    "ssh",
    "proxy",
    "registry_mirrors",
    "insecure_registries",
    "addons",
)


@dataclass
class Draft:
    """values: by the profile's key. origins: the settings that a key's value came from."""

    values: dict[str, Data] = field(default_factory=dict)
    origins: dict[str, tuple[Setting, ...]] = field(default_factory=dict)

    def put(self, key: str, value: Data, *settings: Setting) -> None:
        """Sets a key; a mapping joins what is there."""
        current = self.values.get(key)
        self.values[key] = _joined(current, value) if isinstance(current, Mapping) else value
        self.origins[key] = tuple(dict.fromkeys((*self.origins.get(key, ()), *settings)))

    def write(self, source: str) -> tuple[str, dict[int, str]]:
        """The text, and which key each of its lines (1-based) belongs to. source: the old file's name."""
        lines = [f"# Made of {printable(source)} by `kubeup import`; docs/import.md says what became of each setting."]
        keys: dict[int, str] = {}
        rank = {key: number for number, key in enumerate(ORDER)}
        for key in sorted(self.values, key=lambda key: (rank.get(key, len(ORDER)), key)):
            written = list(_entry(key, self.values[key], 0))
            written[0] += _comment(key, self.origins[key])
            keys.update(dict.fromkeys(range(len(lines) + 1, len(lines) + len(written) + 1), key))
            lines.extend(written)
        return "\n".join([*lines, ""]), keys


def printable(text: str) -> str:
    """Without what a terminal or YAML would take for more than letters."""
    return "".join(char if char.isprintable() else "?" for char in text)


def _joined(current: Mapping[str, Data], value: Data) -> Data:
    if not isinstance(value, Mapping):
        return value
    found = dict(current)
    for key, one in value.items():
        before = found.get(key)
        found[key] = _joined(before, one) if isinstance(before, Mapping) else one
    return found


def _comment(key: str, settings: Sequence[Setting]) -> str:
    names = ", ".join(setting.name for setting in settings if setting.name != key)
    return f"  # {names}" if names else ""


def _entry(key: str, value: Data, depth: int) -> Iterator[str]:
    """``key: value`` on one line where that is short; its parts below it where it is not."""
    margin = "  " * depth
    flat = f"{margin}{scalar(key)}: {_flow(value)}"
    if isinstance(value, (str, int)) or not value or (len(flat) <= WIDTH and not _deep(value)):
        yield flat
        return
    yield f"{margin}{scalar(key)}:"
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _entry(name, one, depth + 1)
    else:
        yield from (f"{margin}  - {_flow(one)}" for one in value)


def _deep(value: Data) -> bool:
    return isinstance(value, Mapping) and any(isinstance(one, Mapping) for one in value.values())


def _flow(value: Data) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return scalar(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key)}: {_flow(one)}" for key, one in value.items()) + "}"
    return "[" + ", ".join(_flow(one) for one in value) + "]"


def scalar(text: str) -> str:
    """A word as YAML: plain where it cannot be taken for anything else, else in double quotes."""
    words = text.split(" ")
    if all(PLAIN.fullmatch(word) for word in words) and text.lower() not in RESERVED:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in ('"', "\\"):
        return f"\\{char}"
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
