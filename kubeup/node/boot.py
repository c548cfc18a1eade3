"""The constant remote commands: one a kind of trip. Nothing variable is ever on a command line.

Standard input carries the sudo password's line if there is one, then the marker, then who the operator is; the node
answers ``kubeup-hello``, and only then the rest is sent, so that no password prompt ever swallows a secret.
"""

from __future__ import annotations

import enum


class Kind(enum.Enum):
    """PROBE runs a script that is sent and ends; APPLY unpacks a tar stream under the node's lock and runs its
    apply.sh."""

    PROBE = "probe"
    APPLY = "apply"


MARKER = "kubeup-begin"
HELLO = "kubeup-hello"
BUSY = "kubeup-busy"

# No single quote may stand in these: they are quoted as a whole for whatever login shell there is.
_GREET = (
    'l=; while [ "$l" != kubeup-begin ]; do IFS= read -r l || exit 3; done; IFS= read -r who || exit 3; '
    "LC_ALL=C; export LC_ALL; "
)
_PROBE = _GREET + "echo kubeup-hello; exec sh -s"
_APPLY = _GREET + (
    "umask 077; h=${KUBEUP_ROOT:-}/var/lib/kubeup; "
    'mkdir -p "$h/incoming" && cd "$h/incoming" || '
    '{ echo kubeup-hello; printf "failed\\t%s\\n" "cannot make $h/incoming"; exit 1; }; '
    'exec 9>>"$h/lock"; '
    'flock -n 9 || { echo "kubeup-busy $(cat "$h/lock")"; exit 75; }; '
    'echo "$who since $(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$h/lock"; '
    "echo kubeup-hello; rm -rf blob steps apply.sh undo.sh; mkdir -p piece; "
    'tar -xf - --no-same-owner 2>unpack || { printf "failed\\t%s\\n" "unpacking: $(tail -n 1 unpack)"; exit 1; }; '
    "exec sh ./apply.sh"
)


def command(kind: Kind, *, sudo: bool, password: bool = False) -> str:
    """What the login shell is given. password: the first line of standard input is sudo's.

    Without one, sudo must not ask (-n): it would take the marker for an answer.
    """
    inner = f"sh -c '{_PROBE if kind is Kind.PROBE else _APPLY}'"
    if not sudo:
        return inner
    return f'sudo -S -p "" {inner}' if password else f"sudo -n {inner}"
