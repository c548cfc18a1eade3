# Whether the cluster has what lies in $FOLDER and $INVENTORY on this node: the same inventory, every object, every pod
# ready. One question to the API. Where not, it prints "why: WORDS" and fails; the operator's half sets the two before it.
# shellcheck shell=sh
# shellcheck disable=SC2154
[ -f "$INVENTORY" ] || exit 0
revision=$(sed -n 's/^# revision //p' "$INVENTORY")
set -- -f "$INVENTORY"
[ -z "$(ls "$FOLDER" 2>/dev/null)" ] || set -- "$@" -f "$FOLDER"
# What is one object only comes as itself, else as a list.
said=$(/opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=5s get "$@" --ignore-not-found -o go-template='
{{- define "one"}}{{printf "=found\t%s\t%s\t" .apiVersion .kind}}
    {{- with .metadata.namespace}}{{.}}{{else}}-{{end}}{{printf "\t%s\n" .metadata.name}}
    {{- if eq .kind "ConfigMap"}}{{if eq .metadata.name "kubeup-addons"}}{{printf "=revision\t%s\n%s\n" .data.revision .data.objects}}{{end}}
    {{- else if eq .kind "DaemonSet"}}
        {{- if ne .status.desiredNumberScheduled .status.numberReady}}{{printf "=short\t%s %s\n" .kind .metadata.name}}{{end}}
    {{- else if or (eq .kind "Deployment") (eq .kind "StatefulSet")}}{{if .status.unavailableReplicas}}{{printf "=short\t%s %s\n" .kind .metadata.name}}
        {{- else if .spec.replicas}}{{if ne .spec.replicas (or .status.readyReplicas 0)}}{{printf "=short\t%s %s\n" .kind .metadata.name}}{{end}}
    {{- end}}{{end}}
{{- end}}
{{- if .items}}{{range .items}}{{template "one" .}}{{end}}{{else if .kind}}{{template "one" .}}{{end}}=end' 2>&1) || {
    printf 'why: %s\n' "$(printf '%s\n' "$said" | tail -n 1)"
    exit 1
}
printf '%s\n' "$said" | awk -F '\t' -v revision="$revision" '
    $1 == "=revision" { same = $2 != "" && $2 == revision; next }
    $1 == "=short" { short[++shorts] = $2; next }
    $1 == "=found" { here[$2, $3, $4, $5] = here[$2, $3, "-", $5] = 1; next }
    $1 == "=end" { whole = 1; next }
    NF == 5 { api[++wanted] = $2; kind[wanted] = $3; space[wanted] = $4; name[wanted] = $5 }
    END {
        if (!whole || !same) exit 1
        for (one = 1; one <= wanted; one++)
            # A job may be set to go by itself once it is done.
            if (kind[one] != "Job" && !((api[one], kind[one], space[one], name[one]) in here))
                gone[++count] = kind[one] " " (space[one] == "-" ? "" : space[one] "/") name[one]
        if (count) { print "why: " gone[1] (count > 1 ? " and " count - 1 " more are gone" : " is gone"); exit 1 }
        if (shorts) { print "why: not all pods of " short[1] " are ready"; exit 1 }
    }'
