"""Secrets out of what people are shown, and out of what is written down for later."""

from __future__ import annotations

import re

WORD = re.compile(r"\S+")
USER = re.compile(r"(?:(?<![\w+.-])\w[\w+.-]*:)?//[^\s/:@]*:|(?<![\w.%+-])(?<!\$\{)[\w.%+-]+:")
KEY = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(-----END \1-----|\Z)", re.DOTALL)
TOKEN = re.compile(r"(?i)\b((?:bearer|basic)\s+|(?:token|password|passwd|secret)[=:]\s*)[^\s\"',;]+")


def without_secrets(text: str) -> str:
    """The text without passwords in URLs, private keys and tokens."""
    text = KEY.sub(r"-----\1: not shown-----", without_passwords(text))
    return TOKEN.sub(r"\1***", text)


def without_passwords(text: str) -> str:
    """The text with every password of a URL as stars, as many as it has letters, so that marks below stand right.

    With or without a scheme, and up to the last @ of the word: a password may hold one itself. ``${name:-...}`` is a
    shell's default and no name of a user.
    """
    return WORD.sub(_hidden, text) if "@" in text else text


def _hidden(word: re.Match[str]) -> str:
    """One word: what stands between the user's name and the last @."""
    before, at, after = word.group().rpartition("@")
    user = USER.search(before)
    if not at or user is None:
        return word.group()
    return before[: user.end()] + "*" * (len(before) - user.end()) + at + after
