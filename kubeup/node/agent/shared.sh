# The way back in places that others use as well (/run/containerd, /var/lib/cni, forwarding, cgroups): what is kubeup's
# goes by its own name, and a folder goes only if it was not there before and nothing is left in it. Sourced by undo.sh.
# shellcheck shell=sh
# The variables of apply.sh:
# shellcheck disable=SC2154,SC2034

# clear_folder PATH: it alone, if it is empty.
clear_folder() {
    rmdir "$ROOT$1" 2>/dev/null && return 0
    [ ! -d "$ROOT$1" ] || [ "${2:-}" != say ] || say "note${TAB}left${TAB}$1 is not empty: it stays"
}

# clear_shims STATE: what the shims of the containerd with this state folder left in /run/containerd, where those of
# any other containerd keep theirs: their sockets, and runc's notes. A task's folder is named after its id, and has
# the socket's address in one of its files.
clear_shims() {
    local task id space socket
    for task in "$ROOT$1"/io.containerd.runtime.v2.task/*/*; do
        [ -d "$task" ] || continue
        id=${task##*/}
        space=${task%/*}
        rm -rf "$ROOT/run/containerd/runc/${space##*/}/$id"
        grep -ho '/run/containerd/s/[0-9a-f]*' "$task/address" "$task/bootstrap.json" 2>/dev/null |
            while read -r socket; do
                rm -f "$ROOT$socket"
            done
    done
}

# clear_cni NETWORK: the addresses that pods had, and what libcni noted about them.
clear_cni() {
    local result id
    for result in "$ROOT/var/lib/cni/results/$1"-*; do
        [ -e "$result" ] || continue
        id=${result##*/"$1"-}
        rm -f "$result" "$ROOT/var/lib/cni/results/cni-loopback-${id%-*}-lo"
    done
    remove_tree "/var/lib/cni/networks/$1"
}

# forwarding: net.ipv4.ip_forward, and all that the kernel changes with it (Documentation/networking/ip-sysctl.rst).
forwarding() {
    local path
    printf 'ip_forward=%s docker0=%s' "$(cat "$ROOT/proc/sys/net/ipv4/ip_forward")" "$(there ip link show docker0)"
    for path in "$ROOT"/proc/sys/net/ipv4/conf/all/accept_redirects "$ROOT"/proc/sys/net/ipv4/conf/*/forwarding; do
        printf ' %s=%s' "${path#"$ROOT"/proc/sys/net/ipv4/conf/}" "$(cat "$path")"
    done
}

# clear_forwarding BEFORE OURS
clear_forwarding() {
    local conf redirects off path pair name
    conf=$ROOT/proc/sys/net/ipv4
    case "$1 $(cat "$conf/ip_forward")" in
        "ip_forward=$2 "* | "ip_forward="*" $((1 - $2))") return 0 ;;
    esac
    case $1 in
        *docker0=no*)
            if ip link show docker0 >/dev/null 2>&1; then
                say "note${TAB}left${TAB}net.ipv4.ip_forward stays $2: Docker, which came meanwhile, needs it"
                return 0
            fi
            ;;
    esac
    redirects=$(cat "$conf/conf/all/accept_redirects")
    # What someone switched off since stays off, and what came since is off again with all others.
    off=
    for path in "$conf"/conf/*/forwarding; do
        [ "$(cat "$path")" = "$2" ] || off="$off ${path#"$conf/conf/"} "
    done
    echo $((1 - $2)) >"$conf/ip_forward" || fail "net.ipv4.ip_forward could not be set back"
    for pair in $1; do
        name=${pair%=*}
        case $name in
            all/accept_redirects) [ "$redirects" != 0 ] || echo "${pair#*=}" >"$conf/conf/$name" ;;
            all/forwarding) ;;
            */forwarding)
                case "$off " in *" $name "*) continue ;; esac
                [ ! -e "$conf/conf/$name" ] || [ "$(cat "$conf/conf/$name")" = "${pair#*=}" ] || echo "${pair#*=}" >"$conf/conf/$name"
                ;;
        esac
    done
}

APPARMOR=/sys/kernel/security/apparmor
# clear_apparmor PROFILE: the kernel keeps what a runtime loaded (apparmor_parser -R writes the same).
clear_apparmor() {
    [ "$(observed apparmor "$1")" = no ] || printf '%s' "$1" >"$ROOT$APPARMOR/.remove" 2>/dev/null ||
        say "note${TAB}left${TAB}the AppArmor profile $1 could not be removed"
}

# ours_of SYSCTL: what kube-proxy makes of this machine's processors (conntrack.maxPerCore 32768, conntrack.min 131072).
ours_of() {
    local most
    most=$(($(nproc) * 32768))
    [ $most -ge 131072 ] || most=131072
    case $1 in
        *_max) echo $most ;;
        *_buckets) echo $((most / 4)) ;;
    esac
}

# groups_of NAME: that cgroup at the top of each hierarchy. One of the same name below another one is someone else's:
# a Kubernetes in Docker has its pods there.
groups_of() {
    local group
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        set -- "/sys/fs/cgroup/$1" "/sys/fs/cgroup/$1.slice"
    else
        set -- /sys/fs/cgroup/*/"$1" /sys/fs/cgroup/*/"$1.slice"
    fi
    for group in "$@"; do [ ! -d "$group" ] || echo "$group"; done
}

# pids_of CGROUP: processes in it and below, in every hierarchy.
pids_of() {
    groups_of "$1" | while read -r group; do find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null; done | sort -un
}

clear_cgroup() {
    local pids
    # With systemd as the driver it is a unit of systemd's.
    systemctl stop "$1.slice" >/dev/null 2>&1
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        pids=$(pids_of "$1")
        [ -n "$pids" ] || break
        # shellcheck disable=SC2086
        kill -KILL $pids 2>/dev/null
        sleep 0.1
    done
    groups_of "$1" | while read -r group; do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null; done
    return 0
}

# save_changed PATH VALUE HAD: what is there now, if it is neither what kubeup wrote nor what it found, is someone's
# work: it is kept beside.
save_changed() {
    local now saved count
    [ -e "$ROOT$1" ] || [ -L "$ROOT$1" ] || return 0
    now=$(value "$1")
    [ "$now" != "$2" ] && ! same_as_original "$1" "$3" && ! written "$1" "$now" || return 0
    saved=$1.kubeup-saved
    count=1
    while [ -e "$ROOT$saved" ] || [ -L "$ROOT$saved" ]; do
        count=$((count + 1))
        saved=$1.kubeup-saved.$count
    done
    quietly mv -T "$ROOT$1" "$ROOT$saved" || fail "cannot save $1, which someone edited"
    say "note${TAB}saved${TAB}$saved"
}

same_as_original() {
    [ "$2" = yes ] || return 1
    if [ -L "$ROOT$1" ] || [ -L "$ORIGINAL$1" ]; then
        [ "$(readlink "$ROOT$1")" = "$(readlink "$ORIGINAL$1")" ]
    else
        cmp -s "$ORIGINAL$1" "$ROOT$1"
    fi
}

# written PATH VALUE: kubeup wrote it there at some time: a run that was killed notes first and writes then.
written() {
    case $2 in
        "") return 1 ;;
        /var/lib/kubeup/store/*) return 0 ;;
    esac
    awk -F '\t' -v path="$1" -v value="$2" '$1 == "own" && $2 == path && $4 == value { found = 1 } END { exit !found }' "$RECORD"
}

# keep_saved PATH: all of a folder goes but what save_changed put there.
keep_saved() {
    find "$ROOT$1/" -name '*.kubeup-saved*' 2>/dev/null | grep -q . || return 1
    unmount_below "$1"
    quietly find "$ROOT$1/" -xdev -mindepth 1 -depth ! -name lost+found \( -type d -empty -o ! -type d ! -name '*.kubeup-saved*' \) -delete ||
        fail "cannot empty $1"
}
