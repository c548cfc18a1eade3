"""How a machine's etcd joins the members of a living one: added as a learner, started, promoted. One step after the
other in the machine's own trip, and one machine at a time (planning/waves.py).

Which members there are is bound on the machine, in JOINED: whoever joins begins with what the others say by then.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kubeup.components.base import Context, sh
from kubeup.model.cluster import Node
from kubeup.model.facts import Member, Unknown
from kubeup.model.resources import Action
from kubeup.plan.membership import Machine, State

JOINED = "/etc/kubeup/etcd-joined"
"""Environment of etcd's unit, over what it was to begin with if it had founded the cluster."""
SYNC_SECONDS = 900
"""That a learner has to fetch all data: 8 GB, etcd's most, at 10 MB/s."""
HEALTH_SECONDS = 60


def state(context: Context) -> State | None:
    """Members and machines, as the machines that answered said; None where nobody could tell which members there are.

    Of one that did not answer, and of one that the command may not change, nothing is to change: a member counts as
    having its data, and one that is to be a member is left out.
    """
    told = context.cluster_facts
    if isinstance(told.members, Unknown):
        return None
    later = {
        node.name
        for node in context.cluster.control_plane
        if node.endpoint in told.absent or (node.title in told.without_data and not context.may_change(node))
    }
    every = State(
        told.members, tuple(_machine(context, node) for node in context.cluster.control_plane), told.known_well
    )
    machines = tuple(one for one in every.machines if one.name not in later or every.member_of(one))
    return replace(every, machines=machines)


def _machine(context: Context, node: Node) -> Machine:
    lacks = node.title in context.cluster_facts.without_data and context.may_change(node)
    return Machine(node.name, node.address, not lacks)


def with_all_wanted(state: State) -> State:
    """The same for who joins: members that the profile does not have go by another way, once that is agreed to."""
    others = tuple(
        Machine(member.name or member.id, member.address, True)
        for member in state.members
        if state.machine_of(member) is None and not member.learner and member.peer_urls
    )
    return State(state.members, (*state.machines, *others), state.well)


def joins(context: Context) -> bool:
    """Whether the machine's etcd starts for the first time while others live, or is a learner still."""
    known, here = state(context), _machine(context, context.node)
    if known is None:
        return False
    mine = known.member_of(here)
    return not here.has_data or (mine is not None and mine.learner)


def actions(context: Context, etcdctl: str) -> tuple[Action, ...]:
    """etcdctl: the program and its options, but for whom it asks."""
    joining, here, known = joins(context), _machine(context, context.node), state(context)
    mine = known.member_of(here) if known else None
    others = _others(known, mine) if known else []
    moved = mine is not None and not joining and here.peer_url not in mine.peer_urls
    # A machine that is alone has nobody else to ask.
    asked = ",".join(others) or "https://127.0.0.1:2379"
    said = {"NAME": context.node.name, "URL": here.peer_url, "JOINED": JOINED}
    said |= {"ID": mine.id if mine else "", "ALONE": "no" if others else "yes"}
    head = "".join(f"{name}={sh(value)}\n" for name, value in said.items())
    head += f"SECONDS_OF_HEALTH={HEALTH_SECONDS} SECONDS_OF_SYNC={SYNC_SECONDS}\n"
    head += f'ctl() {{ {etcdctl} {sh(f"--endpoints={asked}")} "$@"; }}\n'
    return (
        Action(
            id="etcd-join",
            title=f"member {context.node.title} of etcd, as a learner",
            component="etcd",
            check="",
            apply=head + _script("etcd_join.sh"),
            timeout=HEALTH_SECONDS * 2,
            due=joining and not here.has_data,
            before_start=True,
        ),
        Action(
            id="etcd-move",
            title=f"member {context.node.title} of etcd is reached by {context.node.address}",
            component="etcd",
            check="",
            apply=head + _script("etcd_move.sh"),
            timeout=240,
            due=moved,
            before_start=True,
        ),
        Action(
            id="etcd-promote",
            title=f"member {context.node.title} of etcd votes",
            component="etcd",
            check="",
            apply=head + _script("etcd_promote.sh"),
            timeout=SYNC_SECONDS + 60,
            due=joining,
        ),
    )


def _script(name: str) -> str:
    return Path(__file__).with_name(name).read_text()


def _others(known: State, mine: Member | None) -> list[str]:
    """Where those listen who can tell, and agree to a change: a learner does neither. Empty where nobody does."""
    peers = [one.peer_urls[0] for one in known.voters if one.id in known.well and one != mine and one.peer_urls]
    return [peer.replace(":2380", ":2379") for peer in peers]
