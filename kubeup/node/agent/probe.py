"""Asking a node everything in one trip: the script that is sent, and its answer as Facts."""

from __future__ import annotations

import io
import shlex
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from kubeup.model.errors import NodeError
from kubeup.model.facts import DockerFact, Facts, FileFact, FirewallFact, Listener, UnitFact
from kubeup.model.resources import ProbeRequest
from kubeup.node.agent.record import parse_record

SCRIPT = Path(__file__).with_name("probe.sh")
MARKER = b"kubeup-probe 1\n"
RECORD = "/var/lib/kubeup/record"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
KINDS = {"regular file": "file", "regular empty file": "file", "symbolic link": "link", "directory": "dir"}


def probe_script(request: ProbeRequest) -> bytes:
    """The bytes for the standard input of ``sh -s``: the request as quoted words, then probe.sh."""
    checks = "\n".join(f"check {shlex.quote(id_)} {shlex.quote(text)} &" for id_, text in request.checks)
    variables = (
        f"FILES={shlex.quote(chr(10).join(request.files))}\n"
        f"CONTENTS={shlex.quote(chr(10).join(request.contents))}\n"
        f"UNITS={shlex.quote(' '.join(request.units))}\n"
        f"PORTS={shlex.quote(' '.join(map(str, request.ports)))}\n"
        f"run_checks() {{\n:\n{checks}\n}}\n"
    )
    return variables.encode() + SCRIPT.read_bytes()


def parse(reply: bytes, *, sent_at: float, received_at: float, node: str, root: str = "") -> Facts:
    """Facts out of an answer. Times in seconds since the epoch, of the operator's clock. root: a sandbox's folder.

    Raises NodeError where the answer is not one.
    """
    start = reply.find(MARKER)
    if start < 0:
        raise NodeError(
            node,
            "asking",
            "the node did not answer as kubeup's probe does",
            evidence=reply.decode("utf-8", "replace").split("\n")[-5:],
            fix="log in by hand and see what its shell prints",
        )
    body = reply[start + len(MARKER) :]
    end = body.find(b"\ntar\n")
    if end < 0:
        raise NodeError(
            node,
            "asking",
            "the answer broke off",
            evidence=body.decode("utf-8", "replace").split("\n")[-5:],
            fix="run the command again; if it happens again, look at the node's /var/log and disk",
        )
    lines = [line.split("\t") for line in body[:end].decode("utf-8", "replace").split("\n")]
    return _facts(_Lines(lines), _contents(body[end + 5 :]), (sent_at + received_at) / 2, root)


def _contents(archive: bytes) -> Mapping[str, bytes]:
    if not archive.strip(b"\0"):
        return {}
    found = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            file = tar.extractfile(member)
            if file is not None:
                found["/" + member.name.lstrip("/")] = file.read()
    return found


class _Lines:
    """The answer's lines by their first field."""

    def __init__(self, lines: Iterable[list[str]]) -> None:
        self._by_kind: dict[str, list[list[str]]] = {}
        for kind, *values in lines:
            self._by_kind.setdefault(kind, []).append(values)

    def all(self, kind: str) -> list[list[str]]:
        return self._by_kind.get(kind, [])

    def one(self, kind: str, default: str = "") -> str:
        rows = self.all(kind)
        return rows[0][0] if rows and rows[0] else default

    def number(self, kind: str) -> int:
        text = self.one(kind)
        return int(text) if text.isdigit() else 0


def _facts(lines: _Lines, contents: Mapping[str, bytes], midpoint: float, root: str) -> Facts:
    clock = float(lines.one("clock", "0").replace("N", "0"))
    machine = lines.one("arch")
    primary = (lines.all("primary") or [["", ""]])[0]
    facts = Facts(
        hostname=lines.one("nodename") or lines.one("hostname"),
        arch=ARCHITECTURES.get(machine, machine),
        os_id=lines.one("os_ID"),
        os_version=lines.one("os_VERSION_ID"),
        os_name=lines.one("os_PRETTY_NAME"),
        kernel=lines.one("kernel"),
        machine_id=lines.one("machine_id"),
        init=lines.one("init"),
        uid=lines.number("uid"),
        cpus=lines.number("cpus"),
        memory=lines.number("memory") * 1024,
        swap=lines.number("swap") * 1024,
        disk_free=lines.number("disk") * 1024,
        disk_size=lines.number("disk_size") * 1024,
        inotify_limit=lines.number("inotify_limit"),
        inotify_used=lines.number("inotify_used"),
        clock_offset=clock - midpoint if clock else 0.0,
        clock_synchronized=True if lines.one("synchronized") else None,
        cgroup=lines.number("cgroup"),
        cgroup_controllers=tuple(lines.one("controllers").split()),
        capabilities=int(lines.one("capabilities", "0"), 16),
        addresses=tuple(row[0] for row in lines.all("address")),
        primary_address=primary[0],
        primary_device=primary[1],
        routes=tuple((row[0], row[1]) for row in lines.all("route")),
        listeners=tuple(Listener(int(row[0]), row[1], int(row[2]), row[3]) for row in lines.all("port")),
        missing_modules=tuple(row[0] for row in lines.all("module")),
        nft=lines.one("nft"),
        iptables=lines.one("iptables"),
        conntrack=lines.one("conntrack"),
        downloader=lines.one("downloader"),
        ipvs_services=tuple(row[0] for row in lines.all("ipvs")),
        conntrack_max_writable=lines.one("conntrack_max") != "readonly",
        resolv_conf=lines.one("resolv_conf", "/etc/resolv.conf"),
        nameservers=tuple(row[0].split()[0] for row in lines.all("nameserver") if row[0].strip()),
    )
    return replace(
        facts,
        docker=_docker(lines),
        firewalls=tuple(
            FirewallFact(row[0], tuple(rule[1] for rule in lines.all("rule") if rule[0] == row[0] and len(rule) > 1))
            for row in lines.all("firewall")
        ),
        foreign_cluster=", ".join(row[0] for row in lines.all("foreign")),
        files=_files(lines, contents, root),
        units=_units(lines),
        checks={row[1]: row[0] == "1" for row in lines.all("check")},
        record=parse_record(contents.get(RECORD, b"").decode("utf-8", "replace")),
        store={Path(row[1]).parent.name: int(row[0]) for row in lines.all("store")},
        pieces=_pieces(lines),
        home=bool(lines.one("home")),
        kept_data=tuple(row[0] for row in lines.all("kept")),
        busy=lines.one("busy"),
    )


def _docker(lines: _Lines) -> DockerFact:
    version = lines.one("docker_version")
    source = lines.one("docker_source")
    return DockerFact(
        version=version,
        running=bool(lines.one("docker_running")),
        source=source or ("other" if version else ""),
        cgroup_driver=lines.one("docker_cgroup"),
        containers=tuple(row[0] for row in lines.all("docker_container")),
        exec_start="".join(_settings(lines, "ExecStart")[-1:]),
        environment=tuple(_settings(lines, "Environment")),
        environment_files=tuple(_settings(lines, "EnvironmentFile")),
    )


def _settings(lines: _Lines, name: str) -> list[str]:
    """A setting of Docker's unit as systemd takes it together: an empty one takes back what was said before."""
    said: list[str] = []
    for setting, *values in lines.all("docker_unit"):
        if setting == name:
            value = "".join(values).strip()
            said = [*said, value] if value else []
    return said


def _files(lines: _Lines, contents: Mapping[str, bytes], root: str) -> Mapping[str, FileFact]:
    hashes = {row[1].removeprefix(root): row[0] for row in lines.all("sha") if len(row) > 1}
    targets = {row[1].removeprefix(root): row[0] for row in lines.all("target") if len(row) > 1}
    found = {}
    for kind, mode, owner, size, name in lines.all("file"):
        path = name.removeprefix(root)
        found[path] = FileFact(
            path,
            KINDS.get(kind, "other"),
            int(mode, 8),
            owner,
            int(size),
            hashes.get(path, ""),
            targets.get(path, ""),
            contents.get(path),
        )
    return found


def _units(lines: _Lines) -> Mapping[str, UnitFact]:
    """``systemctl show`` prints NAME=VALUE lines, a blank one between units."""
    found: dict[str, UnitFact] = {}
    current: dict[str, str] = {}
    for row in [*lines.all("unit"), [""]]:
        name, _, value = row[0].partition("=")
        if name:
            current[name] = value
        elif current:
            unit = _unit(current)
            found[unit.name] = unit
            current = {}
    return found


def _unit(values: Mapping[str, str]) -> UnitFact:
    return UnitFact(
        values.get("Id", ""),
        values.get("LoadState", ""),
        values.get("ActiveState", ""),
        values.get("SubState", ""),
        values.get("UnitFileState", ""),
        values.get("FragmentPath", ""),
        tuple(values.get("DropInPaths", "").split()),
    )


def _pieces(lines: _Lines) -> Mapping[str, int]:
    """sha256, or sha256.gz -> how many bytes from the start lie there without a gap."""
    pieces: dict[str, list[tuple[int, int]]] = {}
    for size, name in lines.all("piece"):
        digest, _, offset = Path(name).name.rpartition(".")
        pieces.setdefault(digest, []).append((int(offset or 0), int(size)))
    return {digest: _contiguous(sorted(parts)) for digest, parts in pieces.items()}


def _contiguous(parts: list[tuple[int, int]]) -> int:
    end = 0
    for offset, size in parts:
        if offset != end:
            break
        end += size
    return end
