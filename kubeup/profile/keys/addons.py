"""``addons`` and what they need to know: addresses, nodes, a folder, name servers; and folders of the user's own."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from kubeup import addons
from kubeup.model.cluster import Manifest
from kubeup.profile.keys import forms
from kubeup.profile.keys.base import Form, Group, ProfileKey, Values
from kubeup.profile.reading import ParseContext, expect, path_of
from kubeup.profile.tree import Key, YamlValue

ENDINGS = (".yaml", ".yml", ".json", ".yaml.j2", ".yml.j2")
LARGEST = 3 << 20
FOLDER_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")


def _addons(value: YamlValue, key: ProfileKey, reading: ParseContext) -> Values:
    """Names in the profile's order, folders by their last names, and the files of those."""
    names: list[str] = []
    own: dict[str, tuple[Manifest, ...]] = {}
    for item in value.items:
        if not expect(item, "text", reading, key.line):
            continue
        if "/" in item.text:
            found = _own(item, reading)
            if found is not None:
                own[found[0]] = found[1]
                names.append(found[0])
        elif item.text in addons.BY_NAME:
            names.append(item.text)
            _check_needs(item, reading)
        elif addons.meant(item.text):
            reading.error(item, f"unknown addon `{item.text}`", f"write `{addons.meant(item.text)}`")
        else:
            reading.unknown(Key(item.text, item.place), tuple(addons.BY_NAME), "addon")
    return {"addons": tuple(dict.fromkeys(names)), "own_addons": own}


def _check_needs(item: YamlValue, reading: ParseContext) -> None:
    """What an addon cannot do without is said in the profile."""
    for need in addons.BY_NAME[item.text].needs:
        if reading.places.get(need.key) is None:
            reading.error(item, f"{item.text} needs {need.what}", f"{need.key}: {need.example}")


def _own(item: YamlValue, reading: ParseContext) -> tuple[str, tuple[Manifest, ...]] | None:
    path = path_of(item, reading)
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


def _server(item: YamlValue, key: ProfileKey, reading: ParseContext) -> str | None:
    text = forms.as_text(item, key, reading)
    try:
        return text and str(ipaddress.ip_address(text))
    except ValueError:
        reading.error(item, f"`{text}` is not the address of a name server", f"e.g. {key.line}")
        return None


def _addresses(item: YamlValue, key: ProfileKey, reading: ParseContext) -> str | None:
    """A range as MetalLB takes it: CIDR or FIRST-LAST; a single address is made a /32."""
    text = forms.as_text(item, key, reading)
    found = _range(text) if text is not None else None
    if text is not None and found is None:
        reading.error(item, f"`{text}` is no range of IPv4 addresses", f"write it like {key.example.strip('[]')}")
    return found


def _range(text: str) -> str | None:
    first, dash, last = text.partition("-")
    try:
        if dash:
            low, high = ipaddress.IPv4Address(first.strip()), ipaddress.IPv4Address(last.strip())
            return f"{low}-{high}" if low <= high else None
        return str(ipaddress.IPv4Network(text))
    except ValueError:
        return None


GROUP = Group(
    title="Addons",
    keys=(
        ProfileKey(
            "addons",
            Form("a list of names and folders", _addons, "list"),
            f"what the cluster runs for its users ({', '.join(f'`{name}`' for name in addons.BY_NAME)}), and folders "
            "of manifests of your own (`./manifests`)",
            example="[dns, metrics-server]",
            default="[dns]",
            see="addons.md",
        ),
        ProfileKey(
            "dns_upstream",
            forms.list_of("a list of addresses", _server),
            "name servers that the cluster's DNS asks for all other names",
            example="[10.0.0.53]",
            goes="dns_upstream",
            unsaid="those of the nodes",
        ),
        ProfileKey(
            "ingress_nodes",
            forms.list_of("a list of nodes", forms.as_text),
            "nodes whose ports 80 and 443 the ingress addon takes",
            example="[node4]",
            goes="ingress_nodes",
            unsaid="all that run pods",
        ),
        ProfileKey(
            "load_balancer_addresses",
            forms.list_of("a list of `FIRST-LAST` and networks (CIDR)", _addresses),
            "for `load-balancer`: ranges of the machines' network that nobody uses",
            example="[192.168.200.240-192.168.200.250]",
            goes="load_balancer_addresses",
        ),
        ProfileKey(
            "storage_path",
            forms.word("a path", r"(/[A-Za-z0-9._-]+)+", "is no path of a folder on the nodes"),
            "for `storage`: a folder on the nodes that is yours, and that `down` leaves",
            example="/srv/volumes",
            goes="storage_path",
            unsaid="`/var/lib/kubeup-volumes`, which goes with the cluster",
        ),
    ),
)
