"""Which machines, and what each does: ``nodes`` and ``roles``."""

from __future__ import annotations

import ipaddress
import re

from kubeup.model.cluster import Node, Role, Taint
from kubeup.model.names import fault_of_node_name
from kubeup.profile.keys import forms, ssh
from kubeup.profile.keys.base import Form, Group, ProfileKey, read_keys
from kubeup.profile.reading import ParseContext, expect
from kubeup.profile.tree import Key, YamlValue

ROLES = {
    "a": frozenset({Role.CONTROL_PLANE}),
    "i": frozenset({Role.WORKER}),
    "ai": frozenset({Role.CONTROL_PLANE, Role.WORKER}),
}
SPELLED = {"master": "a", "control-plane": "a", "node": "i", "worker": "i", "master+node": "ai", "ia": "ai"}
ROLE_FIX = "a (control plane, kube-up's master), i (worker, kube-up's node) or ai (both)"


def _nodes(value: YamlValue, key: ProfileKey, reading: ParseContext) -> tuple[Node, ...]:
    """All nodes, each with its role out of ``roles`` or of its own mapping."""
    if not value.items:
        reading.error(value, key.missing, f"add them: {key.line}")
    words = _roles(reading.places.get("roles"), value, reading)
    nodes = []
    for index, item in enumerate(value.items):
        node = _node(item, words[index] if index < len(words) else "", key, reading)
        if node is not None:
            nodes.append(node)
    return tuple(nodes)


def _roles(value: YamlValue | None, nodes: YamlValue, reading: ParseContext) -> list[str]:
    """``ai i`` or [ai, i]; one role a node."""
    if value is None or value.kind == "null":
        _own_roles(nodes, reading)
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


def _own_roles(nodes: YamlValue, reading: ParseContext) -> None:
    """Without ``roles``, each node has to say its own."""
    without = [item for item in nodes.items if item.said("role") is None]
    if len(without) == len(nodes.items):
        fix = "add e.g. roles: ai i (a: control plane, i: worker, ai: both)"
        reading.error(Key("", nodes.place), "no node has a role", fix)
        return
    for item in without:
        reading.error(item if item.kind == "text" else Key("", item.place), "this node has no role", ROLE_FIX)


def _role(value: YamlValue, reading: ParseContext) -> frozenset[Role]:
    if value.text in ROLES:
        return ROLES[value.text]
    meant = SPELLED.get(value.text.lower())
    fix = f"write `{meant}`" if meant else ROLE_FIX
    reading.error(value, f"unknown role `{value.text}`", fix)
    return frozenset()


def _node(item: YamlValue, role: str, key: ProfileKey, reading: ParseContext) -> Node | None:
    roles = ROLES.get(role, frozenset())
    if item.kind == "text":
        return _from_text(item, roles, key, reading)
    if item.kind == "mapping":
        return _from_mapping(item, roles, reading, taken=bool(role))
    reading.error(item, f"a node is USER@ADDRESS or a mapping, not {item.words}", key.line)
    return None


def _from_text(item: YamlValue, roles: frozenset[Role], key: ProfileKey, reading: ParseContext) -> Node | None:
    found = re.fullmatch(r"(?:([A-Za-z_][\w.-]*)@)?([A-Za-z0-9_.-]+)(?::([0-9]+))?", item.text)
    if found is None:
        reading.error(item, f"`{item.text}` is not a machine", f"write USER@ADDRESS or USER@ADDRESS:PORT; {key.line}")
        return None
    user, host, port_text = found.groups()
    if not _host_is_sound(host):
        reading.error(item, f"`{host}` is neither an address nor a name", "e.g. 192.168.200.13, or node3.example.com")
        return None
    number = ssh.port(YamlValue("text", item.place, text=port_text), ssh.PORT, reading) if port_text else None
    return Node(host, roles, address=_as_address(host), user=user or "", port=number)


def _host_is_sound(host: str) -> bool:
    """Digits and dots alone must be an address: 192.168.200.256 would else pass for a name."""
    return bool(_as_address(host)) if re.fullmatch(r"[\d.]+", host) else bool(re.fullmatch(r"\w[\w.-]{0,252}", host))


def _as_address(host: str) -> str:
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        return ""


def _from_mapping(item: YamlValue, roles: frozenset[Role], reading: ParseContext, *, taken: bool) -> Node | None:
    """taken: ``roles`` has one for this node already."""
    said = {
        name.removeprefix("node."): value for name, value in read_keys(NODE, item, reading, "key of a node").items()
    }
    own = item.said("role")
    if own is not None and taken:
        reading.error(own, "this node has a role here and one in `roles`", "say it in one place")
    dialed = [value.text for value in (item.said("host"), item.said("address")) if value is not None and value.text]
    if not dialed:
        reading.error(Key("", item.place), "this node has neither host nor address", "add address: 192.168.200.13")
        return None
    return Node(**{"roles": roles, **said, "host": dialed[0], "address": said.get("address") or _as_address(dialed[0])})


def _name(value: YamlValue, _: ProfileKey, reading: ParseContext) -> str:
    fault = fault_of_node_name(value.text)
    if fault:
        reading.error(value, f"`{value.text}` {fault}", "lower-case letters, digits, - and .")
    return value.text


def _address(value: YamlValue, _: ProfileKey, reading: ParseContext) -> str:
    address = _as_address(value.text)
    if not address:
        reading.error(value, f"`{value.text}` is not an IPv4 address", "a name goes under host:")
    return address


def _host_key(value: YamlValue, _: ProfileKey, reading: ParseContext) -> str:
    if re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}=?|(ssh|ecdsa)-\S+ [A-Za-z0-9+/=]+.*", value.text):
        return value.text
    reading.error(value, "this is not a host key", "ssh-keyscan ADDRESS prints `ssh-ed25519 AAAA...`; or SHA256:...")
    return ""


def _labels(value: YamlValue, _: ProfileKey, reading: ParseContext) -> dict[str, str]:
    for name, item in value.entries:
        if not re.fullmatch(r"([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?", name.text):
            reading.error(name, f"`{name.text}` is not a label's name", "e.g. disk, or example.com/disk")
        if item.kind in ("mapping", "list") or not re.fullmatch(r"([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?", item.text):
            reading.error(item, f"{item.words} is not a label's value", "up to 63 letters, digits, -, _ and .")
    return {name.text: item.text for name, item in value.entries}


def _taint(item: YamlValue, key: ProfileKey, reading: ParseContext) -> Taint | None:
    found = re.fullmatch(r"([\w./-]+)(?:=([\w.-]*))?:(NoSchedule|PreferNoSchedule|NoExecute)", item.text)
    if found is None:
        reading.error(item, f"{item.words} is not a taint", f"KEY=VALUE:EFFECT; {key.line}")
        return None
    return Taint(found.group(1), found.group(2) or "", found.group(3))


NODE = (
    ProfileKey(
        "host",
        forms.word("an address or a name", r"[^\s-]\S{0,252}"),
        "what SSH dials",
        "node3.example.com",
        "node.host",
    ),
    ProfileKey(
        "address",
        Form("an IPv4 address", _address),
        "its IP in the cluster; what SSH dials without `host`",
        example="192.168.200.13",
        goes="node.address",
    ),
    ProfileKey(
        "name",
        Form("a name", _name),
        "its name in the cluster",
        example="node3",
        goes="node.name",
        unsaid="the machine's own hostname",
    ),
    *ssh.LOGIN,
    ProfileKey(
        "role",
        Form("`a`, `i` or `ai`", lambda value, _, reading: _role(value, reading), "", tuple(ROLES)),
        "what it does, where `roles` does not say it",
        example="ai",
        goes="node.roles",
    ),
    ProfileKey(
        "host_key",
        Form("`ssh-ed25519 AAAA...` or `SHA256:...`", _host_key, ""),
        "its SSH host key, pinned",
        example=f"SHA256:{'A' * 43}",
        goes="node.host_key",
    ),
    ProfileKey("labels", Form("a mapping", _labels, "mapping"), "labels of its Node", "{disk: ssd}", "node.labels"),
    ProfileKey(
        "taints",
        forms.list_of("a list of KEY=VALUE:EFFECT", _taint),
        "taints of its Node",
        example="[dedicated=db:NoSchedule]",
        goes="node.taints",
    ),
)

GROUP = Group(
    title="Nodes",
    keys=(
        ProfileKey(
            "nodes",
            Form("a list of `USER@ADDRESS`, `USER@ADDRESS:PORT` and mappings", _nodes, "list"),
            "the machines",
            example="[root@192.168.200.13, root@192.168.200.14]",
            goes="nodes",
            keys=NODE,
            missing="there are no nodes",
        ),
        ProfileKey(
            "roles",
            # Read with the nodes, of which each has one.
            Form("`a`, `i` and `ai`, one a node", lambda *_: None, "", tuple(ROLES)),
            "what each machine does, in the same order: `a` (control plane; kube-up said master), `i` (worker; kube-up "
            "said node), `ai` (both)",
            example="ai i",
        ),
    ),
)
