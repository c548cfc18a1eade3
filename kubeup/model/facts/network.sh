# shellcheck shell=sh
# shellcheck disable=SC2154
# ROOT, HOME_DIR and the helpers are those of node/agent/probe.sh.
ask_network() {
    local servers
    ip -j -4 addr show 2>/dev/null | each ip_addr
    ip -j -4 route show table main 2>/dev/null | each ip_route
    ip -j -4 route get 1.1.1.1 2>/dev/null | each ip_route_get
    # A stub of systemd-resolved is no use to pods: they need the servers behind it.
    servers=$ROOT/etc/resolv.conf
    if grep -qs '^nameserver 127\.0\.0\.53' "$servers" && [ -e /run/systemd/resolve/resolv.conf ]; then
        servers=/run/systemd/resolve/resolv.conf
        fact resolv_conf "$servers"
    fi
    # grep ends the last line, too, where the file does not: else what is said next would hang on to it.
    grep -a '^nameserver[[:blank:]]' "$servers" 2>/dev/null | sed 's/^nameserver[[:blank:]]//' | each nameserver
    grep -E '^(search|options)[[:space:]]' "$servers" 2>/dev/null | each resolv_line
    listeners
}

# Who listens on the ports asked for. ss has no JSON (iproute2 7.1 has none either), and /proc/net/tcp names no process.
listeners() {
    local filter port line pid
    filter=
    for port in $PORTS; do filter="${filter:+$filter or }sport = :$port"; done
    [ -n "$filter" ] || return 0
    ss -Hltnp "( $filter )" 2>/dev/null | while IFS= read -r line; do
        fact listener "$line"
        pid=${line#*pid=}
        pid=${pid%%,*}
        # Its unit is asked of the process: by the time systemd is asked, it may have ended and another one begun.
        [ -d "/proc/$pid" ] || continue
        fact process "$pid" "$(sed -n 's|.*/\([^/]*\.service\)$|\1|p' "/proc/$pid/cgroup" 2>/dev/null | head -n 1)"
    done
}
