"""Where binaries come from, by what they are known to be the right ones, and through what proxy."""

from __future__ import annotations

import re

from kubeup.model.cluster import Source
from kubeup.profile.keys import forms
from kubeup.profile.keys.base import Form, Group, ProfileKey
from kubeup.profile.reading import ParseContext, expect
from kubeup.profile.tree import Key, YamlValue

NAMED = ("cache", "official", "go")


def _sources(value: YamlValue, key: ProfileKey, reading: ParseContext) -> tuple[Source, ...]:
    if not value.items:
        reading.error(value, "there is no source that binaries could come from", f"e.g. {key.line}")
    found = (_source(item, key, reading) for item in value.items)
    return tuple(source for source in found if source is not None)


def _source(item: YamlValue, key: ProfileKey, reading: ParseContext) -> Source | None:
    if not expect(item, "text", reading, key.line):
        return None
    if item.text in NAMED:
        return Source(item.text)
    if re.match(r"(https?|file)://.", item.text):
        return Source("mirror", item.text)
    reading.unknown(Key(item.text, item.place), (*NAMED, "https://...", "file:///..."), "source")
    return None


def _sum(item: YamlValue, key: ProfileKey, reading: ParseContext) -> str | None:
    text = forms.as_text(item, key, reading)
    if text is None or re.fullmatch(r"[0-9a-fA-F]{64}", text):
        return text and text.lower()
    reading.error(item, f"`{text}` is not a sha256 sum", "64 hexadecimal digits, as sha256sum prints them")
    return None


URL = forms.word("a URL")

GROUP = Group(
    title="Where binaries come from",
    keys=(
        ProfileKey(
            "sources",
            Form("a list of `cache`, `official`, `go`, `https://...` and `file:///...`", _sources, "list"),
            "where binaries come from, in the order in which they are asked",
            example="[cache, official, https://mirror.example.com/kubernetes]",
            goes="sources",
            default="[cache, official]",
            see="release.md",
        ),
        ProfileKey(
            "pins",
            forms.mapping_of("a mapping of NAME-VERSION-ARCH to a sum", _sum),
            "sha256 of downloads, which they must have",
            example=f"{{flanneld-0.28.10-amd64: {'0' * 64}}}",
            goes="pins",
        ),
        ProfileKey(
            "require_pins",
            forms.choice("answer", {"true": True, "false": False}),
            "take nothing from a site that has no pin; `kubeup release pins PROFILE` prints them",
            example="true",
            goes="require_pins",
            default="false",
            see="release.md",
        ),
        ProfileKey(
            "release_ca",
            Form("a path", forms.certificates),
            "certificates (PEM) by which sites are trusted beside the system's, such as an inspecting proxy's",
            example="ca.pem",
            goes="release_ca",
            see="release.md",
        ),
        ProfileKey(
            "proxy",
            forms.SECTION,
            "for downloads and image pulls",
            example="{http: http://10.0.0.1:3128}",
            see="registries.md",
            keys=(
                ProfileKey("http", URL, "the proxy for http", "http://10.0.0.1:3128", "proxy.http"),
                ProfileKey("https", URL, "the proxy for https", "http://10.0.0.1:3128", "proxy.https"),
                ProfileKey(
                    "no_proxy",
                    forms.list_of("a list of hosts, domains and networks", forms.as_text),
                    "what is reached without it",
                    example="[10.0.0.0/8, .example.com]",
                    goes="proxy.no_proxy",
                ),
            ),
        ),
    ),
)
