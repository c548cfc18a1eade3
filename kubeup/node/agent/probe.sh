#!/bin/sh
# Asks a node everything in one trip, and touches nothing. It arrives on the standard input of `sh -s` behind a request
# (the variables FAMILIES, SLOW, FILES, CONTENTS, FOLDERS, UNITS, PORTS, the functions run_checks and run_asks) and what
# each family of facts asks (ask_NAME out of model/facts/NAME.sh). Answers one fact a line, fields separated by tabs;
# then the line "tar" and a tar of the contents asked for. GNU coreutils, procps and util-linux are assumed, as Debian and Ubuntu have them.
set -u
LC_ALL=C
PATH=${KUBEUP_PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
ROOT=${KUBEUP_ROOT:-}
HOME_DIR=$ROOT/var/lib/kubeup
# kubectl keeps what it learns of an API in a folder: in kubeup's own, not in root's home.
KUBECACHEDIR=$HOME_DIR/cache
export LC_ALL PATH KUBECACHEDIR
T=$(printf '\t')

# fact KIND VALUE...: a line of the answer. each KIND: every line of the input is one.
fact() {
    local IFS="$T"
    printf '%s\n' "$*"
}
each() { sed "s/^/$1$T/"; }
first() { IFS= read -r line <"$1" && printf '%s' "$line"; }
have() { command -v "$1" >/dev/null 2>&1; }

printf 'kubeup-probe 1\n'
# The standard input carries only its end, for whoever watches the line: nothing here may read it.
# What takes long goes on beside the rest, and its lines come behind the rest's, so that none is torn by another.
slowly() {
    for family in $SLOW; do "ask_$family"; done
    wait
}
slowly </dev/null | {
    for family in $FAMILIES; do "ask_$family" </dev/null; done
    cat
}
printf 'tar\n'
{
    printf '%s\n' "$CONTENTS" | while IFS= read -r path; do
        [ -n "$path" ] && [ -f "$ROOT$path" ] && [ ! -L "$ROOT$path" ] && printf '%s\n' "${path#/}"
    done
    [ -f "$HOME_DIR/record" ] && printf '%s\n' var/lib/kubeup/record
} | sort -u | tar -cf - -C "$ROOT/" --no-recursion -T -
# That is the last word: without the record, say, the machine would look like one that has none. 1 is a file that grew
# meanwhile, of which whole lines were read.
[ $? -le 1 ]
