# shellcheck shell=sh
# shellcheck disable=SC2154
# ROOT, HOME_DIR and the helpers are those of node/agent/probe.sh.
ask_hardware() {
    fact cpus "$(grep -c '^processor' /proc/cpuinfo)"
    grep -E '^(MemTotal|SwapTotal):' /proc/meminfo | each meminfo
    # Only of a node that is new to kubeup: every open file is looked at.
    [ ! -f "$HOME_DIR/record" ] || return 0
    fact inotify_limit "$(cat /proc/sys/fs/inotify/max_user_instances)"
    fact inotify_used "$(find /proc/[0-9]*/fd -user 0 -lname anon_inode:inotify 2>/dev/null | wc -l)"
}
