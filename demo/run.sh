#!/usr/bin/env bash
# make demo: two lab nodes, a real cluster on them, and what to try next.
set -euo pipefail
cd "$(dirname "$0")/.."
kubeup=.venv/bin/kubeup
show() {
    printf '\n\033[1m$ kubeup %s\033[0m\n' "$*"
    "$kubeup" "$@"
}
if [ "$(id -u)" != 0 ]; then
    echo "make demo needs root: it boots two nodes on this machine" >&2
    exit 1
fi
show release fetch profiles/lab.yaml
show lab up
show up profiles/lab.yaml
show validate profiles/lab.yaml
# An own kubectl uses the context that `up` made; the nodes have one, too.
kubectl="kubectl --context lab"
command -v kubectl >/dev/null || kubectl="$kubeup lab shell node3 kubectl"
cat <<NEXT

The cluster is running. Try:
  $kubectl get nodes,services -A
  $kubeup plan profiles/lab.yaml          # nothing to do
  $kubeup lab shell node3                 # then: kubectl get nodes; systemctl status kubelet
  $kubeup down profiles/lab.yaml          # the nodes as they were
  make clean-demo                         # and the nodes, too
NEXT
