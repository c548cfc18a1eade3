# What the cluster has of addons, as the first control-plane node's API says: "v NAME VERSION", "w NAME WANTED READY" a workload.
# The operator's half puts LABEL before it.
# shellcheck shell=sh
# shellcheck disable=SC2154
k() { /opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=15s "$@"; }
k -n kube-system get configmap kubeup-addons --ignore-not-found -o go-template='{{with .data}}{{.versions}}{{end}}' | sed 's/^/v /' &&
    k get deployments,daemonsets,statefulsets --all-namespaces -l "$LABEL" -o go-template='{{range .items}}w {{index .metadata.labels "'"$LABEL"'"}} {{if eq .kind "DaemonSet"}}{{.status.desiredNumberScheduled}} {{.status.numberReady}}{{else}}{{.spec.replicas}} {{with .status.readyReplicas}}{{.}}{{else}}0{{end}}{{end}}
{{end}}' && echo 'done'
