"""The SSH protocol as paramiko shall speak it: which ciphers, which kind of host key first, and nothing on a channel
that is closed."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable

import paramiko
from paramiko import common

from kubeup.node.ssh import hostkeys
from kubeup.node.ssh.sshconfig import Target

# The counter modes need a second pass for their checksum; what is not here is weak.
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
ON_A_CHANNEL = frozenset(range(common.MSG_CHANNEL_WINDOW_ADJUST, common.MSG_CHANNEL_FAILURE + 1))
HEAD = struct.Struct(">BI")


class OrderlyTransport(paramiko.Transport):
    """Drops what comes too late for its channel.

    paramiko makes a packet under its channel's lock and sends it without, so another thread's close may get ahead of
    it. OpenSSH then ends the whole connection ("data packet referred to nonexistent channel"): behind a bastion one
    node's end would be that of all nodes.
    """

    def _send_message(self, data: paramiko.Message) -> None:
        # What belongs to a channel comes here one at a time (clear_to_send_lock), and a channel is marked as closed
        # before its close is sent: so nothing gets behind a close any more.
        if not self._too_late(data.asbytes()):
            super()._send_message(data)  # type: ignore[misc]

    def _too_late(self, packet: bytes) -> bool:
        if packet[0] not in ON_A_CHANNEL or packet[0] == common.MSG_CHANNEL_CLOSE:
            return False
        channel_id = HEAD.unpack_from(packet)[1]
        channels = self._channels.values()  # type: ignore[attr-defined]
        return not any(one.remote_chanid == channel_id and not one.closed for one in channels)


def transport_factory(target: Target) -> Callable[..., paramiko.Transport]:
    """How paramiko shall begin: with ciphers that are quick and sound, and the kind of host key that is known."""
    first = hostkeys.preferred_types(hostkeys.known_to(target), target.pinned)

    def make(sock: socket.socket, **options: object) -> paramiko.Transport:
        transport = OrderlyTransport(sock, **options)  # type: ignore[arg-type]
        security = transport.get_security_options()
        security.ciphers = [cipher for cipher in CIPHERS if cipher in security.ciphers]
        # rsa-sha2-512 is an algorithm for keys of type ssh-rsa; ssh-rsa itself would mean SHA-1.
        offered = [kind for kind in security.key_types if kind != "ssh-rsa"]
        security.key_types = sorted(offered, key=lambda kind: _rank(first, kind))
        return transport

    return make


def _rank(first: tuple[str, ...], algorithm: str) -> int:
    kind = "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm
    return first.index(kind) if kind in first else len(first)
