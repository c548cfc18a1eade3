# Brings the cluster's addons to what lies in $FOLDER and $INVENTORY on this master: applies, takes away what no addon
# wants any more, waits until all of it runs. It speaks live on descriptor 3, one a line: live TEXT, note KIND TEXT.
# Where it fails, it prints why: lines "bad ADDON POD NODE IMAGE REASON MESSAGE", or what kubectl said.
# The operator's half puts before it: FOLDER, INVENTORY, LABEL, PATIENCE and LIMIT (seconds); and MAKES, what addons'
# programs make by themselves, a line each: "ADDON KIND/NAME" an object, "ADDON PLURAL.GROUP" all of a kind;
# and AWAITS, what else is to be so before an addon counts as running, a line each: "ADDON KIND/NAME CONDITION".
# shellcheck shell=sh
# dash, bash and busybox have `local`, though POSIX has not.
# shellcheck disable=SC2154,SC3043
T=$(printf '\t')
k() { /opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=60s "$@"; }
live() { printf 'live\t%s\n' "$*" >&3; }
note() { printf 'note\t%s\t%s\n' "$1" "$2" >&3; }
work=$(mktemp -d /run/kubeup-addons.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

# standing FILE: what the cluster has of the objects in the files, one a line: KIND NAME NAMESPACE ADDON REVISION. Fails
# where the API does not say; that a kind is not there yet is an answer.
standing() {
    local column
    column=$(printf '%s' "$LABEL" | sed 's/[.]/\\./g')
    # What the API server counts no generations of changes with every write.
    asked found get -f "$FOLDER" --ignore-not-found --no-headers -o custom-columns="\
kind:.kind,name:.metadata.name,namespace:.metadata.namespace,addon:.metadata.labels.$column,\
generation:.metadata.generation,version:.metadata.resourceVersion" ||
        ! grep -Ev 'no matches for kind|ensure CRDs are installed' errors | grep -q . || return 1
    awk '{ print $1, $2, $3, $4, $5 == "<none>" ? $6 : "g" $5 }' found | sort >"$1"
}

apply() {
    local tries=0
    until k apply --server-side --force-conflicts --field-manager=kubeup -f "$FOLDER" >applied 2>errors; do
        tries=$((tries + 1))
        # A kind that was made a moment ago is not served yet.
        if [ $tries -gt 40 ] || ! grep -Eq 'no matches for kind|ensure CRDs are installed|could not find the requested' errors; then
            cat errors
            return 1
        fi
        sleep 0.25
    done
}

# told: how many objects of each addon are new, changed, as they were.
told() {
    awk '
        FILENAME == ARGV[1] { was[$1 " " $2 " " $3] = $5; next }
        { key = $1 " " $2 " " $3; names[$4] = 1
          if (!(key in was)) made[$4]++; else if (was[key] != $5) changed[$4]++; else same[$4]++ }
        END { for (name in names) print name, made[name] + 0, changed[name] + 0, same[name] + 0 }' before after |
        while read -r name made changed same; do note addon "$name $made $changed $same"; done
}

# asked FILE WORD...: what the API says, in FILE. Fails where it says nothing, with the reason in errors: what nobody could
# tell is not gone.
asked() {
    local file
    file=$1
    shift
    k "$@" >"$file" 2>errors </dev/null
}

# delete API KIND NAMESPACE NAME
delete() {
    local ref
    case $1 in
        */*) ref=$2.${1#*/}.${1%/*} ;;
        *) ref=$2 ;;
    esac
    if [ "$3" = - ]; then set -- -- "$4"; else set -- --namespace="$3" -- "$4"; fi
    # Where its kind is gone, so is it.
    asked deleted delete "$ref" --ignore-not-found --timeout=60s "$@" || grep -q "doesn't have a resource type" errors
}

# Kinds go only when nobody made one of theirs, a namespace only when nothing else lives in it. Fails where something of
# it may still be there: the old inventory stays then, and the next time it is tried again.
prune() {
    local addon api kind namespace name left
    comm -23 old new >gone
    [ -s gone ] || return 0
    live "taking away $(wc -l <gone) objects"
    grep -Ev "^[^$T]*${T}[^$T]*${T}(Namespace|CustomResourceDefinition)$T" gone | sort -r >things
    grep "${T}CustomResourceDefinition$T" gone >kinds
    grep "${T}Namespace$T" gone >namespaces
    : >stays
    left=
    while IFS=$T read -r addon api kind namespace name; do
        delete "$api" "$kind" "$namespace" "$name" || { left=yes && cat errors; }
    done <things
    while IFS=$T read -r addon api kind namespace name; do
        prune_kind || { left=yes && cat errors; }
    done <kinds
    while IFS=$T read -r addon api kind namespace name; do
        prune_namespace || { left=yes && cat errors; }
    done <namespaces
    [ -z "$left" ] || return 1
    cut -f 1 gone | sort -u | while read -r one; do
        cut -f 1 new | grep -qx "$one" || note addon "$one gone"
    done
}

# prune_kind, prune_namespace: that of the line prune has read.
prune_kind() {
    local others
    others=
    if ! printf '%s\n' "$MAKES" | grep -Fqx "$addon $name"; then
        asked found get customresourcedefinition "$name" --ignore-not-found -o name || return 1
        [ -s found ] || return 0
        asked found get "$name" --all-namespaces -o name || return 1
        others=$(head -n 3 found | tr '\n' ' ')
    fi
    if [ -n "$others" ]; then
        echo "$addon" >>stays
        note left "of $addon the kind ${name%%.*} stays, for these are not kubeup's: $others"
    else
        delete "$api" "$kind" "$namespace" "$name"
    fi
}

prune_namespace() {
    local others waited
    # Its own pods end first.
    waited=0
    while asked found -n "$name" get pods -l "$LABEL=$addon" -o name || return 1; do
        [ -s found ] && [ $waited -lt 60 ] || break
        sleep 1
        waited=$((waited + 1))
    done
    asked found -n "$name" get pods,services,deployments,daemonsets,statefulsets,persistentvolumeclaims,ingresses,configmaps,secrets -o name || return 1
    # What the cluster and the addons' own programs put there is not counted.
    others=$(grep -v '/kube-root-ca[.]crt$' found | sed "s/^/$addon /" | grep -Fxv "$MAKES" | cut -d ' ' -f 2 | head -n 3 | tr '\n' ' ')
    if [ -n "$others" ] || grep -qx "$addon" stays; then
        note left "the namespace $name stays, for there is more in it than kubeup's${others:+: $others}"
    else
        delete "$api" "$kind" "$namespace" "$name"
    fi
}

# What runs of the addons, a line each: a workload is "w ADDON KIND NAME WANTED READY UPDATED AGE SEEN ALL" (AGE, SEEN: the
# generation it is of, and the one that its controller looked at; ALL: pods, also those of an earlier state). A pod is
# "p ADDON NAMESPACE POD NODE PHASE", followed by "c IMAGE REASON MESSAGE" of containers that wait, and "s REASON MESSAGE"
# where no node takes it. What else is waited for is "o ADDON OBJECT CONDITION STATUS MESSAGE". Messages are in quotes.
running() {
    local addon object condition said
    # shellcheck disable=SC2016
    k get deployments,daemonsets,statefulsets,jobs,pods --all-namespaces -l "$LABEL" -o go-template='
{{- define "waiting"}}
  {{- range .}}{{if not .ready}}{{$image := .image}}{{with .state.waiting}}
    {{- printf "c %s %s %q\n" $image .reason (or .message "")}}
  {{- end}}{{end}}{{end}}
{{- end}}
{{- range .items}}{{$addon := index .metadata.labels "'"$LABEL"'"}}{{$is := .status}}
  {{- if eq .kind "Pod"}}
    {{- printf "p %s %s %s %s %s\n" $addon .metadata.namespace .metadata.name (or .spec.nodeName "-") $is.phase}}
    {{- range $is.conditions}}{{if and (eq .type "PodScheduled") (eq .status "False")}}
      {{- printf "s %s %q\n" .reason (or .message "")}}
    {{- end}}{{end}}
    {{- template "waiting" $is.initContainerStatuses}}
    {{- template "waiting" $is.containerStatuses}}
  {{- else}}
    {{- printf "w %s %s %s " $addon .kind .metadata.name}}
    {{- if eq .kind "Job"}}
      {{- $done := or $is.succeeded 0}}
      {{- printf "%v %v %v 1 1 %v\n" .spec.completions $done $done $done}}
    {{- else if eq .kind "DaemonSet"}}
      {{- $updated := or $is.updatedNumberScheduled 0}}
      {{- printf "%v %v %v " $is.desiredNumberScheduled $is.numberReady $updated}}
      {{- printf "%v %v %v\n" .metadata.generation (or $is.observedGeneration 0) $updated}}
    {{- else}}
      {{- printf "%v %v %v " .spec.replicas (or $is.readyReplicas 0) (or $is.updatedReplicas 0)}}
      {{- printf "%v %v %v\n" .metadata.generation (or $is.observedGeneration 0) (or $is.replicas 0)}}
    {{- end}}
  {{- end}}
{{- end}}' 2>errors || return 1
    printf '%s\n' "$AWAITS" | while read -r addon object condition; do
        [ -n "$object" ] || continue
        said=$(k get "$object" --ignore-not-found -o go-template='{{range .status.conditions}}{{if eq .type "'"$condition"'"}}
            {{- printf "%s %q" .status (or .message "")}}{{end}}{{end}}' </dev/null 2>/dev/null)
        echo "o $addon $object $condition ${said:-False \"\"}"
    done
}

# Each addon with how much of it is ready: "dns 1/2, ingress 0/4".
counted() {
    awk '$1 == "w" { wanted[$2] += $5; now = $6 - ($10 > $7 ? $10 - $7 : 0); ready[$2] += (now > 0 ? now : 0) }
        END { for (name in wanted) printf "%s %d/%d\n", name, ready[name], wanted[name] }' rows | sort | paste -s -d , | sed 's/,/, /g'
}

all_run() {
    awk '$1 == "w" && ($5 != $6 || $7 < $5 || $9 < $8 || $10 > $7) { bad = 1 }
        $1 == "o" && $5 != "True" { bad = 1 }
        END { exit bad }' rows
}

# Pods of addons that do not become ready, with the reason; a crash with its last words.
why() {
    local addon pod last
    awk '$1 == "p" { p = $2 "\t" $3 "/" $4 "\t" $5; phase = $6; if (phase != "Running" && phase != "Succeeded") print "state\t" p "\t" phase }
        $1 == "c" { m = $0; sub(/^c [^ ]* [^ ]* /, "", m); print "bad\t" p "\t" $2 "\t" $3 "\t" m }
        $1 == "s" { m = $0; sub(/^s [^ ]* /, "", m); print "bad\t" p "\t-\t" $2 "\t" m }' rows >reasons
    awk '$1 == "w" && ($6 < $5 || $10 > $7) { print "short\t" $2 "\t" $3 " " $4 "\t" $6 "\t" $5 }
        $1 == "o" && $5 != "True" { m = $0; sub(/^o [^ ]* [^ ]* [^ ]* [^ ]* /, "", m); print "unmet\t" $2 "\t" $3 "\t" $4 "\t" m }' rows
    grep "^bad" reasons
    grep "${T}CrashLoopBackOff$T\|${T}Error$T" reasons | head -n 3 | while IFS=$T read -r _ addon pod _; do
        last=$(k -n "${pod%/*}" logs "${pod#*/}" --all-containers --previous --tail=2 </dev/null 2>/dev/null | tail -n 1)
        [ -z "$last" ] || printf 'log\t%s\t%s\t%s\n' "$addon" "$pod" "$last"
    done
    grep "${T}ContainerCreating$T\|${T}PodInitializing$T" reasons | head -n 3 | while IFS=$T read -r _ addon pod _; do
        last=$(k -n "${pod%/*}" get events --field-selector "involvedObject.name=${pod#*/},type=Warning" -o go-template='{{range .items}}{{printf "%q\n" .message}}{{end}}' </dev/null 2>/dev/null | tail -n 1)
        [ -z "$last" ] || printf 'event\t%s\t%s\t%s\n' "$addon" "$pod" "$last"
    done
}

# seconds: a clock that is set meanwhile moves no wait.
seconds() { cut -d . -f 1 /proc/uptime; }

await() {
    local begin now line bad_since='' last=''
    begin=$(seconds)
    while :; do
        if ! running >rows; then
            cat errors
            return 1
        fi
        now=$(seconds)
        all_run && return 0
        line=$(counted)
        live "$line ready"
        # What a kubelet tries again may yet succeed; after a while without progress it is told.
        if grep -Eq '^c [^ ]* (ErrImagePull|ImagePullBackOff|ErrImageNeverPull|InvalidImageName|CrashLoopBackOff|CreateContainerConfigError|RunContainerError) ' rows; then
            [ "$line" = "$last" ] && [ -n "$bad_since" ] || bad_since=$now
        else
            bad_since=
        fi
        last=$line
        if [ $((now - begin)) -ge "$LIMIT" ] || { [ -n "$bad_since" ] && [ $((now - bad_since)) -ge "$PATIENCE" ]; }; then
            why
            return 1
        fi
        sleep 0.5
    done
}

asked found -n kube-system get configmap kubeup-addons --ignore-not-found -o go-template='{{with .data}}{{.objects}}{{end}}' || {
    cat errors
    exit 1
}
grep . found | sort >old
# A list that broke off would take away what it lacks: it has to have an end.
asked found create -f "$INVENTORY" --dry-run=client -o go-template='{{.data.objects}}end' && [ "$(tail -n 1 found)" = end ] || {
    cat errors
    exit 1
}
sed '$d' found | grep . | sort >new
if [ -s new ]; then
    live 'applying'
    seen=yes
    standing before || seen=
    apply || exit 1
    if [ -n "$seen" ] && standing after; then told; fi
fi
prune || exit 1
asked applied apply --server-side --force-conflicts --field-manager=kubeup -f "$INVENTORY" || {
    cat errors
    exit 1
}
[ ! -s new ] || await
