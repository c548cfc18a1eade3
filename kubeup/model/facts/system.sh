# shellcheck shell=sh
# shellcheck disable=SC2154
# ROOT, HOME_DIR and the helpers are those of node/agent/probe.sh.
ask_system() {
    fact uname "$(uname -nrm)"
    fact uid "$(id -u)"
    [ -r "$ROOT/etc/os-release" ] && grep -E '^(ID|VERSION_ID|PRETTY_NAME)=' "$ROOT/etc/os-release" | each os_release
    [ -r "$ROOT/etc/machine-id" ] && fact machine_id "$(first "$ROOT/etc/machine-id")"
    fact init "$(first /proc/1/comm)"
    fact clock "$(date +%s.%N)"
    if [ -e /run/systemd/timesync/synchronized ]; then fact synchronized yes; fi
}
