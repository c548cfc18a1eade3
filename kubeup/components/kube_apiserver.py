"""kube-apiserver: the front door of the cluster; TLS, RBAC and the Node authorizer, no insecure port.

Its actions put into the API what everything else relies on: the Node objects with their pod subnets (so flannel waits
for nobody) and the few RBAC rules that are not built in.
"""

from __future__ import annotations

from kubeup.components import node_objects
from kubeup.components.base import ADMIN, CONTROL_PLANE, PATIENT, PKI, Component, Context, Flags, Rolling, Template, sh
from kubeup.components.settings import KEYS, LISTENS, NOTHING, SERVING, Settings, owned
from kubeup.model.facts import running
from kubeup.model.resources import Action
from kubeup.plan.waves import Gate
from kubeup.release.catalog import kubernetes_binary

OBJECTS = "/etc/kubeup/cluster.yaml"
ACTION = "cluster-objects"


def flags(context: Context) -> Flags:
    network = context.cluster.network
    first, last = network.node_ports
    return {
        "advertise-address": context.node.address,
        "allow-privileged": "true",
        "authorization-mode": "Node,RBAC",
        "client-ca-file": f"{PKI}/ca.crt",
        "enable-admission-plugins": "NodeRestriction",
        "enable-aggregator-routing": "true",
        "etcd-cafile": f"{PKI}/etcd/ca.crt",
        "etcd-certfile": f"{PKI}/apiserver-etcd-client.crt",
        "etcd-keyfile": f"{PKI}/apiserver-etcd-client.key",
        # The member of this machine alone: whoever comes or goes elsewhere is no business of this file.
        "etcd-servers": "https://127.0.0.1:2379",
        "kubelet-certificate-authority": f"{PKI}/ca.crt",
        "kubelet-client-certificate": f"{PKI}/apiserver-kubelet-client.crt",
        "kubelet-client-key": f"{PKI}/apiserver-kubelet-client.key",
        "kubelet-preferred-address-types": "InternalIP,Hostname",
        "proxy-client-cert-file": f"{PKI}/front-proxy-client.crt",
        "proxy-client-key-file": f"{PKI}/front-proxy-client.key",
        "requestheader-allowed-names": "front-proxy-client",
        "requestheader-client-ca-file": f"{PKI}/front-proxy-ca.crt",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "secure-port": "6443",
        "service-account-issuer": f"https://kubernetes.default.svc.{network.dns_domain}",
        "service-account-key-file": f"{PKI}/sa.pub",
        "service-account-signing-key-file": f"{PKI}/sa.key",
        "service-cluster-ip-range": str(network.service_range),
        "service-node-port-range": f"{first}-{last}",
        # Without it, open watches of kubelets hold a server that is told to stop for a minute.
        "shutdown-watch-termination-grace-period": "3s",
        "tls-cert-file": f"{PKI}/apiserver.crt",
        "tls-private-key-file": f"{PKI}/apiserver.key",
    }


def actions(context: Context) -> tuple[Action, ...]:
    """What all rely on, put into the API by the lead alone: it is the cluster's, not a machine's."""
    return (
        Action(
            id=ACTION,
            title="RBAC rules",
            component="kube-apiserver",
            # Each object carries the hash of the whole file it was applied from.
            check=f"""wanted=$(sed -n 's/^# revision //p' {OBJECTS}) && test -n "$wanted" &&
                test "$({ADMIN} get -f {OBJECTS} -o jsonpath='{{range .items[*]}}"""
            """{.metadata.annotations.kubeup\\.io/revision}{"\\n"}{end}' | sort -u)" = "$wanted" """,
            apply=f"{PATIENT} apply --server-side --force-conflicts --field-manager=kubeup -f {OBJECTS}",
            timeout=90,
            reads=(OBJECTS,),
            due=None if context.leads else False,
        ),
        node_objects.action(context),
    )


def works(context: Context) -> bool:
    return isinstance(context.cluster_facts.api_versions.get(context.node.title), str)


def gate(context: Context) -> Gate | None:
    """Another one that answers, where there are several."""
    others = [node for node in context.cluster.control_plane if node != context.node]
    if not others:
        return None
    asked = [
        f"""e=$({ADMIN} {sh(f"--server=https://{node.address}:6443")} get --raw /readyz 2>&1) && exit
            echo {sh(f"{node.title} ({node.address}) is not ready:")} "$(echo "$e" | tail -n 1)" """
        for node in others
    ]
    return Gate(
        title="waiting until another API server answers",
        check="\n".join((*asked, "false")),
        lacks=f"no other API server is ready ({', '.join(node.title for node in others)}): "
        "without this one there would be none; nothing was touched on this node",
        fix="mend another one first (`kubeup up` without --limit starts one that is stopped; "
        "`journalctl -u kube-apiserver` there says more), then run the same command again",
    )


SETTINGS = Settings(
    flags={
        **SERVING,
        **owned(
            KEYS,
            "etcd-cafile",
            "etcd-certfile",
            "etcd-keyfile",
            "kubelet-certificate-authority",
            "kubelet-client-certificate",
            "kubelet-client-key",
            "proxy-client-cert-file",
            "proxy-client-key-file",
            "service-account-key-file",
            "service-account-signing-endpoint",
            "service-account-signing-key-file",
        ),
        **owned(NOTHING, "etcd-prefix", "etcd-servers", "etcd-servers-overrides", "storage-backend"),
        **owned(
            "they are the names under which other servers are told who asks, and all use the same",
            "requestheader-extra-headers-prefix",
            "requestheader-group-headers",
            "requestheader-uid-headers",
            "requestheader-username-headers",
        ),
        **owned(LISTENS, "bind-address", bears=("0.0.0.0", "::")),
        **owned(LISTENS, "secure-port"),
        **owned("say `address:` under the node", "advertise-address"),
        **owned("say `service_cluster_ip_range:`", "service-cluster-ip-range"),
        **owned("say `node_port_range:`", "service-node-port-range"),
        **owned(
            "say `enable-admission-plugins:`",
            "admission-control",
            why="kube-apiserver takes no enable-admission-plugins beside it, and the cluster needs NodeRestriction",
        ),
        **owned(
            "say `authorization-mode:`, which is added to Node,RBAC",
            "authorization-config",
            why="kube-apiserver takes no authorization-mode beside it, and the cluster needs Node and RBAC",
        ),
    },
    # Without NodeRestriction a node may change all others: https://kubernetes.io/docs/reference/access-authn-authz/node/
    joined=("authorization-mode", "enable-admission-plugins"),
    kept={"disable-admission-plugins": "NodeRestriction"},
    free=(
        "allow-privileged",
        "enable-aggregator-routing",
        "kubelet-preferred-address-types",
        "service-account-issuer",
        "shutdown-watch-termination-grace-period",
    ),
)
COMPONENT = Component(
    name="kube-apiserver",
    roles=CONTROL_PLANE,
    release=kubernetes_binary("kube-apiserver"),
    after=("etcd",),
    templates=(
        Template(
            "cluster.yaml",
            OBJECTS,
            # An action applies it.
            read_at_start=False,
            revision=True,
        ),
    ),
    certificates=(
        f"{PKI}/ca.crt",
        f"{PKI}/apiserver.crt",
        f"{PKI}/apiserver-etcd-client.crt",
        f"{PKI}/apiserver-kubelet-client.crt",
        f"{PKI}/etcd/ca.crt",
        f"{PKI}/front-proxy-ca.crt",
        f"{PKI}/front-proxy-client.crt",
        f"{PKI}/sa.pub",
    ),
    flags=flags,
    settings=SETTINGS,
    actions=actions,
    questions=(
        (running.NODES, f"{ADMIN} get nodes -o go-template='{running.NODES_TEMPLATE}'"),
        (running.API_VERSION, f"{ADMIN} get --raw /version"),
    ),
    ports=(6443,),
    ready=lambda _: f"{ADMIN} get --raw /readyz",
    timeout=120,
    rolling=Rolling(works, gate),
)
