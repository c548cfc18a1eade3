"""Which settings of a component a profile may say, and which kubeup goes by: paths, ports and keys that its folders,
checks, preflight and ``down`` know. One of those is refused in the profile, with what there is instead, for nothing of
kubeup would follow it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

WHY = "kubeup's files, checks and `down` go by its own"
KEYS = "kubeup makes the keys and certificates, renews them, and knows them by their paths"
LISTENS = "take it out: preflight keeps the port free, and kubeup asks there"
NOTHING = "take it out: no other will do"
EXITS = "a program that is told so ends at once"


@dataclass(frozen=True)
class Owned:
    """instead: what a profile may say, or that there is nothing. why: what goes by it. bears: values that do no harm,
    such as the same port on all addresses."""

    instead: str
    why: str = WHY
    bears: tuple[str, ...] = ()


def owned(instead: str, *names: str, why: str = WHY, bears: tuple[str, ...] = ()) -> dict[str, Owned]:
    """Several that the same is said of."""
    return {name: Owned(instead, why, bears) for name in names}


@dataclass(frozen=True)
class Settings:
    """What becomes of a profile's flags and configuration keys; what is named nowhere here is the user's alone.

    Each flag and key that kubeup itself writes is in one of these, which a test holds.

    flags, config: those that kubeup goes by; keys with dots between (``authentication.x509.clientCAFile``).
    joined: flags whose value is a list (A,B) that the cluster needs its own part of: a profile's is added to it.
    followed: flags and keys of a profile's that kubeup reads, too.
    free: those that kubeup writes and a profile may say otherwise. A key stands for all below it.
    kept: flag -> a word that its list may not hold, for it takes away what the cluster needs.
    flags_read: the only flags that the program reads beside its configuration file; empty: all.
    """

    flags: Mapping[str, Owned] = field(default_factory=dict)
    config: Mapping[str, Owned] = field(default_factory=dict)
    joined: tuple[str, ...] = ()
    followed: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)
    flags_read: tuple[str, ...] = ()

    def flag(self, name: str) -> Owned | None:
        """Why a profile may not say a flag; None where it may. name: without dashes; for Kubernetes `_` is `-`."""
        plain = name.replace("_", "-")
        if plain in self.flags:
            return self.flags[plain]
        if self.flags_read and plain not in self.flags_read:
            return Owned("say it in `config:`, by the name that it has there", NOT_READ)
        return EVERYWHERE.get(plain)


NOT_READ = "beside its configuration file it reads no such flag"
EVERYWHERE = owned("take it out", "help", "h", "version", why=EXITS)
SERVING = owned(
    KEYS,
    "cert-dir",
    "client-ca-file",
    "requestheader-allowed-names",
    "requestheader-client-ca-file",
    "tls-cert-file",
    "tls-private-key-file",
)
"""How each server of the control plane is known, and knows others."""
LOGGING = (
    "log-flush-frequency",
    "log-json-info-buffer-size",
    "log-json-split-stream",
    "log-text-info-buffer-size",
    "log-text-split-stream",
    "logging-format",
    "v",
    "vmodule",
)
"""Flags of every program of Kubernetes, also of one that reads a configuration file."""
