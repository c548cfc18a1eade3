# Run on a control-plane node: what its API server says, and what is really so.
# Prints one finding a line, fields separated by tabs: own, said, node, service; rows.py says what their fields are. What
# the API does not answer is told, too: unseen.
# shellcheck shell=sh
LC_ALL=C
KUBECACHEDIR=/var/lib/kubeup/cache
export LC_ALL KUBECACHEDIR
# For what is appended to this.
# shellcheck disable=SC2034
T=$(printf '\t')
limit=15
admin() { timeout $limit /opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=10s "$@" </dev/null; }
# listed WHAT WORD...: what the API says of it, or that it said nothing, or not all.
listed() {
    what=$1
    shift
    # What it said may have broken off in the middle of a line.
    admin "$@" 2>/dev/null || printf '\nunseen\t%s\n' "$what"
}
# healthy NAME COMMAND...: what the component itself answers.
healthy() {
    name=$1
    shift
    if said=$("$@" 2>&1 </dev/null); then
        printf 'own\t%s\tHealthy\t%s\n' "$name" "$(printf '%s' "$said" | head -n 1)"
    else
        printf 'own\t%s\tUnhealthy\t%s\n' "$name" "$(printf '%s' "$said" | tail -n 1)"
    fi
}
http() {
    timeout 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$1 && printf 'GET $2 HTTP/1.0\r\n\r\n' >&3 && read -r _ code _ <&3 &&
        while read -r l && [ \"\${l%?}\" ]; do :; done <&3; cat <&3; test \"\$code\" = 200" 2>/dev/null || {
        echo "nothing healthy answers on its port $1"
        return 1
    }
}
healthy kube-apiserver admin get --raw /readyz
healthy controller-manager admin --server=https://127.0.0.1:10257 get --raw /healthz
healthy scheduler admin --server=https://127.0.0.1:10259 get --raw /healthz
healthy etcd http 2381 /health
listed 'component statuses' get componentstatuses -o jsonpath='{range .items[*]}said{"\t"}{.metadata.name}{"\t"}{.conditions[?(@.type=="Healthy")].status}{"\t"}{.conditions[0].message}{.conditions[0].error}{"\n"}{end}'
listed 'nodes' get nodes -o jsonpath='{range .items[*]}node{"\t"}{.metadata.name}{"\t"}{.status.conditions[?(@.type=="Ready")].status}{"\t"}{.status.nodeInfo.kubeletVersion}{"\t"}{.status.nodeInfo.containerRuntimeVersion}{"\t"}{.status.addresses[?(@.type=="InternalIP")].address}{"\t"}{.status.conditions[?(@.type=="Ready")].message}{"\n"}{end}'
listed 'services' get services --all-namespaces -o jsonpath='{range .items[*]}service{"\t"}{.metadata.namespace}/{.metadata.name}{"\t"}{.spec.clusterIP}{"\t"}{range .spec.ports[*]}{.port}/{.protocol} {end}{"\n"}{end}'
