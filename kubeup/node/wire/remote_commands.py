"""The constant remote commands: one a kind of trip. Nothing variable is ever on a command line.

What happens on the other side, in this order:

1. sudo (where the login is not root) asks for a password on standard error, by a prompt of ours, if it wants one.
2. The boot says ``kubeup-hello``. Only now anything but the password is sent, so that no prompt swallows a secret.
3. It reads lines up to ``kubeup-begin``, then one line that says who the operator is.
4. PROBE and SHELL take in a script up to ``#kubeup-end``, run it, and say ``kubeup-ended STATUS`` behind all that it
   said: an answer without that broke off. APPLY takes the node's lock, unpacks a tar stream and runs its apply.sh,
   which has a last word of its own.
"""

from __future__ import annotations

import enum


class Kind(enum.Enum):
    """What a body is.

    PROBE: its first chunk is a script. Nothing of it runs before all of it is there. Its standard input carries only
    its end: when the body ends, or the line is lost. SHELL: the same, for a script that may be silent for long. APPLY:
    a tar stream with an apply.sh in it, under the node's lock.
    """

    PROBE = "probe"
    APPLY = "apply"
    SHELL = "shell"


HELLO = "kubeup-hello"
MARKER = "kubeup-begin"
END = "#kubeup-end"
ENDED = "kubeup-ended"
BUSY = "kubeup-busy"
PROMPT = "kubeup-password"
BUSY_STATUS = 75
LOCK_SECONDS = 10
"""So long a trip waits for another's end: for a probe, which looks at the lock for a moment, or for a run of before
that was stopped and ends at its next step."""
STALLED_SECONDS = 120
"""After so long without a byte of a trip, its node gives it up, and the lock with it; what arrived stays."""

# No single quote, exclamation mark, double backslash or line break may stand in these: they are quoted as a whole for
# whatever login shell there is (sh, fish, csh).
# A proxy that the machine gives to every login (/etc/environment) is not for what kubeup asks its own API server and
# etcd; only downloads go by it (stage.sh).
_NO_PROXY = (
    "own_http=${http_proxy:-$HTTP_PROXY} own_https=${https_proxy:-$HTTPS_PROXY} own_no=${no_proxy:-$NO_PROXY}; "
    "export own_http own_https own_no; "
    "unset http_proxy https_proxy no_proxy all_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY; "
)
_GREET = (
    "LC_ALL=C; export LC_ALL; " + _NO_PROXY + "echo kubeup-hello || exit 3; "
    'l=; until [ "$l" = kubeup-begin ]; do IFS= read -r l || exit 3; done; IFS= read -r who || exit 3; '
)
# A script whose end a lost line cut off must not run: "rm -r /a/b" could have become "rm -r /a".
# It runs in a shell of its own, so that whatever ends it, what it is followed by tells.
_PROBE = _GREET + (
    's=$(sed "/^#kubeup-end/q"); case $s in *"#kubeup-end") ( eval "$s" ); r=$?; '
    'printf "\\nkubeup-ended %s\\n" "$r"; exit "$r" ;; *) exit 3 ;; esac'
)
# The holder's name stays readable in the lock: it is opened for appending, and written only by who holds it. A lock
# that a "down" removed meanwhile is no lock.
_LOCK = (
    "umask 077; h=${KUBEUP_ROOT:-}/var/lib/kubeup; "
    'e=$({ mkdir -p "$h/incoming/piece" && : >>"$h/lock"; } 2>&1) || '
    '{ printf "failed\\t%s\\n" "cannot make $h: $e"; exit 1; }; '
    'exec 9>>"$h/lock"; '
    '{ flock -w PATIENCE 9 && [ "$h/lock" -ef /proc/self/fd/9 ]; } || '
    '{ echo "kubeup-busy $(cat "$h/lock" 2>/dev/null || echo "one that has just taken this node down")"; exit 75; }; '
    'echo "$who since $(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$h/lock"; '
)
# A line that died without a word (a laptop that went elsewhere) would leave tar waiting, and the lock held, for the two
# hours until the server asks for a sign of life. So someone watches that bytes come. It holds none of our outputs: the
# server waits for all who do. Nor does it use `$!`: a login shell that is csh would expand the `!` from its history.
_WATCH = (
    'echo $$ >unpacking; ( cd /; i=$h/incoming; n=0; size=; while sleep 1; [ "$(cat "$i/unpacking")" = $$ ]; do '
    'now=$(du -s "$i"); n=$((n + 1)); [ "$now" = "$size" ] || n=0; size=$now; '
    '[ $n -lt STALLED ] || { rm -f "$i/unpacking"; kill $$; }; done ) </dev/null >/dev/null 2>&1 9>&- & '
)
# What earlier trips left goes; pieces and downloads that arrived stay, so that they need not come again. tar's reason
# is kept in a variable, since the disk may be full.
_UNPACK = (
    'cd "$h/incoming" || exit 1; rm -rf steps blob *.sh output unpack; '
    + _WATCH
    + "e=$(tar -xf - --no-same-owner 2>&1 9>&-) || "
    '{ printf "failed\\tunpacking: %s (%s KiB free in %s)\\n" "$(echo "$e" | head -n 1)" '
    '"$(df -Pk . | tail -n 1 | tr -s " " | cut -d " " -f 4)" "$h"; rm -f unpacking; exit 1; }; '
    "rm -f unpacking; exec sh ./apply.sh"
)
_SCRIPTS = {Kind.PROBE: _PROBE, Kind.SHELL: _PROBE, Kind.APPLY: _GREET + _LOCK + _UNPACK}


def command(kind: Kind, *, sudo: bool) -> str:
    """What the login shell is given.

    sudo reads its password from standard input and asks with a prompt of ours, so that asking, and asking again after a
    wrong one, is seen in any language; sudo-rs shows the same words inside a prompt of its own. env makes everything
    else sudo says English. The options are spelled out because the env of rust-coreutils takes a -S for its own.
    """
    script = _SCRIPTS[kind].replace("STALLED", str(STALLED_SECONDS)).replace("PATIENCE", str(LOCK_SECONDS))
    inner = f"sh -c '{script}'"
    return f"env LC_ALL=C sudo --stdin --prompt={PROMPT} {inner}" if sudo else inner
