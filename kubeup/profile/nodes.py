"""``nodes:`` and ``roles:``: which machines, how to log in, what each does."""

from __future__ import annotations

import ipaddress
import re

from kubeup.model.cluster import Node, Role, Taint
from kubeup.profile.reading import ParseContext, expect
from kubeup.profile.tree import Key, YamlValue

ROLES = {
    "a": frozenset({Role.CONTROL_PLANE}),
    "i": frozenset({Role.WORKER}),
    "ai": frozenset({Role.CONTROL_PLANE, Role.WORKER}),
}
SPELLED = {"master": "a", "control-plane": "a", "node": "i", "worker": "i", "master+node": "ai", "ia": "ai"}
KEYS = ("name", "host", "address", "user", "port", "role", "bastion", "key", "host_key", "labels", "taints")
NODE_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
ROLE_FIX = "a (control plane, kube-up's master), i (worker, kube-up's node) or ai (both)"
EXAMPLE = "nodes: [root@192.168.200.13, root@192.168.200.14]"


def read(
    root: YamlValue, reading: ParseContext, user: str, port_: int | None, key: str, bastion: str
) -> tuple[Node, ...]:
    """All nodes with their roles; the defaults are those of the ``ssh:`` section."""
    value = root.get("nodes")
    if value is None or value.kind == "null":
        said = next((key for key in root.keys() if key.text == "nodes"), Key("", root.place))
        reading.error(said, "there are no nodes", f"add them: {EXAMPLE}")
        return ()
    if not expect(value, "list", reading, EXAMPLE):
        return ()
    if not value.items:
        reading.error(value, "there are no nodes", f"add them: {EXAMPLE}")
    words = _roles(root.get("roles"), value, reading)
    nodes = []
    for index, item in enumerate(value.items):
        node = _node(item, words[index] if index < len(words) else "", reading)
        if node is not None:
            nodes.append(_with_defaults(node, user, port_, key, bastion))
    return tuple(nodes)


def _with_defaults(node: Node, user: str, port_: int | None, key: str, bastion: str) -> Node:
    from dataclasses import replace

    return replace(
        node,
        user=node.user or user,
        port=node.port if node.port is not None else port_,
        key=node.key or key,
        bastion=node.bastion or bastion,
    )


def _roles(value: YamlValue | None, nodes: YamlValue, reading: ParseContext) -> list[str]:
    """``ai i`` or [ai, i]; one role a node."""
    if value is None or value.kind == "null":
        if not any(item.get("role") for item in nodes.items if item.kind == "mapping"):
            reading.error(
                Key("", nodes.place),
                "no node has a role",
                "add e.g. roles: ai i (a: control plane, i: worker, ai: both)",
            )
            return []
        for item in nodes.items:
            if item.kind != "mapping" or item.get("role") is None:
                reading.error(item if item.kind == "text" else Key("", item.place), "this node has no role", ROLE_FIX)
        return []
    if value.kind == "text":
        parts = [YamlValue("text", value.place, text=word) for word in value.text.split()]
    elif expect(value, "list", reading, "roles: ai i"):
        parts = [item for item in value.items if expect(item, "text", reading, "roles: [ai, i]")]
    else:
        return []
    for part in parts:
        _role(part, reading)
    if len(parts) != len(nodes.items):
        reading.error(
            value,
            f"{'there is 1 role' if len(parts) == 1 else f'there are {len(parts)} roles'} for {len(nodes.items)} nodes",
            f"one role a node, in the same order: {ROLE_FIX}",
        )
    return [part.text for part in parts]


def _role(value: YamlValue, reading: ParseContext) -> frozenset[Role]:
    if value.text in ROLES:
        return ROLES[value.text]
    meant = SPELLED.get(value.text.lower())
    fix = f"write `{meant}`" if meant else ROLE_FIX
    reading.error(value, f"unknown role `{value.text}`", fix)
    return frozenset()


def _node(item: YamlValue, role: str, reading: ParseContext) -> Node | None:
    if item.kind == "text":
        return _from_text(item, ROLES.get(role, frozenset()), reading)
    if item.kind == "mapping":
        return _from_mapping(item, role, reading)
    reading.error(item, f"a node is USER@ADDRESS or a mapping, not {item.words}", EXAMPLE)
    return None


def _from_text(item: YamlValue, roles: frozenset[Role], reading: ParseContext) -> Node | None:
    found = re.fullmatch(r"(?:([A-Za-z_][\w.-]*)@)?([A-Za-z0-9_.-]+)(?::([0-9]+))?", item.text)
    if found is None:
        reading.error(item, f"`{item.text}` is not a machine", f"write USER@ADDRESS or USER@ADDRESS:PORT; {EXAMPLE}")
        return None
    user, host, port_text = found.groups()
    if not _host_is_sound(host):
        reading.error(item, f"`{host}` is neither an address nor a name", "e.g. 192.168.200.13, or node3.example.com")
        return None
    number = port(YamlValue("text", item.place, text=port_text), reading) if port_text else None
    return Node(host, roles, address=_as_address(host), user=user or "", port=number)


def _host_is_sound(host: str) -> bool:
    """Digits and dots alone must be an address: 192.168.200.256 would else pass for a name."""
    return bool(_as_address(host)) if re.fullmatch(r"[\d.]+", host) else bool(re.fullmatch(r"[\w.-]+", host))


def _as_address(host: str) -> str:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        return ""


def _from_mapping(item: YamlValue, role: str, reading: ParseContext) -> Node | None:
    for key in item.keys():
        if key.text not in KEYS:
            reading.unknown(key, KEYS, "key of a node")
    host, address = _word(item, "host", reading), _word(item, "address", reading)
    own = item.get("role")
    if own is not None and role:
        reading.error(own, "this node has a role here and one in `roles`", "say it in one place")
    roles = _role(own, reading) if own is not None else ROLES.get(role, frozenset())
    if not host and not address:
        reading.error(Key("", item.place), "this node has neither host nor address", "add address: 192.168.200.13")
        return None
    if address and not _as_address(address):
        at = item.get("address")
        assert at is not None
        reading.error(at, f"`{address}` is not an IPv4 address", "a name goes under host:")
    name = _word(item, "name", reading)
    if name and not NODE_NAME.fullmatch(name):
        at = item.get("name")
        assert at is not None
        reading.error(at, f"`{name}` cannot name a node", "lower-case letters, digits, - and .")
    number = item.get("port")
    return Node(
        host or address,
        roles,
        name=name,
        address=_as_address(address) or _as_address(host),
        user=_word(item, "user", reading),
        port=port(number, reading) if number is not None else None,
        key=_word(item, "key", reading),
        bastion=_word(item, "bastion", reading),
        host_key=_host_key(item.get("host_key"), reading),
        labels=_labels(item.get("labels"), reading),
        taints=_taints(item.get("taints"), reading),
    )


def _word(item: YamlValue, name: str, reading: ParseContext) -> str:
    value = item.get(name)
    return value.text if value is not None and expect(value, "text", reading, f"{name}: ...") else ""


def port(value: YamlValue, reading: ParseContext) -> int | None:
    """A TCP port."""
    if value.kind == "text" and re.fullmatch("[0-9]{1,5}", value.text) and 1 <= int(value.text) <= 65535:
        return int(value.text)
    reading.error(value, f"{value.words} is not a port", "a number from 1 to 65535; SSH's is 22")
    return None


def _host_key(value: YamlValue | None, reading: ParseContext) -> str:
    if value is None or value.kind == "null":
        return ""
    if re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}=?|(ssh|ecdsa)-\S+ [A-Za-z0-9+/=]+.*", value.text):
        return value.text
    reading.error(value, "this is not a host key", "ssh-keyscan ADDRESS prints `ssh-ed25519 AAAA...`; or SHA256:...")
    return ""


def _labels(value: YamlValue | None, reading: ParseContext) -> dict[str, str]:
    if value is None or not expect(value, "mapping", reading, "labels: {disk: ssd}"):
        return {}
    labels = {}
    for key, item in value.entries:
        if not re.fullmatch(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?", key.text):
            reading.error(key, f"`{key.text}` is not a label's name", "e.g. disk, or example.com/disk")
        if (
            item.kind == "mapping"
            or item.kind == "list"
            or not re.fullmatch(r"([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?", item.text)
        ):
            reading.error(item, f"{item.words} is not a label's value", "up to 63 letters, digits, -, _ and .")
        labels[key.text] = item.text
    return labels


def _taints(value: YamlValue | None, reading: ParseContext) -> tuple[Taint, ...]:
    example = "taints: [dedicated=db:NoSchedule]"
    if value is None or not expect(value, "list", reading, example):
        return ()
    taints = []
    for item in value.items:
        found = re.fullmatch(r"([\w./-]+)(?:=([\w.-]*))?:(NoSchedule|PreferNoSchedule|NoExecute)", item.text)
        if found is None:
            reading.error(item, f"{item.words} is not a taint", f"KEY=VALUE:EFFECT; {example}")
            continue
        taints.append(Taint(found.group(1), found.group(2) or "", found.group(3)))
    return tuple(taints)
