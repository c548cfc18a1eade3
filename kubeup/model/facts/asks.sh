# shellcheck shell=sh
# shellcheck disable=SC2154
# ROOT, HOME_DIR and the helpers are those of node/agent/probe.sh.

# What is asked aloud: the answer counts, not only whether it is yes. More than this is not read, and then the mark at
# the end is missing, as with an answer that broke off.
ANSWER_BYTES=1000000

# ask ID COMMAND: each line of its output; last of all "end" and its exit status. What it complains of goes apart, for
# people. Line by line, since others write into the same pipe: what is shorter than 4096 bytes arrives in one piece.
ask() {
    {
        {
            timeout -k 1 10 sh -c "$2" 3>&- 4>&- </dev/null
            printf '\nend %s\n' "$?"
        } 2>&1 >&3 3>&- | tail -n 3 | while IFS= read -r line; do fact complained "$1" "$line"; done >&4
    } 3>&1 | head -c "$ANSWER_BYTES" | while IFS= read -r line; do fact said "$1" "$line"; done
} 4>&1

ask_asks() { run_asks; }
