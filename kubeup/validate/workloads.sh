# Appended to cluster.sh: what hinders people's own work. Prints, fields separated by tabs:
# pending SERVICE, policy NAME, daemonset NAME, supply KIND NAME of an object out of which an addon serves,
# bad NAMESPACE/POD NODE SYSTEM IMAGE POLICY REASON "MESSAGE" of a container that waits (SYSTEM: yes for the cluster's own),
# unplaced NAMESPACE/POD SYSTEM "MESSAGE" of a pod that no node takes, unseen WHAT where the API gave no answer.
# The operator's half puts SUPPLIES before it: those kinds, with blanks between.
# shellcheck shell=sh
# shellcheck disable=SC2016,SC2154
# There may be thousands of pods; they come in pages.
limit=60
listed 'services, policies and pods' get services,networkpolicies,daemonsets,pods --all-namespaces -o go-template='{{define "system"}}{{if eq .metadata.namespace "kube-system"}}yes{{else}}{{with .metadata.labels}}{{with index . "kubeup.io/addon"}}yes{{else}}no{{end}}{{else}}no{{end}}{{end}}{{end}}{{range .items}}{{if eq .kind "Service"}}{{if eq .spec.type "LoadBalancer"}}{{with .status.loadBalancer.ingress}}{{else}}pending{{"\t"}}{{.metadata.namespace}}/{{.metadata.name}}
{{end}}{{end}}{{else if eq .kind "NetworkPolicy"}}policy{{"\t"}}{{.metadata.namespace}}/{{.metadata.name}}
{{else if eq .kind "DaemonSet"}}daemonset{{"\t"}}{{.metadata.name}}
{{else}}{{$p := .}}{{range .status.conditions}}{{if and (eq .type "PodScheduled") (eq .status "False")}}unplaced{{"\t"}}{{$p.metadata.namespace}}/{{$p.metadata.name}}{{"\t"}}{{template "system" $p}}{{"\t"}}{{printf "%q" .message}}
{{end}}{{end}}{{range .status.initContainerStatuses}}{{$s := .}}{{if not .ready}}{{with .state.waiting}}{{if and (ne .reason "ContainerCreating") (ne .reason "PodInitializing")}}bad{{"\t"}}{{$p.metadata.namespace}}/{{$p.metadata.name}}{{"\t"}}{{$p.spec.nodeName}}{{"\t"}}{{template "system" $p}}{{"\t"}}{{$s.image}}{{"\t"}}{{range $p.spec.initContainers}}{{if eq .name $s.name}}{{.imagePullPolicy}}{{end}}{{end}}{{"\t"}}{{.reason}}{{"\t"}}{{with .message}}{{printf "%q" .}}{{else}}""{{end}}
{{end}}{{end}}{{end}}{{end}}{{range .status.containerStatuses}}{{$s := .}}{{if not .ready}}{{with .state.waiting}}{{if and (ne .reason "ContainerCreating") (ne .reason "PodInitializing")}}bad{{"\t"}}{{$p.metadata.namespace}}/{{$p.metadata.name}}{{"\t"}}{{$p.spec.nodeName}}{{"\t"}}{{template "system" $p}}{{"\t"}}{{$s.image}}{{"\t"}}{{range $p.spec.containers}}{{if eq .name $s.name}}{{.imagePullPolicy}}{{end}}{{end}}{{"\t"}}{{.reason}}{{"\t"}}{{with .message}}{{printf "%q" .}}{{else}}""{{end}}
{{end}}{{end}}{{end}}{{end}}{{end}}{{end}}'
# shellcheck disable=SC2034
limit=15
for kind in $SUPPLIES; do
    if said=$(admin get "$kind" --all-namespaces -o jsonpath='{range .items[*]}{.metadata.name}{"\n"}{end}' 2>&1); then
        [ -z "$said" ] || printf '%s\n' "$said" | sed "/^Warning: /d; s/^/supply$T$kind$T/"
    else
        case $said in
            # Where its addon is not there, its kind is not, either.
            *"doesn't have a resource type"*) ;;
            *) printf 'unseen\t%s\n' "$kind" ;;
        esac
    fi
done
