# shellcheck shell=sh
# shellcheck disable=SC2154
# ROOT, HOME_DIR and the helpers are those of node/agent/probe.sh.
ask_files() {
    local every oldifs count path
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
    count=$#
    while [ "$count" -gt 0 ]; do
        path=$1
        shift
        count=$((count - 1))
        if [ -e "$ROOT$path" ] || [ -L "$ROOT$path" ]; then set -- "$@" "$ROOT$path"; fi
    done
    [ $# -gt 0 ] || return 0
    stat --printf '%F\t%a\t%U:%G\t%s\t%n\n' -- "$@" 2>/dev/null | each file
    for path in "$@"; do
        [ -L "$path" ] || continue
        fact target "$(readlink "$path")" "$path"
        [ ! -d "$path" ] || fact link_to_folder "$path"
    done
    for path in "$@"; do
        [ ! -L "$path" ] && [ -f "$path" ] && printf '%s\0' "$path"
    done | xargs -0 -r sha256sum -- | each sha256sum
}

# paths: those asked for, and those the record owns, each once.
paths() {
    {
        printf '%s\n' "$FILES"
        [ -f "$HOME_DIR/record" ] && awk -F '\t' '$1 == "own" { print $2 }' "$HOME_DIR/record"
    } | awk 'NF && !seen[$0]++'
}
