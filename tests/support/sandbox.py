"""A temporary root in which the node's half of kubeup runs, with a small stub systemctl: the very bytes of the wire."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kubeup.model.facts import Facts
from kubeup.model.resources import ProbeRequest
from kubeup.node.agent.probe import parse, probe_script
from kubeup.node.wire import payload
from kubeup.node.wire.payload import Payload
from kubeup.node.wire.remote_commands import END, ENDED, Kind, command

# Units are files below /units: their text is the active state.
SYSTEMCTL = """#!/bin/sh
root=$KUBEUP_ROOT
echo "$*" >>"$root/systemctl.log"
while [ "${1#-}" != "$1" ]; do shift; done
verb=$1; shift
while [ $# -gt 0 ] && [ "${1#-}" != "$1" ]; do shift; done
case $verb in
    # A process of its own each time it begins to run: a start of what runs is none.
    start) case $(cat "$root/units/$1" 2>/dev/null) in active|activating) exit 0 ;; esac ;;
esac
case $verb in
    restart|start)
        echo "$1" >>"$root/began"
        # The process of before goes on for a while, or for good.
        if [ -e "$root/late" ]; then sh "$root/late" "$root" "$1" >/dev/null 2>&1 & exit 0; fi
        mkdir -p "$root/invocations" && echo "$$" >"$root/invocations/$1"
        [ -e "$root/broken" ] && echo failed >"$root/units/$1" || echo active >"$root/units/$1" ;;
    stop) rm -f "$root/units/$1" ;;
    is-active) s=$(cat "$root/units/$1" 2>/dev/null || echo inactive); echo "$s"; [ "$s" = active ] ;;
    is-enabled) echo disabled; exit 1 ;;
    # A process of another name each time it began to run; none for a unit that never did.
    show) cat "$root/invocations/$1" 2>/dev/null ;;
    *) : ;;
esac
"""


QUIET = "#!/bin/sh\nexit 0\n"


JOURNALCTL = "#!/bin/sh\necho 'the unit said: no such flag'\n"


@dataclass
class Sandbox:
    """inside: what begins each command, such as nsenter with a mount namespace of the test's own."""

    root: Path
    shell: str
    inside: tuple[str, ...] = ()

    def environment(self) -> dict[str, str]:
        path = f"{self.root}/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        return {
            "KUBEUP_ROOT": str(self.root),
            "KUBEUP_PATH": path,
            "PATH": path,
            "HOME": "/nonexistent",
            "LANG": "de_DE.UTF-8",
        }

    def send(self, kind: Kind, body: bytes) -> subprocess.CompletedProcess[bytes]:
        """What goes over the wire, to the very command that sshd would run."""
        text = command(kind, sudo=False)
        if kind is not Kind.APPLY:
            body += f"\n{END}\n".encode()
        done = subprocess.run(
            [*self.inside, self.shell, "-c", text],
            input=b"kubeup-begin\nann@laptop\n" + body,
            capture_output=True,
            env=self.environment(),
            timeout=60,
            check=False,
            # A session of its own, so that a test can end all of it and nothing else.
            start_new_session=True,
        )
        if kind is not Kind.APPLY:
            said, mark, _ = done.stdout.rpartition(f"\n{ENDED} {done.returncode}\n".encode())
            assert mark, done
            done.stdout = said
        return done

    def carry_out(self, trip: Payload) -> list[str]:
        reply = self.send(Kind.APPLY, b"".join(bytes(chunk) for chunk in payload.stream(trip)))
        return reply.stdout.decode().split("\n")

    def probe(self, inquiry: ProbeRequest) -> Facts:
        reply = self.send(Kind.PROBE, probe_script(inquiry))
        assert reply.returncode == 0, reply.stderr
        return parse(reply.stdout, sent_at=0, received_at=0, node="sandbox", root=str(self.root))

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        target = self.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        target.chmod(mode)

    def read(self, path: str) -> str:
        return (self.root / path.lstrip("/")).read_text()

    def tree(
        self, but: Sequence[str] = ("bin", "units", "invocations", "systemctl.log", "began")
    ) -> dict[str, tuple[int, str]]:
        """Every path with its mode and content."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if name.split("/")[0] in but:
                continue
            content = os.readlink(path) if path.is_symlink() else path.read_text("latin-1") if path.is_file() else ""
            found[name] = (path.lstat().st_mode, content)
        return found
