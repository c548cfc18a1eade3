"""Facts as the bytes that a node's probe would print of them: the other way round than kubeup/node/agent/probe.py."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator, Mapping

from kubeup.model.facts import Facts, FileFact, Record

RECORD = "/var/lib/kubeup/record"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
KINDS = {"file": "regular file", "link": "symbolic link", "dir": "directory"}


def probe_reply(facts: Facts) -> bytes:
    """What a test's nodes have: a machine, its network, tools, files, units, checks, answers and record; no Docker."""
    lines = [*_machine(facts), *_network(facts), *_files(facts.files), *_units(facts), *_kubeup(facts)]
    text = "\n".join(["kubeup-probe 1", *lines, "tar"])
    contents = {path: fact.content for path, fact in facts.files.items() if fact.content is not None}
    return (
        text.encode()
        + b"\n"
        + _tar({**contents, **({RECORD: record_text(facts.record).encode()} if facts.record.exists else {})})
    )


def _machine(facts: Facts) -> Iterator[str]:
    yield f"uname\t{facts.hostname} {facts.kernel} {MACHINES.get(facts.arch, facts.arch)}"
    for name, value in (("ID", facts.os_id), ("VERSION_ID", facts.os_version), ("PRETTY_NAME", facts.os_name)):
        yield f'os_release\t{name}="{value}"'
    yield from (f"machine_id\t{facts.machine_id}", f"init\t{facts.init}", f"uid\t{facts.uid}", f"cpus\t{facts.cpus}")
    yield f"meminfo\tMemTotal: {facts.memory // 1024} kB"
    for folder, disk in facts.disks.items():
        yield f"disk_folder\t{folder}"
        yield f"disk\t/dev/vda1 {disk.size // 1024} 0 {disk.free // 1024} 10% {disk.mount}"
    yield from (f"capabilities\tCapBnd: {facts.capabilities:016x}", f"cgroup\t{facts.cgroup}")
    yield f"controllers\t{' '.join(facts.cgroup_controllers)}"
    yield from (f"nft\tnftables v{facts.nft} (x)", f"iptables\tiptables v{facts.iptables} (nf_tables)")
    yield from (
        f"socat\t{facts.socat}",
        f"haproxy\tHAProxy version {facts.haproxy}-1 2023/03/24",
        f"downloader\t{facts.downloader}",
    )


def _network(facts: Facts) -> Iterator[str]:
    addresses = [dict(zip(("local", "prefixlen"), text.split("/"))) for text in facts.addresses]
    yield f"ip_addr\t{json.dumps([{'addr_info': addresses}])}"
    gateways = {(to, device): by for to, device, by in facts.gateways}
    routes = [
        {"dst": to, "dev": device, **({"gateway": gateways[to, device]} if (to, device) in gateways else {})}
        for to, device in facts.routes
    ]
    yield f"ip_route\t{json.dumps(routes)}"
    yield f"ip_route_get\t{json.dumps([{'prefsrc': facts.primary_address, 'dev': facts.primary_device}])}"


def _files(files: Mapping[str, FileFact]) -> Iterator[str]:
    for path, fact in files.items():
        yield f"file\t{KINDS[fact.kind]}\t{fact.mode:o}\t{fact.owner}\t{fact.size}\t{path}"
        if fact.sha256:
            yield f"sha256sum\t{fact.sha256}  {path}"
        if fact.target:
            yield f"target\t{fact.target}\t{path}"


def _units(facts: Facts) -> Iterator[str]:
    for unit in facts.units.values():
        yield from (f"unit\tId={unit.name}", f"unit\tLoadState={unit.load}", f"unit\tActiveState={unit.active}")
        yield from (f"unit\tSubState={unit.sub}", f"unit\tUnitFileState={unit.enabled}", "unit\t")


def _kubeup(facts: Facts) -> Iterator[str]:
    yield from (f"check\t{int(good)}\t{id_}" for id_, good in facts.checks.items())
    for id_, said in facts.said.items():
        yield from (f"said\t{id_}\t{line}" for line in said.text.split("\n"))
        yield from (f"complained\t{id_}\t{said.why}", f"said\t{id_}\tend {int(bool(said.why))}")
    yield from (f"store\t{size}\t/var/lib/kubeup/store/{digest}/it" for digest, size in facts.store.items())
    if facts.home:
        yield "home\tyes"
    if facts.busy:
        yield f"busy\t{facts.busy}"


def record_text(record: Record) -> str:
    """The file, as kubeup writes one."""
    lines = [f"meta\t{name}\t{value}" for name, value in record.meta.items()]
    for path, one in record.owned.items():
        lines.append(f"own\t{path}\t{one.kind}\t{one.value}\t{'yes' if one.had_original else 'no'}")
    lines += [f"unit\t{name}\t{before}" for name, before in record.units.items()]
    for name, read in record.ready.items():
        lines.append("\t".join(["ready", name, "=", *(f"{path}={value}" for path, value in read.items())]))
    lines += [f"action\t{name}\tdone" for name in record.actions]
    lines += [f"trace\t{kind} {name}\t{before}" for (kind, name), before in record.side_effects.items()]
    return "".join(f"{line}\n" for line in lines)


def _tar(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, content in files.items():
            info = tarfile.TarInfo(path.lstrip("/"))
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()
