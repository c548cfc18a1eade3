# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154
# ROOT, HOME_DIR and the helpers are those of node/agent/probe.sh.
# docker_root: where it keeps its data, for disks.sh, too.
docker_root=/var/lib/docker
ask_docker() {
    local info names
    if have docker && [ "$(systemctl is-active docker.service 2>/dev/null)" = active ]; then
        fact docker_running yes
        # One question; Go templates say just what is needed.
        info=$(timeout 5 docker info --format '{{.ServerVersion}} {{.CgroupDriver}} {{.DockerRootDir}} {{json .DriverStatus}}' 2>/dev/null)
        fact docker_info "$info"
        # shellcheck disable=SC2086
        set -- $info
        case ${3:-} in /*) docker_root=$3 ;; esac
        # Of one that does not answer, containers may run.
        names=$(timeout 5 docker ps --format '{{if not (.Label "io.kubernetes.pod.uid")}}{{.Names}}{{end}}' 2>/dev/null) ||
            names='(docker ps did not answer)'
        printf '%s\n' "$names" | grep . | each docker_container
    elif have dockerd; then
        dockerd --version 2>/dev/null | each dockerd_version
    fi
    if [ -e /snap/bin/docker ]; then fact docker_source snap; fi
    docker_unit | each docker_unit
}

# What Docker's unit and its drop-ins say without kubeup's own, with lines that go on joined.
docker_unit() {
    local found path
    found=$(systemctl show --property=FragmentPath,DropInPaths docker.service 2>/dev/null)
    for path in $(printf '%s\n' "$found" | sed -n 's/^FragmentPath=//p') $(printf '%s\n' "$found" | sed -n 's/^DropInPaths=//p'); do
        case $path in */docker.service.d/kubeup.conf) continue ;; esac
        tr '\t' ' ' <"$path" 2>/dev/null | sed -e ':more' -e '/\\$/{' -e 'N' -e 's/\\\n/ /' -e 'b more' -e '}' |
            sed -n '/^ *\(ExecStart\|Environment\|EnvironmentFile\) *=/p'
    done
}
