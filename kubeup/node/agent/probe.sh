#!/bin/sh
# Asks a node everything in one trip, and touches nothing. It arrives on the standard input of `sh -s` together with
# a request (the variables FILES, CONTENTS, UNITS, PORTS and the function run_checks), so nothing here may read stdin.
# Answers one fact a line, fields separated by tabs; then the line "tar" and a tar of the contents asked for.
set -u
LC_ALL=C
PATH=${KUBEUP_PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
ROOT=${KUBEUP_ROOT:-}
HOME_DIR=$ROOT/var/lib/kubeup
# kubectl keeps what it learns of an API in a folder: in kubeup's own, not in root's home.
KUBECACHEDIR=$HOME_DIR/cache
export LC_ALL PATH KUBECACHEDIR
T=$(printf '\t')

fact() { printf '%s\t%s\n' "$1" "$2"; }
first() { IFS= read -r line <"$1" && printf '%s' "$line"; }
have() { command -v "$1" >/dev/null 2>&1; }

# prefixed KIND COMMAND...: each line of its output as a fact.
prefixed() {
    kind=$1
    shift
    "$@" 2>/dev/null </dev/null | sed "s/^/$kind$T/"
}

machine() {
    fact hostname "$(first "$ROOT/etc/hostname" 2>/dev/null || uname -n)"
    fact nodename "$(uname -n)"
    fact arch "$(uname -m)"
    fact kernel "$(uname -r)"
    fact uid "$(id -u)"
    [ -r "$ROOT/etc/os-release" ] && sed -n "s/^\(ID\|VERSION_ID\|PRETTY_NAME\)=\"\{0,1\}\([^\"]*\)\"\{0,1\}$/os_\1$T\2/p" "$ROOT/etc/os-release"
    [ -r "$ROOT/etc/machine-id" ] && fact machine_id "$(first "$ROOT/etc/machine-id")"
    fact init "$(first /proc/1/comm)"
    fact cpus "$(grep -c '^processor' /proc/cpuinfo)"
    sed -n "s/^MemTotal: *\([0-9]*\) kB/memory$T\1/p; s/^SwapTotal: *\([0-9]*\) kB/swap$T\1/p" /proc/meminfo
    sed -n "s/^CapBnd:[^0-9a-f]*\([0-9a-f]*\)/capabilities$T\1/p" /proc/1/status
    df -P -k "$ROOT/var/lib" 2>/dev/null | awk 'NR == 2 { print "disk\t" $4; print "disk_size\t" $2 }'
    fact clock "$(date +%s.%N)"
    if [ -e /run/systemd/timesync/synchronized ]; then fact synchronized yes; fi
}

# root's share of inotify instances. Only of a node that is new to kubeup: every open file is looked at.
inotify() {
    [ -f "$HOME_DIR/record" ] && return 0
    fact inotify_limit "$(cat /proc/sys/fs/inotify/max_user_instances)"
    fact inotify_used "$(find /proc/[0-9]*/fd -user 0 -lname anon_inode:inotify 2>/dev/null | wc -l)"
}

cgroups() {
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        fact cgroup 2
        fact controllers "$(first /sys/fs/cgroup/cgroup.controllers)"
    else
        fact cgroup 1
        fact controllers "$(awk '$4 == 1 { printf "%s ", $1 }' /proc/cgroups)"
    fi
}

network() {
    ip -4 -o addr show 2>/dev/null | awk '{ print "address\t" $4 "\t" $2 }'
    ip -4 route show table main 2>/dev/null | awk '{
        d = ($1 == "unreachable" || $1 == "blackhole" || $1 == "prohibit") ? $2 : $1
        dev = ""; for (i = 1; i < NF; i++) if ($i == "dev") dev = $(i + 1); print "route\t" d "\t" dev }'
    ip -4 route get 1.1.1.1 2>/dev/null | awk '{ for (i = 1; i < NF; i++) { if ($i == "src") s = $(i + 1); if ($i == "dev") d = $(i + 1) } }
        s != "" { print "primary\t" s "\t" d; exit }'
    # A stub of systemd-resolved is no use to pods: they need the servers behind it.
    servers=$ROOT/etc/resolv.conf
    if grep -qs '^nameserver 127\.0\.0\.53' "$servers" && [ -e /run/systemd/resolve/resolv.conf ]; then
        servers=/run/systemd/resolve/resolv.conf
        fact resolv_conf "$servers"
    fi
    sed -n "s/^nameserver[[:space:]]*/nameserver$T/p" "$servers" 2>/dev/null
    [ -e /proc/sys/net/netfilter/nf_conntrack_max ] && [ ! -w /proc/sys/net/netfilter/nf_conntrack_max ] && fact conntrack_max readonly
    [ -r /proc/net/ip_vs ] && sed -n "4,\$s/^/ipvs$T/p" /proc/net/ip_vs
    for port in $PORTS; do
        ss -Hltnp "sport = :$port" 2>/dev/null | sed -n "s/.*users:((\"\([^\"]*\)\",pid=\([0-9]*\).*/port$T$port$T\1$T\2/p" | head -n 1
    done | while IFS=$T read -r word port name pid; do
        # Its unit is asked of the process: by the time systemd is asked, it may have ended and another one begun.
        [ -d "/proc/$pid" ] || continue
        unit=$(sed -n 's|.*/\([^/]*\.service\)$|\1|p' "/proc/$pid/cgroup" 2>/dev/null | head -n 1)
        printf '%s\t%s\t%s\t%s\t%s\n' "$word" "$port" "$name" "$pid" "$unit"
    done
}

tools() {
    have nft && fact nft "$(nft --version 2>/dev/null | sed -n 's/^nftables v\([0-9.]*\).*/\1/p')"
    have iptables && fact iptables "$(iptables --version 2>/dev/null | sed -n 's/^iptables v\([0-9.]*\).*/\1/p')"
    have conntrack && fact conntrack yes
    if have curl; then fact downloader curl; elif have wget; then fact downloader wget; fi
}

modules() {
    grep -q overlay /proc/filesystems || modprobe -n overlay 2>/dev/null || fact module overlay
    [ -e /proc/sys/net/bridge ] || modprobe -n br_netfilter 2>/dev/null || fact module br_netfilter
}

# What Docker's unit and its drop-ins say without kubeup's own, with lines that go on joined.
docker_unit() {
    found=$(systemctl show --property=FragmentPath,DropInPaths docker.service 2>/dev/null </dev/null)
    for path in $(printf '%s\n' "$found" | sed -n 's/^FragmentPath=//p') $(printf '%s\n' "$found" | sed -n 's/^DropInPaths=//p'); do
        case $path in */docker.service.d/kubeup.conf) continue ;; esac
        tr '\t' ' ' <"$path" 2>/dev/null | sed -e ':more' -e '/\\$/{' -e 'N' -e 's/\\\n/ /' -e 'b more' -e '}' |
            sed -n "s/^ *\(ExecStart\|Environment\|EnvironmentFile\) *= */docker_unit$T\1$T/p"
    done
}

docker_facts() {
    version=
    if have docker && [ "$(systemctl is-active docker.service 2>/dev/null)" = active ]; then
        fact docker_running yes
        # One question; Go templates say just what is needed.
        timeout 5 docker info --format "docker_version${T}{{.ServerVersion}}
docker_cgroup${T}{{.CgroupDriver}}" 2>/dev/null </dev/null
        timeout 5 docker ps --format "{{if not (.Label \"io.kubernetes.pod.uid\")}}docker_container${T}{{.Names}}{{end}}" 2>/dev/null </dev/null | grep .
    elif have dockerd; then
        version=$(dockerd --version 2>/dev/null | sed -n 's/^Docker version \([0-9.]*\).*/\1/p')
        fact docker_version "$version"
    fi
    if [ -e /snap/bin/docker ]; then fact docker_source snap; fi
    docker_unit
}

firewalls() {
    if grep -qs '^ENABLED=yes' "$ROOT/etc/ufw/ufw.conf" && have ufw; then
        fact firewall ufw
        prefixed "rule${T}ufw" ufw status verbose
    fi
    if have firewall-cmd && [ "$(systemctl is-active firewalld 2>/dev/null)" = active ]; then
        fact firewall firewalld
        prefixed "rule${T}firewalld" firewall-cmd --list-all
    fi
}

# Signs of a cluster that is not kubeup's.
foreign() {
    for path in /etc/rancher/k3s /etc/rancher/rke2 /var/lib/k0s /var/snap/microk8s; do
        [ -e "$ROOT$path" ] && fact foreign "$path"
    done
    for path in /etc/kubernetes/kubelet.conf /etc/kubernetes/admin.conf /etc/kubernetes/pki/ca.crt /etc/kubernetes/manifests/kube-apiserver.yaml; do
        [ -e "$ROOT$path" ] && ! grep -qs "^own$T$path$T" "$HOME_DIR/record" && fact foreign "$path"
    done
}

# paths: those asked for, and those the record owns, each once.
paths() {
    {
        printf '%s\n' "$FILES"
        [ -f "$HOME_DIR/record" ] && awk -F '\t' '$1 == "own" { print $2 }' "$HOME_DIR/record"
    } | awk 'NF && !seen[$0]++'
}

files() {
    every=$(paths)
    [ -n "$every" ] || return 0
    oldifs=$IFS
    IFS='
'
    set -f
    # shellcheck disable=SC2086
    set -- $every
    set +f
    IFS=$oldifs
    regular=
    count=$#
    while [ "$count" -gt 0 ]; do
        path=$1
        shift
        count=$((count - 1))
        if [ -e "$ROOT$path" ] || [ -L "$ROOT$path" ]; then set -- "$@" "$ROOT$path"; fi
    done
    [ $# -gt 0 ] || return 0
    stat --printf "file\t%F\t%a\t%U:%G\t%s\t%n\n" -- "$@" 2>/dev/null
    for path in "$@"; do
        if [ -L "$path" ]; then
            printf 'target\t%s\t%s\n' "$(readlink "$path")" "$path"
        elif [ -f "$path" ]; then
            regular=yes
        fi
    done
    [ -z "$regular" ] || for path in "$@"; do
        [ ! -L "$path" ] && [ -f "$path" ] && printf '%s\0' "$path"
    done | xargs -0 -r sha256sum -- | sed "s/^\([0-9a-f]*\) [ *]/sha$T\1$T/"
}

units() {
    [ -n "$UNITS" ] || return 0
    # shellcheck disable=SC2086
    systemctl show --property=Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths $UNITS 2>/dev/null </dev/null |
        sed "s/^/unit$T/"
}

store() {
    # Empty, it is what a `down` left that died right at its end, or a disk of its own that waits for kubeup.
    if [ -n "$(ls -A "$HOME_DIR" 2>/dev/null)" ] || { [ -d "$HOME_DIR" ] && ! mountpoint -q "$HOME_DIR"; }; then
        fact home yes
    fi
    for path in "$HOME_DIR"/store/*/*; do
        case $path in *.part/*) continue ;; esac
        [ -f "$path" ] && stat --printf "store\t%s\t%n\n" -- "$path"
    done
    for path in "$HOME_DIR"/incoming/piece/*; do
        [ -f "$path" ] && stat --printf "piece\t%s\t%n\n" -- "$path"
    done
    [ -d "$ROOT/var/lib/etcd/member" ] && fact kept /var/lib/etcd/member
    if [ -e "$HOME_DIR/lock" ] && ! flock -n -s "$HOME_DIR/lock" true 2>/dev/null; then
        fact busy "$(first "$HOME_DIR/lock")"
    fi
}

check() {
    if timeout 10 sh -c "$2" >/dev/null 2>&1 </dev/null; then fact check "1$T$1"; else fact check "0$T$1"; fi
}

printf 'kubeup-probe 1\n'
run_checks
machine
inotify
cgroups
network
tools
modules
docker_facts
firewalls
foreign
files
units
store
wait
printf 'tar\n'
{
    printf '%s\n' "$CONTENTS" | while IFS= read -r path; do
        [ -n "$path" ] && [ -f "$ROOT$path" ] && [ ! -L "$ROOT$path" ] && printf '%s\n' "${path#/}"
    done
    [ -f "$HOME_DIR/record" ] && printf '%s\n' var/lib/kubeup/record
} | sort -u | tar -cf - -C "$ROOT/" --no-recursion -T - 2>/dev/null
