"""The way to the nodes: ``ssh`` for all that do not say it themselves, ``lab`` for those of a lab."""

from __future__ import annotations

import re
from dataclasses import replace

from kubeup.model.cluster import HostKeys, Node
from kubeup.model.lab_folder import ssh_config
from kubeup.profile.keys import forms
from kubeup.profile.keys.base import Form, Group, ProfileKey, Values
from kubeup.profile.reading import ParseContext, path_of
from kubeup.profile.tree import YamlValue


def with_login(node: Node, login: Values) -> Node:
    """The node, with what it does not say of its login from the ``ssh:`` section. login: by the fields of a Node."""
    lacking = {field: value for field, value in login.items() if getattr(node, field) in ("", None)}
    return replace(node, **lacking)


def port(value: YamlValue, _: ProfileKey, reading: ParseContext) -> int | None:
    """A TCP port."""
    if value.kind == "text" and re.fullmatch("[0-9]{1,5}", value.text) and 1 <= int(value.text) <= 65535:
        return int(value.text)
    reading.error(value, f"{value.words} is not a port", "a number from 1 to 65535; SSH's is 22")
    return None


def _lab(value: YamlValue, key: ProfileKey, reading: ParseContext) -> str:
    name = LAB_NAME.read(value, key, reading)
    return str(ssh_config(str(name))) if name else ""


def _config(value: YamlValue, _: ProfileKey, reading: ParseContext) -> str | None:
    path = path_of(value, reading)
    return str(path) if path is not None else None


LAB_NAME = forms.word("the name of a lab", "[A-Za-z0-9]{1,8}", "is not the name of a lab: up to 8 letters and digits")
PORT = ProfileKey(
    "port",
    Form("a number from 1 to 65535", port, ""),
    "the port of its SSH server",
    example="22",
    goes="node.port",
)
LOGIN = (
    ProfileKey("user", forms.word("a name"), "who logs in: root, or who may use sudo", "ubuntu", "node.user"),
    PORT,
    ProfileKey("key", forms.word("a path"), "the private key to log in with", "~/.ssh/id_ed25519", "node.key"),
    ProfileKey(
        "bastion", forms.word("a machine"), "the machine to go through", "admin@gate.example.com", "node.bastion"
    ),
)

GROUP = Group(
    title="SSH",
    keys=(
        ProfileKey(
            "lab",
            Form(LAB_NAME.words, _lab),
            "the lab whose nodes these are; its ssh_config is used",
            example="demo",
            goes="ssh_config",
        ),
        ProfileKey(
            "ssh",
            forms.SECTION,
            "how to log in to all nodes that do not say it themselves",
            example="{user: ubuntu, port: 22}",
            unsaid="as `ssh` goes: by `~/.ssh/config`, agent and known_hosts",
            keys=(
                *LOGIN,
                ProfileKey(
                    "config",
                    Form("a path", _config),
                    "an OpenSSH client configuration to use instead of `~/.ssh/config`",
                    example="ssh_config",
                    goes="ssh_config",
                ),
                ProfileKey(
                    "host_keys",
                    forms.choice("host key", {one.value: one for one in HostKeys}),
                    "whether a host key that is in no known_hosts is refused, or noted and then held to",
                    example="accept-new",
                    goes="host_keys",
                    default="strict",
                ),
            ),
        ),
    ),
)
