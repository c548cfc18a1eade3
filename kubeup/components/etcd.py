"""etcd: keeps the cluster's state; one member on each control-plane node, TLS for clients and peers, no other client
than the API servers."""

from __future__ import annotations

from collections.abc import Mapping

from packaging.version import Version

from kubeup.components import etcd_members
from kubeup.components.base import CONTROL_PLANE, PKI, Component, Context, Flags, Rolling, Template, http_ok, sh
from kubeup.components.settings import KEYS, LISTENS, Settings, owned
from kubeup.model.cluster import Program, Value
from kubeup.model.facts import EtcdStatus, Unknown, running
from kubeup.model.resources import Action, Directory
from kubeup.plan.waves import Gate
from kubeup.release.artifacts import ReleaseRow
from kubeup.release.catalog import GITHUB

# Below the floors authentication can be passed by: the advisories of 2026.
ETCD = Program(
    "etcd",
    "3.6.16",
    floors=(("3.6", "3.6.14"), ("3.7", "3.7.1")),
    holes="authentication",
    way_back="none",
    minor_by_minor=True,
)
DATA = "/var/lib/etcd"
CLIENT = (
    "/opt/kubeup/bin/etcdctl --dial-timeout=2s --command-timeout=5s "
    f"--cacert={PKI}/etcd/ca.crt --cert={PKI}/etcd/server.crt --key={PKI}/etcd/server.key"
)
ETCDCTL = f"{CLIENT} --endpoints=https://127.0.0.1:2379"
"""The member on this machine, and no other."""


def flags(context: Context) -> Flags:
    address = context.node.address
    return {
        "advertise-client-urls": f"https://{address}:2379",
        "cert-file": f"{PKI}/etcd/server.crt",
        "client-cert-auth": "true",
        "data-dir": DATA,
        "key-file": f"{PKI}/etcd/server.key",
        # Where gRPC and HTTP share a port with TLS, a large answer can starve watches:
        # https://github.com/etcd-io/etcd/issues/15402
        "listen-client-http-urls": "https://127.0.0.1:2382",
        "listen-client-urls": f"https://127.0.0.1:2379,https://{address}:2379",
        # Plain http, on loopback only: metrics and /health, no data.
        "listen-metrics-urls": "http://127.0.0.1:2381",
        "listen-peer-urls": f"https://{address}:2380",
        "name": context.node.name,
        "peer-cert-file": f"{PKI}/etcd/peer.crt",
        "peer-client-cert-auth": "true",
        "peer-key-file": f"{PKI}/etcd/peer.key",
        "peer-trusted-ca-file": f"{PKI}/etcd/ca.crt",
        "trusted-ca-file": f"{PKI}/etcd/ca.crt",
        **_of_version(Version(context.cluster.versions.of(ETCD))),
    }


def _of_version(version: Version) -> Flags:
    """A member whose data is damaged does not start, and API servers' watches hear how far they are: as kubeadm has it.

    https://github.com/kubernetes/kubernetes/blob/master/cmd/kubeadm/app/phases/etcd/local.go
    """
    if version < Version("3.6"):
        return {
            "experimental-initial-corrupt-check": "true",
            "experimental-watch-progress-notify-interval": "5s",
        }
    return {"feature-gates": "InitialCorruptCheck=true", "watch-progress-notify-interval": "5s"}


def values(context: Context) -> Mapping[str, Value]:
    return {"founds": not etcd_members.joins(context), "joined": etcd_members.JOINED}


def actions(context: Context) -> tuple[Action, ...]:
    return etcd_members.actions(context, CLIENT)


def ready(context: Context) -> str:
    """A learner answers nothing that the others have to agree to: https://etcd.io/docs/v3.6/learning/design-learner/"""
    return http_ok(2381, "/health?serializable=true" if etcd_members.joins(context) else "/health")


def status(context: Context) -> EtcdStatus | None:
    """What the machine's member says of itself, where it is one of a quorum."""
    said = context.cluster_facts.etcd.get(context.node.title)
    return said if isinstance(said, EtcdStatus) and said.leader_id != "0" else None


def leads(context: Context) -> bool:
    said = status(context)
    return said is not None and said.member_id == said.leader_id


def gate(context: Context) -> Gate | None:
    """Enough healthy voters without this one. Of two members both are a quorum: the other one will do, for a moment."""
    if etcd_members.joins(context):
        return None
    others = [node for node in context.cluster.control_plane if node != context.node]
    known = context.cluster_facts.members
    voters = len(others) + 1 if isinstance(known, Unknown) else sum(not member.learner for member in known)
    needed = min(voters // 2 + 1, voters - 1)
    if not others or needed < 1:
        return None
    urls = [f"https://{node.address}:2379" for node in others]
    named = [
        f"s,^{url} is unhealthy,{node.title} ({node.address}) is not healthy,"
        for node, url in zip(others, urls, strict=True)
    ]
    names = ", ".join(node.title for node in others)
    return Gate(
        title="waiting until the other members of etcd can do without this one",
        check=f"""said=$({CLIENT} {sh(f"--endpoints={','.join(urls)}")} endpoint health 2>&1)
            test "$(echo "$said" | grep -c ' is healthy: ')" -ge {needed} && exit
            echo "$said" | grep -v -e '^{{' -e ' is healthy: ' -e '^Error: unhealthy cluster' |
                sed {" ".join(sh("-e", one) for one in named)}
            false""",
        lacks=f"fewer than {needed} of the other members of etcd ({names}) are healthy: "
        "without this one there would be no quorum; nothing was touched on this node",
        fix="mend those members first (`kubeup up` without --limit starts one that is stopped; `journalctl -u etcd` "
        "there says more), then run the same command again",
    )


SETTINGS = Settings(
    flags={
        **owned(
            KEYS,
            "auto-tls",
            "cert-file",
            "client-cert-auth",
            "client-cert-file",
            "client-key-file",
            "key-file",
            "peer-auto-tls",
            "peer-cert-file",
            "peer-client-cert-auth",
            "peer-client-cert-file",
            "peer-client-key-file",
            "peer-key-file",
            "peer-trusted-ca-file",
            "trusted-ca-file",
        ),
        **owned(f"mount the disk that is to hold it at {DATA}, before the first `kubeup up`", "data-dir", "wal-dir"),
        **owned("say `name:` under the node", "name"),
        **owned("say `address:` under the node", "advertise-client-urls", "initial-advertise-peer-urls"),
        **owned(LISTENS, "listen-client-http-urls", "listen-client-urls", "listen-peer-urls"),
        **owned(LISTENS, "listen-metrics-urls", bears=("http://0.0.0.0:2381",)),
        **owned("say `flags:`, which it would read none of then", "config-file"),
        **owned(
            "members are the nodes of the profile that have the role a",
            "discovery",
            "discovery-endpoints",
            "discovery-srv",
            "discovery-token",
            "force-new-cluster",
            "initial-cluster",
            "initial-cluster-state",
            "initial-cluster-token",
        ),
    },
    joined=("feature-gates",),
    free=(
        "experimental-initial-corrupt-check",
        "experimental-watch-progress-notify-interval",
        "watch-progress-notify-interval",
    ),
)
COMPONENT = Component(
    name="etcd",
    roles=CONTROL_PLANE,
    release=ReleaseRow(
        ("etcd", "etcdctl", "etcdutl"),
        ETCD,
        GITHUB + "/etcd-io/etcd/releases/download/v{v}/etcd-v{v}-linux-{arch}.tar.gz",
        sums=GITHUB + "/etcd-io/etcd/releases/download/v{v}/SHA256SUMS",
        member="etcd-v{v}-linux-{arch}/{name}",
        module="etcd",
    ),
    templates=(
        # Read once in a member's life, so a change of it is no reason to restart.
        Template(
            "etcd-bootstrap",
            "/etc/default/etcd-bootstrap",
            read_at_start=False,
            stays=lambda context: bool(context.facts.kept_data),
        ),
    ),
    certificates=(f"{PKI}/etcd/server.crt", f"{PKI}/etcd/peer.crt", f"{PKI}/etcd/ca.crt"),
    flags=flags,
    settings=SETTINGS,
    values=values,
    actions=actions,
    directories=(Directory(DATA, 0o700, owned_recursively=True, survives_keep_data=True),),
    questions=(
        (running.MEMBERS, f"{ETCDCTL} member list -w json"),
        (running.ETCD_STATUS, f"{ETCDCTL} endpoint status -w json"),
        # It fails where one of them does not answer, and tells of the others all the same.
        (running.MEMBERS_WELL, f"{ETCDCTL} endpoint status --cluster -w json; true"),
    ),
    ports=(2379, 2380, 2381, 2382),
    ready=ready,
    timeout=90,
    rolling=Rolling(works=lambda context: status(context) is not None, gate=gate, late=leads, joins=etcd_members.joins),
)
