"""What every command needs: a profile, connections to its nodes, a view of what goes on."""

from __future__ import annotations

import datetime
import getpass
import os
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import click

from kubeup import __version__, profile
from kubeup.cli import console
from kubeup.cli.options import VERBOSE_KEY
from kubeup.cli.state import State
from kubeup.execution.fleet import Connect, Fleet
from kubeup.execution.job import Job, Prepared
from kubeup.image_store import pull_via_proxy
from kubeup.model.cluster import Cluster, Node, Source
from kubeup.model.errors import REPORT, FleetError, KubeupError, UnexpectedError, UsageError
from kubeup.model.events import Event, Failed
from kubeup.node.ssh.connector import Connector
from kubeup.node.ssh.secrets import Secrets
from kubeup.node.wire.transport import SshConnection
from kubeup.profile import LoadedProfile
from kubeup.release.artifacts import ReleaseEvent
from kubeup.report import run_log
from kubeup.report.progress import View
from kubeup.report.run_log import RunLog, unexpected
from kubeup.tunnel import Tunnel

BEGAN_KEY = "kubeup.began"
"""In click's context: when the command began."""


def load(path: Path | None, bundle: Path | None = None) -> LoadedProfile:
    """The profile that was named; else ./profile.yaml; else the one of the last ``up``, said aloud.

    bundle: the only source then, whatever the profile says.
    """
    folder = None
    if path is None:
        path = Path("profile.yaml")
        if not path.exists():
            last = State.of(os.environ).last()
            if last is None:
                raise UsageError(
                    "no profile: there is no ./profile.yaml, and no cluster was brought up from here",
                    fix="kubeup profile example >profile.yaml writes one. Where a cluster's profile is lost, one "
                    "with its `name:`, `nodes:` and any `roles:` will do for `kubeup down PROFILE`",
                )
            path, folder = last
            console.stderr().print(f"profile: that of the last `up`, {path}", highlight=False, soft_wrap=True)
    loaded = profile.load(path, folder)
    if bundle is None:
        return loaded
    return replace(loaded, cluster=replace(loaded.cluster, sources=(Source("bundle", str(bundle)),)))


def load_to_change(path: Path | None, bundle: Path | None = None) -> LoadedProfile:
    """``load``, for what changes a cluster. Raises UsageError where only the last ``up`` says which, and there are
    several."""
    state = State.of(os.environ)
    known = state.known()
    if path is None and len(known) > 1 and not Path("profile.yaml").exists():
        # Whatever the program is called where it runs.
        word = " ".join(["kubeup", *click.get_current_context().command_path.split()[1:]])
        raise UsageError(
            f"`{word}` without a profile could mean {' or '.join(sorted(known))}; nothing was touched",
            evidence=[f"{name}: {state.profile_of(name)}" for name in sorted(known)],
            fix=f"say which one by its profile: {word} PROFILE",
        )
    return load(path, bundle)


def chosen(names: tuple[str, ...]) -> frozenset[str]:
    """What --limit says; empty where it was not given. Raises UsageError where it is blank: that would mean all."""
    found = frozenset(name.strip() for text in names for name in text.split(",") if name.strip())
    if names and not found:
        raise UsageError("--limit names no node; nothing was touched", fix="--limit NODE, or without --limit for all")
    return found


@contextmanager
def over_ssh(cluster: Cluster) -> Iterator[Connect]:
    """Connections to the cluster's nodes by SSH, with one set of secrets for all of them."""
    ask: Callable[[str], str | None] = getpass.getpass if sys.stdin.isatty() else lambda _: None
    with closing(Connector(cluster, Secrets(os.environ, ask))) as connector:
        yield lambda node: SshConnection(connector, node)


@dataclass(frozen=True)
class Reach:
    """How a command reaches its nodes. Whoever calls kubeup as a function may pass another one as click's ``obj``.

    connecting: entered once a command; gives what connects to a node.
    """

    connecting: Callable[[Cluster], AbstractContextManager[Connect]] = over_ssh


@contextmanager
def fleet(cluster: Cluster, parallel: int) -> Iterator[Fleet]:
    """The connections to all nodes, opened when first needed, closed at the end."""
    reach = click.get_current_context().find_object(Reach) or Reach()
    with reach.connecting(cluster) as connect, closing(Fleet(connect, parallel)) as fleet:
        yield fleet


@contextmanager
def images_through_me(job: Job, prepared: Prepared, wanted: bool) -> Iterator[Callable[[], None]]:
    """What brings images to nodes that have no way out themselves, while the tunnels are open; else nothing does."""
    if not wanted:
        yield lambda: None
        return
    way = Tunnel(prepared.cluster, job.fleet.connection, job.emit)
    with closing(way):
        yield lambda: pull_via_proxy.pull(job, prepared.cluster, prepared.facts, way.url, way.no_proxy)


def nodes_of_last_up(name: str) -> tuple[Node, ...]:
    """As the copy of the cluster's last profile has them; none where there is none that can be read."""
    try:
        return profile.load(State.of(os.environ).copy_of(name)).cluster.nodes
    except (KubeupError, OSError):
        return ()


def tell_absence(prepared: Prepared, what: str) -> None:
    """The end of a command that went on without nodes. what: became of them. Raises FleetError where there are any."""
    found = prepared.absence(what)
    if found:
        raise found


@contextmanager
def job(fleet: Fleet) -> Iterator[Job]:
    """Everything a command needs, with its view on and its log begun. What is a fault of kubeup's own ends as an error
    that names the log."""
    stderr = console.stderr()
    meta = click.get_current_context().meta
    verbose = bool(meta.get(VERBOSE_KEY))
    # A command that asks something in between has a job before and one after, and one log.
    log = RunLog(State.of(os.environ).logs, sys.argv, __version__, meta.setdefault(BEGAN_KEY, run_log.stamp()))

    def emit(event: Event) -> None:
        if isinstance(event, Failed):
            name_log(event.error, log.path)
        log.emit(event)
        view.emit(event)

    def emit_release(event: ReleaseEvent) -> None:
        log.emit_release(event)
        view.emit_release(event)

    def confirm(question: str) -> bool | None:
        if not sys.stdin.isatty():
            return None
        with view.paused():
            return click.confirm(question, err=True)

    fleet.watch(emit)
    end = "done"
    try:
        with View(stderr, live=stderr.is_terminal and not stderr.is_dumb_terminal, verbose=verbose) as view:
            yield Job(fleet, emit, emit_release, operator(), now, os.environ, confirm)
    except KubeupError as error:
        end = f"failed: {error.title()}"
        name_log(error, log.path)
        raise
    except (click.exceptions.Exit, click.Abort) as error:
        # Click's own way to end, such as after a question answered with no: nothing broke.
        end = f"stopped: {error!r}"
        raise
    except Exception as error:
        log.unexpected(error)
        end = f"unexpected: {error!r}"
        raise unexpected(error, log.path) from error
    except BaseException as error:
        end = f"stopped: {error!r}"
        raise
    finally:
        log.close(end)


def name_log(error: KubeupError, log: Path) -> None:
    """Where a fault of kubeup's own is among the causes, it says where its log is."""
    causes = error.causes if isinstance(error, FleetError) else (error,)
    for cause in causes:
        if isinstance(cause, UnexpectedError):
            cause.fix = f"{REPORT}: {log}"


def operator() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}"


def now() -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc)
