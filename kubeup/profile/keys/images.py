"""How nodes reach image registries, and which images they should have."""

from __future__ import annotations

import re

from kubeup.images.names import parse
from kubeup.profile.keys import forms
from kubeup.profile.keys.base import Group, ProfileKey
from kubeup.profile.reading import ParseContext, expect
from kubeup.profile.tree import Key, YamlValue

HOST = r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?"
LOGIN = re.compile(r"[^:\s]+:\S+\s*")


def _image(item: YamlValue, key: ProfileKey, reading: ParseContext) -> str | None:
    text = forms.as_text(item, key, reading)
    if text is not None and parse(text) is None:
        reading.error(item, f"`{text}` is not the name of an image", "write it like registry.example.com/app:1")
    return text


def _host(at: YamlValue | Key, reading: ParseContext) -> str | None:
    """The name of a registry as runtimes know it: neither a URL nor a path."""
    if re.fullmatch(HOST, at.text):
        return at.text
    reading.error(
        at,
        f"`{at.text}` is not the host of a registry",
        "write the host alone, and its port where there is one: registry.example.com:5000",
    )
    return None


def _registry(item: YamlValue, key: ProfileKey, reading: ParseContext) -> str | None:
    return _host(item, reading) if expect(item, "text", reading, key.line) else None


def _mirrors(value: YamlValue, key: ProfileKey, reading: ParseContext) -> tuple[str, ...]:
    """URLs, in the order in which they are asked; one may stand without a list."""
    if value.kind != "text" and not expect(value, "list", reading, key.line):
        return ()
    items = (value,) if value.kind == "text" else value.items
    for item in items:
        if expect(item, "text", reading, key.line) and not re.match(r"https?://[^/\s]", item.text):
            reading.error(item, f"`{item.text}` is not the URL of a mirror", "write it like https://mirror.example.com")
    return tuple(item.text for item in items if item.kind == "text")


def _login(item: YamlValue, key: ProfileKey, reading: ParseContext) -> str | None:
    text = forms.file(LOGIN, "one line, USER:PASSWORD")(item, key, reading)
    return text and text.strip()


GROUP = Group(
    title="Images and registries",
    keys=(
        ProfileKey(
            "registry_mirrors",
            forms.mapping_of("a mapping of hosts to lists of URLs", _mirrors, _host),
            "upstream host to a list of mirrors, which are asked before it, in order",
            example="{docker.io: [https://mirror.example.com]}",
            goes="registries.mirrors",
            see="registries.md",
        ),
        ProfileKey(
            "insecure_registries",
            forms.list_of("a list of `HOST:PORT`", _registry),
            "registries in plain http, or with a certificate that nobody checks",
            example="[appstore:5000]",
            goes="registries.insecure",
            see="registries.md",
        ),
        ProfileKey(
            "registry_ca",
            forms.mapping_of("a mapping of hosts to paths", forms.certificates, _host),
            "registry host to a PEM file of its authority",
            example="{registry.example.com: ca.pem}",
            goes="registries.ca",
            see="registries.md",
        ),
        ProfileKey(
            "registry_auth",
            forms.mapping_of("a mapping of hosts to paths", _login, _host),
            "registry host to a file that holds `USER:PASSWORD`",
            example="{registry.example.com: login.txt}",
            goes="registries.logins",
            see="registries.md",
        ),
        ProfileKey(
            "image_repository",
            forms.word("a registry, and a path in it", HOST + "(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"),
            "where kubeup's own images come from",
            example="registry.example.com/kubernetes",
            goes="image_repository",
            unsaid="`registry.k8s.io`",
        ),
        ProfileKey(
            "images",
            forms.list_of("a list of images", _image),
            "your own images that nodes should have",
            example="[registry.example.com/app:1]",
            goes="images",
            default="[]",
            see="images.md",
        ),
    ),
)
