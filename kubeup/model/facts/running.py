"""What is asked of a running cluster, and how the answers are read: both halves of a question stand together.

Answers stay small: of a hundred Node objects come a few lines each. Every reader raises ValueError for what is no
answer to its question.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
from typing import TypeVar

from kubeup.model.facts.asks import Said
from kubeup.model.facts.cluster import BalancedServer, EtcdStatus, Member, NodeObject, Unknown

NODES, API_VERSION, MEMBERS, ETCD_STATUS = "nodes", "api-version", "etcd-members", "etcd-status"
MEMBERS_WELL, BALANCER = "etcd-members-well", "api-balancer"
"""Ids of the questions, for ProbeRequest.asks."""

SERVER = "2"
"""Type of a row of haproxy's that is about a server."""
_PREFIX = "kubeup.io/"
T = TypeVar("T")


def _own(what: str, word: str) -> str:
    """The part of a template that tells a mapping's own entries, by their prefix."""
    size = len(_PREFIX)
    return (
        f"{{{{range $k, $v := {what}}}}}{{{{if gt (len $k) {size}}}}}"
        f'{{{{if eq (slice $k 0 {size}) "{_PREFIX}"}}}}{{{{printf "{word} %s %q\\n" $k $v}}}}'
        "{{end}}{{end}}{{end}}"
    )


NODES_TEMPLATE = (
    r'{{range .items}}{{printf "node %s\n" .metadata.name}}'
    r'{{with .spec.podCIDR}}{{printf "pod_cidr %s\n" .}}{{end}}'
    r'{{if .spec.unschedulable}}{{printf "unschedulable yes\n"}}{{end}}'
    r'{{with .status.nodeInfo}}{{with .kubeletVersion}}{{printf "version %s\n" .}}{{end}}'
    r'{{with .containerRuntimeVersion}}{{printf "runtime %s\n" .}}{{end}}{{end}}'
    r'{{range .status.conditions}}{{if eq .type "Ready"}}{{printf "ready %s\n" .status}}{{end}}{{end}}'
    r'{{range .status.addresses}}{{if eq .type "InternalIP"}}{{printf "address %s\n" .address}}{{end}}{{end}}'
    r'{{with .metadata.annotations}}{{with index . "flannel.alpha.coreos.com/backend-data"}}{{printf "routed yes\n"}}'
    "{{end}}{{end}}"
    f"{_own('.metadata.labels', 'label')}{_own('.metadata.annotations', 'annotation')}{{{{end}}}}"
)
"""For ``kubectl get nodes -o go-template=``: "node NAME", then what it has, a word and a value a line."""


def told(said: Said | None, read: Callable[[str], T], who: str) -> T | Unknown:
    """An answer, read; or why there is none. who: was asked, for people."""
    if said is None or said.why:
        return Unknown((f"{who}: {said.why if said else 'it was not asked'}",))
    try:
        return read(said.text)
    except ValueError as error:
        return Unknown((f"{who}: its answer cannot be read: {error}",))


def nodes(text: str) -> tuple[NodeObject, ...]:
    """Every Node object, out of what NODES_TEMPLATE printed; none where there is none."""
    blocks: list[list[tuple[str, str]]] = []
    for line in filter(None, text.split("\n")):
        word, _, value = line.partition(" ")
        if word == "node":
            blocks.append([])
        if not blocks or not value:
            raise ValueError(f"no line about a Node object: {line}")
        blocks[-1].append((word, value))
    return tuple(map(_node, blocks))


def _node(block: list[tuple[str, str]]) -> NodeObject:
    # A node may have several addresses of that type: the first is the one it is called by.
    said = dict(reversed(block))
    return NodeObject(
        name=said["node"],
        pod_cidr=said.get("pod_cidr", ""),
        version=said.get("version", ""),
        runtime=said.get("runtime", ""),
        ready=said.get("ready") == "True",
        unschedulable="unschedulable" in said,
        routed="routed" in said,
        address=said.get("address", ""),
        labels=_pairs(block, "label"),
        annotations=_pairs(block, "annotation"),
    )


def _pairs(block: list[tuple[str, str]], kind: str) -> Mapping[str, str]:
    split = (value.partition(" ") for word, value in block if word == kind)
    return {key: _unquoted(quoted) for key, _, quoted in split}


def _unquoted(text: str) -> str:
    """Of Go's %q, which is JSON but for a few control characters; one with those stays as it is."""
    try:
        return str(json.loads(text))
    except ValueError:
        return text


def api_version(text: str) -> str:
    """Of ``kubectl get --raw /version``: https://pkg.go.dev/k8s.io/apimachinery/pkg/version#Info"""
    return _have(_object(text), "gitVersion", str)


def members(text: str) -> tuple[Member, ...]:
    """Of ``etcdctl member list -w json``, which answers only where there is a quorum."""
    found = _object(text).get("members")
    if not isinstance(found, list) or not found:
        raise ValueError("no list of members")
    return tuple(
        Member(
            _hexadecimal(one.get("ID")),
            str(one.get("name") or ""),
            tuple(map(str, one.get("peerURLs") or ())),
            bool(one.get("isLearner")),
        )
        for one in found
    )


def members_well(text: str) -> frozenset[str]:
    """Of ``etcdctl endpoint status --cluster -w json``: the ids of those that answered and see a leader."""
    found = json.loads(text.partition("\n")[0])
    if not isinstance(found, list) or not found:
        raise ValueError("no status of any member")
    statuses = [_have(one, "Status", dict) for one in found]
    return frozenset(
        _hexadecimal(_have(one, "header", dict).get("member_id")) for one in statuses if one.get("leader", 0)
    )


def balancer(text: str) -> tuple[BalancedServer, ...]:
    """Of haproxy's statistics as CSV, in chunks of HTTP: the servers that are checked.

    https://docs.haproxy.org/2.6/management.html#9.1
    """
    rows = csv.DictReader(line.removeprefix("# ") for line in text.splitlines() if "," in line)
    found = [row for row in rows if row.get("type") == SERVER and row.get("status") not in (None, "no check")]
    if not found:
        raise ValueError("no server")
    return tuple(
        BalancedServer(
            row["svname"],
            row["status"].startswith("UP"),
            ": ".join(filter(None, (_words(row, "check_desc", "check_code"), _words(row, "last_chk")))),
        )
        for row in found
    )


def _words(row: Mapping[str, str], *columns: str) -> str:
    return " ".join(filter(None, (row.get(column) for column in columns)))


def etcd_status(text: str) -> EtcdStatus:
    """Of ``etcdctl endpoint status -w json``, asked of one member only. What is 0, false or empty is left out there."""
    found = json.loads(text)
    if not isinstance(found, list) or len(found) != 1:
        raise ValueError("no status of one member")
    status = _have(found[0], "Status", dict)
    header = _have(status, "header", dict)
    return EtcdStatus(
        cluster_id=_hexadecimal(header.get("cluster_id")),
        member_id=_hexadecimal(header.get("member_id")),
        version=_have(status, "version", str),
        leader_id=_hexadecimal(status.get("leader", 0)),
        learner=bool(status.get("isLearner")),
        database=int(status.get("dbSize", 0)),
        alarms=tuple(map(str, status.get("errors") or ())),
    )


def _object(text: str) -> Mapping[str, object]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("no object")
    return found


def _have(where: Mapping[str, object], key: str, kind: type[T]) -> T:
    found = where.get(key)
    if not isinstance(found, kind):
        raise ValueError(f"no {key}")
    return found


def _hexadecimal(number: object) -> str:
    if not isinstance(number, int | str):
        raise ValueError(f"no id: {number}")
    return f"{int(number):x}"
