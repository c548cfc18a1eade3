#!/bin/sh
# Boots one lab node, and again whenever it reboots, until it is off: $1 its folder, $2 its name, $3 the name of its
# network namespace, cgroups and machine. Runs in a mount namespace of its own: nothing of it is seen on this machine.
set -eu

# cgroup v1: a fresh group named $1 in every hierarchy, entered by the process that becomes systemd-nspawn. The same,
# once, on v2 where this machine runs no systemd that could delegate one.
enter_group() {
    for hierarchy in /sys/fs/cgroup/ /sys/fs/cgroup/*/; do
        [ -e "${hierarchy}cgroup.procs" ] || continue
        top=$hierarchy$1
        if [ -e "${hierarchy}cgroup.controllers" ]; then
            tr ' ' '\n' <"${hierarchy}cgroup.controllers" | while read -r controller; do
                echo "+$controller" >"${hierarchy}cgroup.subtree_control" 2>/dev/null || true
            done
        fi
        mkdir -p "$top"
        if [ -e "$top/memory.use_hierarchy" ]; then
            echo 1 >"$top/memory.use_hierarchy" 2>/dev/null || true
        fi
        if [ -e "$top/cpuset.cpus" ] && [ ! -e "$top/cgroup.controllers" ]; then
            cat "${hierarchy}cpuset.cpus" >"$top/cpuset.cpus"
            cat "${hierarchy}cpuset.mems" >"$top/cpuset.mems"
        fi
        # 0: whoever writes it.
        echo 0 >"$top/cgroup.procs"
        [ ! -e /sys/fs/cgroup/cgroup.controllers ] || break
    done
}

# What an earlier boot of the node left in its groups is empty by now.
clear_group() {
    for top in "/sys/fs/cgroup/$1" /sys/fs/cgroup/*/"$1"; do
        [ ! -d "$top" ] || find "$top" -mindepth 1 -depth -type d -exec rmdir {} \; 2>/dev/null || true
    done
    tries=0
    while [ -d "/sys/fs/cgroup/system.slice/$1.scope" ] && [ $tries -lt 100 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
}

# Becomes systemd-nspawn; $1 to $3 as above. Ends with the script that started it: pdeathsig.
# SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE is for the node's systemd: 256 and later refuse cgroup v1 without it.
become_node() {
    folder=$1 name=$2 machine=$3
    set -- setpriv --pdeathsig KILL systemd-nspawn --quiet --settings=no --register=no --keep-unit \
        --machine="$machine" --hostname="$name" -D "$folder/root" --network-namespace-path="/run/netns/$machine" \
        --capability=all --private-users=no --resolv-conf=off --timezone=off --link-journal=no \
        --system-call-filter='@keyring bpf add_key keyctl @mount @module' --bind=/dev/kmsg --bind=/dev/net/tun
    # Overlay on overlay does not work: what container runtimes keep lies on this machine's own disk.
    for path in var/lib/docker var/lib/containerd var/lib/kubelet var/lib/kubeup; do
        mkdir -p "$folder/data/$path"
        set -- "$@" --bind="$folder/data/$path:/$path"
    done
    # kubeup finds its folder made here, and leaves the mount point as it found it.
    chmod 711 "$folder/data/var/lib/kubeup"
    set -- "$@" --boot SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1
    if [ -e /sys/fs/cgroup/cgroup.controllers ] && [ -d /run/systemd/system ]; then
        set -- systemd-run --quiet --scope --collect --unit="$machine" --property=Delegate=yes -- "$@"
    else
        enter_group "$machine"
    fi
    export SYSTEMD_NSPAWN_API_VFS_WRITABLE=1 SYSTEMD_NSPAWN_USE_CGNS=1
    exec "$@"
}

main() {
    # A line comes once this process is on record as the node's. If kubeup is killed before, none comes.
    read -r _ || exit 0
    exec </dev/null
    mkdir -p "$1/root"
    mount -t overlay overlay -o "lowerdir=$1/base,upperdir=$1/upper,workdir=$1/work" "$1/root"
    status=133
    # systemd-nspawn --keep-unit ends with 133 when the node asks for a reboot (systemd-nspawn(1)).
    while [ $status -eq 133 ]; do
        clear_group "$3"
        (become_node "$@") &
        status=0
        wait $! || status=$?
    done
    exit $status
}

# Read to its end before anything runs: this file may be replaced while the node is on.
main "$@"
