"""The forms that many keys share: a word, one of a few, a list, a mapping."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from kubeup.profile.keys.base import Form, ProfileKey, Values, read_keys
from kubeup.profile.reading import ParseContext, expect, path_of
from kubeup.profile.tree import Key, YamlValue

T = TypeVar("T")
Reader = Callable[[YamlValue, ProfileKey, ParseContext], T]
"""How one value is read; None where it is wrong, which is noted."""
CERTIFICATE = re.compile("-----BEGIN CERTIFICATE-----.*-----END CERTIFICATE-----\\s*", re.DOTALL)


def word(words: str, pattern: str = ".*", wrong: str = "", fix: str = "") -> Form:
    """One word. wrong: what is said of a text that the pattern does not match, after the text itself; fix: then; an
    example if not said."""
    form = re.compile(pattern, re.DOTALL)

    def read(value: YamlValue, key: ProfileKey, reading: ParseContext) -> str | None:
        if form.fullmatch(value.text):
            return value.text
        reading.error(value, f"`{value.text}` {wrong or f'is not {words}'}", fix or f"e.g. {key.example}")
        return None

    return Form(words, read)


def choice(what: str, values: Mapping[str, object]) -> Form:
    """One of a few words. what: of which kind; values: what each means in the model."""

    def read(value: YamlValue, _: ProfileKey, reading: ParseContext) -> object:
        if value.text not in values:
            reading.unknown(Key(value.text, value.place), values, what)
        return values.get(value.text)

    return Form(" or ".join(f"`{name}`" for name in values), read, choices=tuple(values))


def as_text(item: YamlValue, key: ProfileKey, reading: ParseContext) -> str | None:
    """A word as it stands there."""
    return item.text if expect(item, "text", reading, key.line) else None


def file(form: re.Pattern[str], what: str) -> Reader[str | None]:
    """Reads the file of a name, relative to the profile. What is in it is never told."""

    def read(item: YamlValue, key: ProfileKey, reading: ParseContext) -> str | None:
        path = path_of(item, reading) if expect(item, "text", reading, key.line) else None
        if path is None:
            return None
        try:
            text = path.read_bytes().decode()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            reading.error(item, f"{path} cannot be read: {reason}", "paths are relative to the profile's folder")
            return None
        if not form.fullmatch(text.lstrip()):
            reading.error(item, f"{path} does not hold {what}", "look into it")
        return text

    return read


certificates = file(CERTIFICATE, "certificates (PEM)")


def list_of(words: str, item: Reader[T | None], made: Callable[[Iterable[T]], object] = tuple) -> Form:
    """A list, its items read one by one; those that are wrong are left out. made: what the model has of it."""

    def read(value: YamlValue, key: ProfileKey, reading: ParseContext) -> object:
        found = [item(one, key, reading) for one in value.items]
        return made(one for one in found if one is not None)

    return Form(words, read, "list")


def any_name(name: Key, _: ParseContext) -> str | None:
    """A key of a mapping as it stands there."""
    return name.text


def mapping_of(
    words: str, item: Reader[T | None], name_of: Callable[[Key, ParseContext], str | None] = any_name
) -> Form:
    """A mapping whose keys are the user's own (hosts, names of files), its values read one by one.

    name_of: reads a key; None where it is wrong, which is noted.
    """

    def read(value: YamlValue, key: ProfileKey, reading: ParseContext) -> dict[str, T]:
        found = {name_of(name, reading) or name.text: item(one, key, reading) for name, one in value.entries}
        return {name: one for name, one in found.items() if one is not None}

    return Form(words, read, "mapping")


def _section(value: YamlValue, key: ProfileKey, reading: ParseContext) -> Values:
    return read_keys(key.keys, value, reading, f"key under {key.name}")


SECTION = Form("a mapping", _section, "mapping")
"""Of the keys inside, which say themselves where they go."""
