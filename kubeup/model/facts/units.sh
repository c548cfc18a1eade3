# shellcheck shell=sh
# shellcheck disable=SC2154
# ROOT, HOME_DIR and the helpers are those of node/agent/probe.sh.
ask_units() {
    [ -n "$UNITS" ] || return 0
    # shellcheck disable=SC2086
    systemctl show --property=Id,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,DropInPaths $UNITS 2>/dev/null | each unit
}
