"""``addons`` and what they need to know: addresses, nodes, a folder, name servers; and folders of the user's own."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kubeup import addons
from kubeup.model.cluster import Manifest
from kubeup.profile.reading import ParseContext, expect, path_of, words
from kubeup.profile.tree import Key, YamlValue

ENDINGS = (".yaml", ".yml", ".json", ".yaml.j2", ".yml.j2")
LARGEST = 3 << 20
FOLDER_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Addons:
    """names: in the profile's order, folders by their last names. own: the files of those."""

    names: tuple[str, ...] = ("dns",)
    own: Mapping[str, tuple[Manifest, ...]] = field(default_factory=dict)
    dns_upstream: tuple[str, ...] = ()
    ingress_nodes: tuple[str, ...] = ()
    load_balancer_addresses: tuple[str, ...] = ()
    storage_path: str = ""


def read(reading: ParseContext, folder: Path) -> Addons:
    """folder: what paths are relative to."""
    get = reading.places.get
    names: list[str] = []
    own: dict[str, tuple[Manifest, ...]] = {}
    value = get("addons")
    if value is None:
        names = ["dns"]
    elif expect(value, "list", reading, "addons: [dns, metrics-server]"):
        for item in value.items:
            _one(item, reading, folder, names, own)
    return Addons(
        tuple(dict.fromkeys(names)),
        own,
        _servers(get("dns_upstream"), reading),
        tuple(words(get("ingress_nodes"), reading)),
        _addresses(reading),
        _path(get("storage_path"), reading),
    )


def _one(
    item: YamlValue, reading: ParseContext, folder: Path, names: list[str], own: dict[str, tuple[Manifest, ...]]
) -> None:
    if not expect(item, "text", reading, "addons: [dns, metrics-server]"):
        return
    if "/" in item.text:
        found = _own(item, reading, folder)
        if found is not None:
            name, files = found
            own[name] = files
            names.append(name)
    elif item.text in addons.BY_NAME:
        names.append(item.text)
        _check_needs(item, reading)
    elif addons.meant(item.text):
        reading.error(item, f"unknown addon `{item.text}`", f"write `{addons.meant(item.text)}`")
    else:
        reading.unknown(Key(item.text, item.place), tuple(addons.BY_NAME), "addon")


def _check_needs(item: YamlValue, reading: ParseContext) -> None:
    """What an addon cannot do without is said in the profile."""
    for need in addons.BY_NAME[item.text].needs:
        if reading.places.get(need.key) is None:
            reading.error(item, f"{item.text} needs {need.what}", f"{need.key}: {need.example}")


def _own(item: YamlValue, reading: ParseContext, folder: Path) -> tuple[str, tuple[Manifest, ...]] | None:
    path = path_of(item, reading, folder)
    if path is None:
        return None
    name = path.resolve().name.lower().replace("_", "-")
    if not path.is_dir():
        reading.error(item, f"there is no folder {path}", "name a folder of manifests, e.g. ./manifests")
        return None
    if not FOLDER_NAME.fullmatch(name) or name in addons.BY_NAME:
        reading.error(item, f"the folder's name `{path.name}` cannot be an addon's", "rename it, e.g. my-app")
        return None
    files = sorted(one for one in path.iterdir() if one.is_file() and one.name.endswith(ENDINGS))
    if not files:
        reading.error(item, f"{path} holds no manifest", "put files there that end in .yaml, .json or .yaml.j2")
        return None
    try:
        # The last folder's name is the addon's: render.py labels by it.
        texts = tuple(Manifest(f"{name}/{one.name}", _text(one), one.name.endswith(".j2")) for one in files)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reading.error(item, f"{path} cannot be read: {error}", "save its files as UTF-8 text of less than 3 MB")
        return None
    return name, texts


def _text(path: Path) -> str:
    content = path.read_bytes()
    if len(content) > LARGEST:
        raise ValueError(f"{path.name} has {len(content)} bytes")
    return content.decode()


def _servers(value: YamlValue | None, reading: ParseContext) -> tuple[str, ...]:
    found = []
    for item, text in zip(value.items if value is not None else (), words(value, reading), strict=False):
        try:
            found.append(str(ipaddress.ip_address(text)))
        except ValueError:
            reading.error(item, f"`{text}` is not the address of a name server", "e.g. dns_upstream: [10.0.0.53]")
    return tuple(found)


def _addresses(reading: ParseContext) -> tuple[str, ...]:
    """Ranges as MetalLB takes them: CIDR or FIRST-LAST; a single address is made a /32."""
    value = reading.places.get("load_balancer_addresses")
    found = []
    for item, text in zip(value.items if value is not None else (), words(value, reading), strict=False):
        shown = _range(text)
        if shown is None:
            reading.error(
                item, f"`{text}` is no range of IPv4 addresses", "write it like 192.168.200.240-192.168.200.250"
            )
        else:
            found.append(shown)
    return tuple(found)


def _range(text: str) -> str | None:
    first, dash, last = text.partition("-")
    try:
        if dash:
            low, high = ipaddress.IPv4Address(first.strip()), ipaddress.IPv4Address(last.strip())
            return f"{low}-{high}" if low <= high else None
        return str(ipaddress.IPv4Network(text))
    except ValueError:
        return None


def _path(value: YamlValue | None, reading: ParseContext) -> str:
    if value is None or not expect(value, "text", reading, "storage_path: /srv/volumes"):
        return ""
    if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+", value.text):
        reading.error(value, f"`{value.text}` is no path of a folder on the nodes", "e.g. storage_path: /srv/volumes")
        return ""
    return value.text
