# shellcheck shell=sh
# shellcheck disable=SC2154
# ROOT, HOME_DIR and the helpers are those of node/agent/probe.sh.
ask_kernel() {
    grep '^CapBnd:' /proc/1/status | each capabilities
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        fact cgroup 2
        fact controllers "$(first /sys/fs/cgroup/cgroup.controllers)"
    else
        fact cgroup 1
        each cgroup_v1 </proc/cgroups
    fi
    grep -q overlay /proc/filesystems || modprobe -n overlay 2>/dev/null || fact missing_module overlay
    [ -e /proc/sys/net/bridge ] || modprobe -n br_netfilter 2>/dev/null || fact missing_module br_netfilter
    # Where it is built in, it has settings all the same.
    [ -e /sys/module/vxlan ] || ! have modprobe || modprobe -n vxlan 2>/dev/null || fact missing_module vxlan
    [ -e /dev/kmsg ] || fact no_kmsg yes
    [ -e /proc/sys/net/netfilter/nf_conntrack_max ] && [ ! -w /proc/sys/net/netfilter/nf_conntrack_max ] && fact conntrack_max readonly
    # Three lines of headings come first.
    [ -r /proc/net/ip_vs ] && sed 1,3d /proc/net/ip_vs | each ipvs
}
