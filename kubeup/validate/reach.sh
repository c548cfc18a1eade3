# Run on every node: can it reach what it should? Sent with PODS ("node=ip ..."), SERVICE, PORT and ADDRESSES set.
# shellcheck shell=sh
LC_ALL=C
export LC_ALL
# get IP PORT: succeeds when a probe pod answers there.
get() {
    timeout 3 bash -c "exec 3<>/dev/tcp/$1/$2 && printf 'GET /etc/hostname HTTP/1.0\r\nHost: probe\r\n\r\n' >&3 && cat <&3" 2>/dev/null |
        grep -q kubeup-validate
}
# seconds: a clock that is set meanwhile moves no wait.
seconds() { cut -d . -f 1 /proc/uptime; }
# soon: a service's rules follow its endpoints after a moment; after 15 s and more where the controller-manager, which
# writes them, was just restarted and waits for its lease.
soon() {
    end=$(($(seconds) + 40))
    while [ "$(seconds)" -lt "$end" ]; do
        get "$1" "$2" && return 0
        sleep 0.2
    done
    return 1
}
tell() {
    kind=$1
    name=$2
    shift 2
    if "$@"; then printf '%s\t%s\tok\n' "$kind" "$name"; else printf '%s\t%s\tfailed\n' "$kind" "$name"; fi
}
for pair in $PODS; do tell pod "${pair%%=*}" soon "${pair#*=}" 8080 & done
tell clusterip - soon "$SERVICE" 80 &
for address in $ADDRESSES; do tell nodeport "$address" soon "$address" "$PORT" & done
wait
