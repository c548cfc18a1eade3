# What the cluster has of addons, as this control-plane node's API says: "v NAME VERSION", "w NAME WANTED READY" a workload.
# The operator's half puts LABEL before it.
# shellcheck shell=sh
# shellcheck disable=SC2154
k() { /opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=15s "$@"; }
versions=$(k -n kube-system get configmap kubeup-addons --ignore-not-found -o go-template='{{with .data}}{{.versions}}{{end}}') &&
    { [ -z "$versions" ] || printf '%s\n' "$versions" | sed 's/^/v /'; } &&
    k get deployments,daemonsets,statefulsets --all-namespaces -l "$LABEL" -o go-template='
{{- range .items}}
  {{- printf "w %s " (index .metadata.labels "'"$LABEL"'")}}
  {{- if eq .kind "DaemonSet"}}{{printf "%v %v\n" .status.desiredNumberScheduled .status.numberReady}}
  {{- else}}{{printf "%v %v\n" .spec.replicas (or .status.readyReplicas 0)}}{{end}}
{{- end}}' && echo 'done'
