# Takes a node out of the cluster, by this control-plane node's API. The operator's half puts NAME, SECONDS_OF_DRAIN and
# DO before it: "drain" cordons it before, "delete" deletes its Node object once its machine is undone, so that a run
# that is killed in between leaves a Node object for the next to go on with; "uncordon" lets it take pods again.
#
# Says a line each: "gone" (there is no such Node object now), "not-ready" (its kubelet gives no sign of life, so nothing
# was drained), "held NAMESPACE/POD BUDGET", "left NAMESPACE/POD"; and "done" once it is over. Where it does not come to
# an end, nothing stays cordoned that was not before.
# shellcheck shell=sh
# shellcheck disable=SC2154,SC2016
MARK=kubeup.io/leaving
k() { /opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=15s "$@"; }

# What kubeup cordoned it says in an annotation, written before: so whoever comes after a run that was killed knows.
cordon() {
    [ "$cordoned" = true ] || { k annotate --overwrite node "$NAME" "$MARK=cordoned" && k cordon "$NAME"; } >&2
}

uncordon() {
    [ -z "$(k get node "$NAME" -o "go-template={{index .metadata.annotations \"$MARK\"}}" | sed 's/<no value>//')" ] ||
        { k uncordon "$NAME" && k annotate node "$NAME" "$MARK-"; } >&2
}

# Pods that no budget lets go: "held NAMESPACE/POD BUDGET".
held() {
    k get poddisruptionbudgets --all-namespaces -o go-template='
{{- range .items}}{{if eq .status.disruptionsAllowed 0}}{{.metadata.namespace}} {{.metadata.name}} {{$comma := ""}}
  {{- range $key, $value := .spec.selector.matchLabels}}{{$comma}}{{$key}}={{$value}}{{$comma = ","}}{{end}}
  {{- range .spec.selector.matchExpressions}}{{$comma}}{{$comma = ","}}
    {{- if eq .operator "In" "NotIn"}}{{.key}}{{if eq .operator "In"}}~in~{{else}}~notin~{{end}}(
      {{- range $n, $value := .values}}{{if $n}},{{end}}{{$value}}{{end}})
    {{- else if eq .operator "Exists"}}{{.key}}{{else}}!{{.key}}{{end}}
  {{- end}}
{{end}}{{end}}' | while read -r namespace budget selector; do
        k -n "$namespace" get pods --field-selector "spec.nodeName=$NAME" -l "$(echo "$selector" | tr '~' ' ')" \
            -o go-template='{{range .items}}{{.metadata.namespace}}/{{.metadata.name}}{{"\n"}}{{end}}' |
            sed "s|^|held |; s|\$| $budget|"
    done
}

# Pods that are still there, but for those of daemon sets: "left NAMESPACE/POD".
left() {
    k get pods --all-namespaces --field-selector "spec.nodeName=$NAME" -o go-template='
{{- range .items}}{{$stays := true}}
  {{- range .metadata.ownerReferences}}{{if eq .kind "DaemonSet" "Node"}}{{$stays = false}}{{end}}{{end}}
  {{- if $stays}}left {{.metadata.namespace}}/{{.metadata.name}}{{"\n"}}{{end}}
{{- end}}'
}

drain() {
    /opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf drain "$NAME" --ignore-daemonsets \
        --delete-emptydir-data "--timeout=${SECONDS_OF_DRAIN}s" >&2
}

state=$(k get node "$NAME" --ignore-not-found -o go-template='{{or .spec.unschedulable false}} {{range .status.conditions}}
{{- if eq .type "Ready"}}{{.status}}{{end}}{{end}}') || exit 1
[ -n "$state" ] || {
    echo gone
    echo 'done'
    exit 0
}
case $DO in
uncordon)
    uncordon && echo 'done'
    exit
    ;;
delete)
    k delete node "$NAME" >&2 && echo 'done'
    exit
    ;;
esac
cordoned=${state% *} ready=${state#* }
trap 'uncordon' EXIT
trap 'exit 1' HUP INT TERM
cordon || exit 1
if [ "$ready" != True ]; then
    echo not-ready
elif ! drain; then
    held
    left
    exit 1
fi
trap - EXIT
echo 'done'
