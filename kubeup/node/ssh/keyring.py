"""Private keys: read, decrypted, and with the certificates that are for them."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives import serialization

from kubeup.node.ssh.secrets import Secrets


class Encrypted(Exception):
    """A private key that needs a passphrase, or another one."""


class Keyring:
    """Private keys, each read and decrypted once."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self._plain: dict[Path, str] = {}
        self._lock = threading.Lock()

    def load(self, path: Path, certificates: tuple[Path, ...] = (), *, ask: bool) -> tuple[paramiko.PKey, ...]:
        """The key; before it the same key with each certificate that is for it: beside it, or one of those given.

        Raises Encrypted, OSError, ValueError, SSHException.
        """
        with self._lock:
            if path not in self._plain:
                passphrase = self._secrets.passphrase(str(path)) if ask else None
                self._plain[path] = _decrypt(path.read_bytes(), passphrase)
            plain = self._plain[path]
        beside = path.with_name(f"{path.name}-cert.pub")
        return (*_certified(plain, (beside, *certificates)), _key(plain))


def _certified(plain: str, certificates: tuple[Path, ...]) -> Iterator[paramiko.PKey]:
    for certificate in certificates:
        key = _key(plain)
        # A certificate is: its type, a nonce, and what a key is behind its own type (PROTOCOL.certkeys).
        if _behind(_behind(_blob(certificate))).startswith(_behind(key.asbytes())):
            key.load_certificate(str(certificate))
            yield key


def _behind(blob: bytes) -> bytes:
    """What follows the first string of something on the wire."""
    return blob[4 + int.from_bytes(blob[:4], "big") :]


def _decrypt(data: bytes, passphrase: str | None) -> str:
    password = passphrase.encode() if passphrase else None
    try:
        openssh = b"BEGIN OPENSSH" in data
        load = serialization.load_ssh_private_key if openssh else serialization.load_pem_private_key
        loaded = load(data, password)
    except TypeError as error:
        raise Encrypted("it is encrypted, and no passphrase was given") from error
    except ValueError as error:
        if passphrase is not None:
            raise Encrypted("it is encrypted, and the passphrase is wrong") from error
        raise
    return loaded.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()


def _key(plain: str) -> paramiko.PKey:
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(plain))
        except paramiko.SSHException:
            continue
    raise ValueError("this type of key is not supported")


def public_blob(path: Path) -> bytes:
    """The public half beside a private key; a public key alone names one that the agent has."""
    return _blob(path.with_name(f"{path.name}.pub")) or _blob(path)


def _blob(public: Path) -> bytes:
    """What a public key or a certificate is on the wire; nothing where the file is neither."""
    try:
        fields = public.read_text().split()
        if len(fields) > 1 and fields[0].startswith(("ssh-", "ecdsa-", "sk-")):
            return base64.b64decode(fields[1])
    except (OSError, ValueError):
        pass
    return b""
