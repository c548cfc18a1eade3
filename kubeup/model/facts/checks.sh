# shellcheck shell=sh
# shellcheck disable=SC2154
# ROOT, HOME_DIR and the helpers are those of node/agent/probe.sh.

# check ID COMMAND: whether it succeeds; where not, the line "why: WORDS" that it may have printed.
check() {
    local said
    if said=$(timeout 10 sh -c "$2" 2>/dev/null); then
        fact check 1 "$1"
    else
        fact check 0 "$1" "$(printf '%s\n' "$said" | sed -n 's/^why: //p' | head -n 1 | cut -c 1-500)"
    fi
}

ask_checks() { run_checks; }
