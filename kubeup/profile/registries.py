"""``registry_mirrors``, ``insecure_registries``, ``registry_ca`` and ``registry_auth``: how nodes reach images."""

from __future__ import annotations

import re
from pathlib import Path

from kubeup.images.names import parse
from kubeup.model.cluster import Registries
from kubeup.profile.reading import ParseContext, expect, path_of, strings, words
from kubeup.profile.tree import YamlValue

CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*-----END CERTIFICATE-----\\s*", re.DOTALL)
LOGIN = re.compile(r"[^:\s]+:\S+\s*")


def read(reading: ParseContext, folder: Path) -> Registries:
    """folder: what paths of files are relative to."""
    get = reading.places.get
    mirrors = {}
    example = "registry_mirrors: {docker.io: [https://mirror.example.com]}"
    value = get("registry_mirrors")
    if value is not None and expect(value, "mapping", reading, example):
        mirrors = {key.text: _mirrors(item, reading) for key, item in value.entries}
    authorities = strings(get("registry_ca"), reading, "registry_ca: {registry.example.com: ca.pem}")
    logins = strings(get("registry_auth"), reading, "registry_auth: {registry.example.com: login.txt}")
    return Registries(
        mirrors,
        tuple(words(get("insecure_registries"), reading)),
        {host: _file(item, reading, folder, CERTIFICATE, "certificates (PEM)") for host, item in authorities.items()},
        {host: _file(item, reading, folder, LOGIN, "one line, USER:PASSWORD").strip() for host, item in logins.items()},
    )


def images(reading: ParseContext) -> tuple[str, ...]:
    """``images``: the user's own that every node should have."""
    value = reading.places.get("images")
    found = words(value, reading)
    for item in value.items if value is not None else ():
        if item.kind == "text" and parse(item.text) is None:
            reading.error(
                item, f"`{item.text}` is not the name of an image", "write it like registry.example.com/app:1"
            )
    return tuple(found)


def _mirrors(value: YamlValue, reading: ParseContext) -> tuple[str, ...]:
    """URLs, in the order in which they are asked."""
    if value.kind == "text":
        value = YamlValue("list", value.place, items=(value,))
    found = tuple(words(value, reading))
    for item in value.items:
        if item.kind == "text" and not re.match(r"https?://[^/\s]", item.text):
            reading.error(item, f"`{item.text}` is not the URL of a mirror", "write it like https://mirror.example.com")
    return found


def _file(item: YamlValue, reading: ParseContext, folder: Path, form: re.Pattern[str], what: str) -> str:
    """The text of a file named in the profile, relative to it. What is in it is never told."""
    path = path_of(item, reading, folder)
    if path is None:
        return ""
    try:
        text = path.read_bytes().decode()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        reading.error(item, f"{path} cannot be read: {reason}", "paths are relative to the profile's folder")
        return ""
    if not form.fullmatch(text.lstrip()):
        reading.error(item, f"{path} does not hold {what}", "look into it")
        return ""
    return text
