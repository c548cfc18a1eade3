#!/bin/sh
# Boots one lab node: $1 its folder, $2 its name, $3 its network namespace, $4 the name of its cgroups.
# Runs in a mount namespace of its own, so that nothing of it is seen on this machine.
set -eu
folder=$1
name=$2
netns=$3
group=$4
root=$folder/root
mount --make-rprivate /
mkdir -p "$root"
mount -t overlay overlay -o "lowerdir=$folder/base,upperdir=$folder/upper,workdir=$folder/work" "$root"
binds=
# Overlay on overlay does not work: what container runtimes keep lies on this machine's own disk.
for path in var/lib/docker var/lib/containerd var/lib/kubelet var/lib/kubeup; do
    mkdir -p "$folder/data/$path"
    binds="$binds --bind=$folder/data/$path:/$path"
done
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
    # cgroup v1: a fresh group in every hierarchy, entered before systemd-nspawn starts.
    for hierarchy in /sys/fs/cgroup/*/; do
        [ -e "${hierarchy}cgroup.procs" ] || continue
        mkdir -p "$hierarchy$group"
        if [ -e "$hierarchy$group/cpuset.cpus" ]; then
            cat "${hierarchy}cpuset.cpus" >"$hierarchy$group/cpuset.cpus"
            cat "${hierarchy}cpuset.mems" >"$hierarchy$group/cpuset.mems"
        fi
        if [ -e "$hierarchy$group/memory.use_hierarchy" ]; then
            echo 1 >"$hierarchy$group/memory.use_hierarchy" 2>/dev/null || true
        fi
        echo $$ >"$hierarchy$group/cgroup.procs"
    done
fi
export SYSTEMD_NSPAWN_API_VFS_WRITABLE=1 SYSTEMD_NSPAWN_USE_CGNS=1
# SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE is for the node's systemd: 256 and later refuse cgroup v1 without it.
# shellcheck disable=SC2086
exec systemd-nspawn --quiet --register=no --keep-unit --machine="$group" --hostname="$name" -D "$root" \
    --network-namespace-path="/run/netns/$netns" --capability=all --private-users=no --resolv-conf=off --timezone=off \
    --system-call-filter='@keyring bpf add_key keyctl @mount @module' --bind=/dev/kmsg --bind=/dev/net/tun \
    --property=DeviceAllow='a *:* rwm' $binds --boot SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1
