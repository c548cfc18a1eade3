"""What a profile wants of a Docker, merged key by key into what the machine's own Docker has already. Pure.

Docker takes an option from its command line or from daemon.json, and refuses to start where one is in both. So a list
(mirrors, insecure registries) is added where its own values stand: to daemon.json, which Docker reads again when it is
told to (SIGHUP), or behind the unit's own command line by a drop-in, which takes a restart. Nothing that is there is
taken away or changed; what contradicts the profile is refused.

Sources: https://docs.docker.com/reference/cli/dockerd/ (daemon configuration file, configuration reload behaviour),
https://docs.docker.com/engine/daemon/proxy/.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kubeup.components import daemon_json, proxy
from kubeup.model.cluster import Cluster, Proxy
from kubeup.model.facts import DockerFact, Facts
from kubeup.model.resources import ORIGINAL, File, sha256
from kubeup.model.severity import Severity

UNIT_PATH = "/etc/systemd/system/docker.service"
"""Of the Docker that kubeup installed."""
DAEMON = "/etc/docker/daemon.json"
DEFAULTS = "/etc/default/docker"
DROP_IN = "/etc/systemd/system/docker.service.d/kubeup.conf"
PROXY = "/etc/kubeup/docker-proxy.env"
CERTIFICATES = "/etc/docker/certs.d"
ASKED = (DAEMON, DEFAULTS, DROP_IN, PROXY, ORIGINAL + DAEMON)
RELOADED = (DAEMON,)
"""Paths whose change Docker takes in while it runs, as long as kubeup only adds to registry lists there."""
LISTS = {"registry-mirrors": "registry-mirror", "insecure-registries": "insecure-registry"}
"""Key of daemon.json -> flag of dockerd."""
FLAGS = {"hosts": ("-H", "--host"), "bip": ("--bip",), "data-root": ("--data-root", "-g"), "debug": ("-D", "--debug")}


@dataclass(frozen=True)
class Conflict:
    """Why a merge cannot be. message and fix: for people, without any secret."""

    message: str
    fix: str
    evidence: tuple[str, ...] = ()
    severity: Severity = "error"


@dataclass(frozen=True)
class Merged:
    """files: what Docker's options become; none where nothing is wanted or everything is there already."""

    files: tuple[File, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


@dataclass(frozen=True)
class _Own:
    """What the machine's Docker has without kubeup. words: its command line; environment: name -> value."""

    daemon: Mapping[str, object]
    daemon_text: str
    words: tuple[str, ...]
    environment: Mapping[str, str]
    docker: DockerFact

    def flag(self, *names: str) -> tuple[str, ...]:
        """The values a flag is given on the command line."""
        found = []
        for index, word in enumerate(self.words):
            name, equals, value = word.partition("=")
            if name in names:
                found.append(value if equals else "".join(self.words[index + 1 : index + 2]))
        return tuple(found)


def merge(cluster: Cluster, facts: Facts) -> Merged:
    """The profile's wishes and the node's own options together."""
    conflicts = list(_exports(facts))
    lists = {
        "registry-mirrors": cluster.registries.mirrors.get("docker.io", ()),
        "insecure-registries": cluster.registries.insecure,
    }
    if not any(lists.values()) and not _wants_proxy(cluster.proxy):
        return Merged(_certificates(cluster), tuple(conflicts))
    if facts.file(DAEMON).kind == "link":
        # Its own options are behind it, and a file in its place would be without them.
        there = f'put the file itself there: cp --remove-destination "$(readlink -f {DAEMON})" {DAEMON}'
        return Merged((), (Conflict(f"{DAEMON} is a link, and kubeup merges the profile into files only", there),))
    try:
        own = _own(facts)
    except ValueError as error:
        return Merged((), (Conflict(f"{DAEMON} cannot be read: {error}", f"correct {DAEMON}: it must be JSON"),))
    conflicts += _twice(own)
    daemon: dict[str, object] = dict(own.daemon)
    flags: list[str] = []
    for key, wanted in lists.items():
        added, flag = _missing(own, key, wanted), LISTS[key]
        if own.flag(f"--{flag}"):
            flags += [f"--{flag}={value}" for value in added]
        elif added:
            daemon[key] = [*_values(own.daemon, key), *added]
    files = list(_certificates(cluster))
    # What kubeup merged once stays its file, also where someone wrote the same into it since.
    if daemon != own.daemon or DAEMON in facts.record.owned:
        files.append(_daemon_file(own, daemon, facts, conflicts))
    environment, clash = _proxy(cluster, facts, own)
    conflicts += clash
    files += environment
    if flags or environment:
        files.append(_drop_in(own, flags, bool(environment)))
    return Merged(tuple(files), tuple(conflicts))


def logs_grow(facts: Facts) -> bool:
    """Whether a Docker of the machine's own keeps logs of containers without any limit.

    Only the driver json-file, which is the default, does. https://docs.docker.com/engine/logging/drivers/json-file/
    """
    if not facts.docker.version or UNIT_PATH in facts.record.owned:
        return False
    try:
        own = _own(facts)
    except ValueError:
        return False
    drivers = (*own.flag("--log-driver"), str(own.daemon.get("log-driver", "json-file")))
    options = own.daemon.get("log-opts")
    limited = isinstance(options, dict) and "max-size" in options
    return drivers[0] == "json-file" and not limited and not any("max-size=" in one for one in own.flag("--log-opt"))


def remaps_users(facts: Facts) -> bool:
    """Whether the machine's Docker gives containers other users than they think; then none is on the host's network.

    https://docs.docker.com/engine/security/userns-remap/#user-namespace-known-limitations
    """
    try:
        own = _own(facts)
    except ValueError:
        return False
    return any((*own.flag("--userns-remap"), own.daemon.get("userns-remap")))


def restarts(paths: Sequence[str]) -> bool:
    """Whether a change of these paths takes more of Docker than to read its file again."""
    return any(path not in RELOADED for path in paths)


def _wants_proxy(proxy: Proxy) -> bool:
    return bool(proxy.http or proxy.https)


def _own(facts: Facts) -> _Own:
    """daemon.json as it was before kubeup, or as someone changed it since. Raises ValueError where it is no JSON."""
    now, record = facts.file(DAEMON), facts.record.owned.get(DAEMON)
    content = now.content
    if record is not None and now.sha256 == record.value:
        content = facts.file(ORIGINAL + DAEMON).content if record.had_original else None
    text = (content or b"").decode()
    daemon = daemon_json.read(text, LISTS)
    environment = _environment(facts)
    return _Own(daemon, text, _words(facts.docker, environment), environment, facts.docker)


def _environment(facts: Facts) -> Mapping[str, str]:
    """What the unit gives dockerd: its Environment= lines, and the files it reads, of which one is known."""
    found: dict[str, str] = {}
    for line in facts.docker.environment:
        for word in _split(line):
            name, _, value = word.partition("=")
            found[name] = value
    if any(name.lstrip("-") == DEFAULTS for name in facts.docker.environment_files):
        for line in (facts.file(DEFAULTS).content or b"").decode("utf-8", "replace").split("\n"):
            match = re.fullmatch(r"\s*([A-Za-z_]\w*)=(.*)", line)
            if match:
                found[match.group(1)] = "".join(_split(match.group(2))) if match.group(2) else ""
    return found


def _words(docker: DockerFact, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The command line as systemd splits it: a $NAME that stands alone becomes several words."""
    words: list[str] = []
    for word in _split(docker.exec_start):
        name = re.fullmatch(r"\$\{?(\w+)\}?", word)
        words += _split(environment.get(name.group(1), "")) if name else [word]
    return tuple(words)


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _values(daemon: Mapping[str, object], key: str) -> list[str]:
    found = daemon.get(key)
    return [str(value) for value in found] if isinstance(found, list) else []


def _missing(own: _Own, key: str, wanted: Sequence[str]) -> list[str]:
    there = {value.rstrip("/") for value in (*_values(own.daemon, key), *own.flag(f"--{LISTS[key]}"))}
    return [value for value in wanted if value.rstrip("/") not in there]


def _twice(own: _Own) -> Iterator[Conflict]:
    """Options in both places: Docker runs, for it was started before one of them came, and would not start again."""
    known = {**FLAGS, **{key: (f"--{flag}",) for key, flag in LISTS.items()}}
    for key in own.daemon:
        names = known.get(key, (f"--{key}",))
        if own.flag(*names):
            yield Conflict(
                f"`{key}` is in {DAEMON} and on Docker's command line ({names[0]}): Docker would not start again",
                f"take `{key}` out of {DAEMON}, or {names[0]} out of the unit or {DEFAULTS}",
            )


def _exports(facts: Facts) -> Iterator[Conflict]:
    if not any(name.lstrip("-") == DEFAULTS for name in facts.docker.environment_files):
        return
    for number, line in enumerate((facts.file(DEFAULTS).content or b"").decode("utf-8", "replace").split("\n"), 1):
        found = re.match(r"\s*export\s+([A-Za-z_]\w*)=", line)
        if found:
            name = found.group(1)
            yield Conflict(
                f"{DEFAULTS}:{number}: `export {name}=...` is read by no unit: systemd takes no `export`",
                f"write {name}=... without it, if Docker is to see it",
                severity="warning",
            )


def _daemon_file(own: _Own, daemon: Mapping[str, object], facts: Facts, conflicts: list[Conflict]) -> File:
    indent = re.search(r"^([ \t]+)\"", own.daemon_text, re.MULTILINE)
    text = json.dumps(daemon, indent=indent.group(1) if indent else 2) + "\n"
    content = (own.daemon_text if daemon == own.daemon else text).encode()
    now, record = facts.file(DAEMON), facts.record.owned.get(DAEMON)
    if record is not None and now.sha256 not in (record.value, sha256(content)):
        conflicts.append(
            Conflict(
                f"{DAEMON} was changed by someone since kubeup merged the profile into it, and so was the profile",
                f"make the same change in {ORIGINAL}{DAEMON}, put that in the place of {DAEMON}, and run this again",
            )
        )
    mode, owner = (now.mode, now.owner) if now.exists else (0o644, "root:root")
    secret = any(re.search(r"//[^/\s]*:[^/\s]*@", text) for text in (own.daemon_text, content.decode()))
    return File(DAEMON, content, mode=mode, owner=owner, secret=secret, shared_with_owner=True)


def _proxy(cluster: Cluster, facts: Facts, own: _Own) -> tuple[list[File], list[Conflict]]:
    """Environment variables for dockerd, unless it has a proxy of its own."""
    wanted = cluster.proxy
    if not _wants_proxy(wanted):
        return [], []
    configured = own.daemon.get("proxies")
    theirs = {str(key): str(value) for key, value in configured.items()} if isinstance(configured, dict) else {}
    places = {
        f"`proxies` in {DAEMON}": (theirs.get("http-proxy", ""), theirs.get("https-proxy", "")),
        "its command line": ("".join(own.flag("--http-proxy")), "".join(own.flag("--https-proxy"))),
        f"its environment (the unit, a drop-in or {DEFAULTS})": (
            own.environment.get("HTTP_PROXY", own.environment.get("http_proxy", "")),
            own.environment.get("HTTPS_PROXY", own.environment.get("https_proxy", "")),
        ),
    }
    for place, values in places.items():
        if values == (wanted.http, wanted.https):
            return [], []
        if any(values):
            return [], [
                Conflict(
                    f"its Docker has another proxy already, in {place}",
                    "take that one out, or `proxy:` out of the profile; both stay as they are until then",
                )
            ]
    return [proxy.environment(PROXY, cluster, facts)], []


def _drop_in(own: _Own, flags: Sequence[str], proxy: bool) -> File:
    """The node's own command line, never one of a template, with what is added behind it."""
    text = "# Written by kubeup, out of the profile; the unit's own command line is as it was.\n[Service]\n"
    if proxy:
        text += f"EnvironmentFile={PROXY}\n"
    if flags:
        text += f"ExecStart=\nExecStart={own.docker.exec_start} {' '.join(flags)}\n"
    return File(DROP_IN, text.encode())


def _certificates(cluster: Cluster) -> tuple[File, ...]:
    """Docker reads these with every pull."""
    return tuple(
        File(f"{CERTIFICATES}/{host}/ca.crt", text.encode(), read_at_start=False)
        for host, text in sorted(cluster.registries.ca.items())
    )
