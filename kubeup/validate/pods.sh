# Run on one master: a pod on every node and a service before them, exec and logs through every kubelet. Sent with
# NODES (names), HERE (this node's name), IMAGE (of the sandbox) and RUN (a word of its own) set. Holds everything until
# its input ends, then takes all of it away: also when the operator, or the line to it, is gone. Several may run at once:
# each knows its own by RUN.
# shellcheck shell=sh
LC_ALL=C
KUBECACHEDIR=/var/lib/kubeup/cache
export LC_ALL KUBECACHEDIR
trap '' HUP PIPE INT TERM
LABEL=kubeup-validate
PATIENCE=20
AT_ONCE=8
# Pods end by themselves after so many seconds; what is older is nobody's any more.
LIFE=600
limit=100
T=$(printf '\t')
# Descriptor 8 is the sign that this run lives: what it starts does not hold it.
admin() { timeout -k 5 $limit /opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf -n kube-system "$@" </dev/null 8<&-; }
clean() { admin delete pods,services -l "app=$LABEL,run=$1" --now --wait="$2" --timeout=60s >/dev/null 2>&1; }

# lives RUN SECONDS NODE: one of this node has a lock, unless it was killed; of others' only their age is known.
lives() {
    if [ "$3" = "$HERE" ]; then
        [ -d "$WORK.$1" ] && ! flock -n "$WORK.$1" true
    else
        [ "$2" -lt "$LIFE" ]
    fi
}

# sweep: what runs that were killed left.
sweep() {
    admin get pods,services -l "app=$LABEL" -o jsonpath='{range .items[*]}{.metadata.labels.run}{"\t"}{.metadata.creationTimestamp}{"\t"}{.metadata.annotations.kubeup\.io/from}{"\n"}{end}' 2>/dev/null |
        sort -u | while IFS=$T read -r run born from; do
            lives "$run" $(($(date +%s) - $(date -d "$born" +%s))) "$from" && continue
            rm -rf "$WORK.$run"
            clean "$run" false
        done
}
finding() { printf '%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "$4"; }
last() { tail -n 1 | tr '\t' ' '; }

manifest() {
    for node in $NODES; do
        cat <<POD
apiVersion: v1
kind: Pod
metadata: {name: "$LABEL-$RUN-$node", labels: {app: $LABEL, run: "$RUN"}, annotations: {kubeup.io/from: "$HERE"}}
spec:
  nodeName: "$node"
  activeDeadlineSeconds: $LIFE
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 1
  tolerations: [{operator: Exists}]
  dnsPolicy: Default
  containers:
    - name: probe
      image: $IMAGE
      imagePullPolicy: Never
      # The node's own kubectl is the whole probe: one static binary that serves a folder and fetches from others.
      command: [/opt/kubeup/bin/kubectl, proxy, --address=0.0.0.0, --port=8080, --accept-hosts=.*, --server=http://127.0.0.1:1, --www=/etc, --www-prefix=/etc/]
      securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, runAsUser: 65534}
      readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
      volumeMounts:
        - {name: bin, mountPath: /opt/kubeup/bin, readOnly: true}
        - {name: store, mountPath: /var/lib/kubeup/store, readOnly: true}
  volumes:
    - {name: bin, hostPath: {path: /opt/kubeup/bin}}
    - {name: store, hostPath: {path: /var/lib/kubeup/store}}
---
POD
    done
    cat <<SERVICE
apiVersion: v1
kind: Service
metadata: {name: "$LABEL-$RUN", labels: {app: $LABEL, run: "$RUN"}, annotations: {kubeup.io/from: "$HERE"}}
spec:
  type: NodePort
  selector: {app: $LABEL, run: "$RUN"}
  ports: [{port: 80, targetPort: 8080}]
SERVICE
}

create() {
    # The service account that every pod needs is made by the controller-manager, a moment after the first start.
    for _ in $(seq 1 100); do
        said=$(manifest | timeout 60 /opt/kubeup/bin/kubectl --kubeconfig=/etc/kubernetes/admin.conf -n kube-system apply -f - 2>&1 8<&-) && return 0
        case $said in *'serviceaccount'*) sleep 0.2 ;; *) break ;; esac
    done
    finding check pods-created failed "$(printf '%s' "$said" | last)"
    return 1
}

why_not_ready() {
    admin get pod "$LABEL-$RUN-$1" -o jsonpath='{.status.phase} {.status.reason} {.status.message} {.status.containerStatuses[0].state.waiting.reason} {.status.containerStatuses[0].state.waiting.message} {.status.conditions[?(@.status=="False")].message}' 2>&1 | tr '\n\t' '  '
    admin get events --field-selector "involvedObject.name=$LABEL-$RUN-$1,type=Warning" -o jsonpath='{.items[-1:].message}' 2>/dev/null | tr '\n\t' '  '
}

# ask KIND NODE ARGUMENT...: through that node's kubelet. One that a firewall hides would hold kubectl for minutes.
ask() {
    kind=$1
    node=$2
    shift 2
    limit=$PATIENCE
    if said=$(admin "$@" 2>&1) && [ -n "$said" ]; then
        finding "$kind" "$node" ok "$(printf '%s' "$said" | last)"
    else
        finding "$kind" "$node" failed "$(printf '%s\n' "${said:-no answer within $PATIENCE s}" | last)"
    fi
}

# until_ready: or a minute is over. kubectl's wait ends before its time where an API server that has just started, or has
# much to do, answers with an error: it is asked again.
until_ready() {
    read -r now _ </proc/uptime
    end=$((${now%.*} + 60))
    while read -r now _ </proc/uptime && left=$((end - ${now%.*})) && [ "$left" -gt 0 ]; do
        admin wait --for=condition=Ready pod -l "app=$LABEL,run=$RUN" --timeout="${left}s" >/dev/null 2>&1 && all_ready && return
        sleep 0.2
    done
}

# all_ready: now, for one that was may not be any more while another was waited for.
all_ready() {
    states=$(admin get pods -l "app=$LABEL,run=$RUN" -o jsonpath='{range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' 2>/dev/null) &&
        [ -n "$states" ] && ! printf '%s\n' "$states" | grep -qv '^True$'
}

look() {
    create || return
    until_ready
    admin get pods -l "app=$LABEL,run=$RUN" -o jsonpath='{range .items[*]}pod{"\t"}{.spec.nodeName}{"\t"}{.status.podIP}{"\t"}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' >"$work/pods"
    admin get service "$LABEL-$RUN" -o jsonpath='service{"\t"}{.spec.clusterIP}{"\t"}{.spec.ports[0].nodePort}{"\n"}'
    cat "$work/pods"
    previous=$(awk '$4 == "True" { ip = $3 } END { print ip }' "$work/pods")
    started=0
    while read -r _ node ip ready; do
        if [ "$ready" != True ]; then
            finding pod-failed "$node" - "$(why_not_ready "$node")"
            continue
        fi
        ask exec "$node" exec "$LABEL-$RUN-$node" -- /opt/kubeup/bin/kubectl "--server=http://$previous:8080" --request-timeout=5s get --raw /etc/hostname &
        ask logs "$node" logs "$LABEL-$RUN-$node" &
        previous=$ip
        started=$((started + 1))
        [ $((started % AT_ONCE)) != 0 ] || wait
    done <"$work/pods"
    wait
}

WORK=/run/kubeup-validate
work=$WORK.$RUN
mkdir -m 700 "$work" && exec 8<"$work" && flock 8
sweep
look
echo held
cat >/dev/null 8<&-
rm -rf "$work"
# Where the API did not answer, nobody knows whether they are gone.
clean "$RUN" true && echo cleaned
