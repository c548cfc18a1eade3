# shellcheck shell=sh
# shellcheck disable=SC2154
# ROOT and the helpers are those of node/agent/probe.sh, docker_root is set in docker.sh.

# nearest PATH: what there is of it already; the rest will be on the same disk.
nearest() {
    local place="$ROOT$1"
    while [ -n "$place" ] && [ ! -e "$place" ]; do place=${place%/*}; done
    printf '%s/.' "$place"
}

# Where kubeup's programs, data and images are to lie.
ask_disks() {
    local folder
    set --
    for folder in /var/lib/kubeup /var/lib/kubelet /var/lib/containerd "$docker_root"; do
        fact disk_folder "$folder"
        set -- "$@" "$(nearest "$folder")"
    done
    # A network's disk that is gone may answer never.
    timeout 10 df -P -k -- "$@" 2>/dev/null | sed 1d | each disk
    for folder in /etc /opt /var/lib/kubeup; do
        # Of several that are mounted there the last one counts.
        fact mounted "$folder" "$(timeout 10 findmnt --noheadings --output TARGET,OPTIONS --target "$(nearest "$folder")" 2>/dev/null | tail -n 1)"
    done
}
