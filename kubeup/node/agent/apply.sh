#!/bin/sh
# One trip to a node: carries out the lines of ./steps, in order, and stops at the first that fails.
# It runs as root in /var/lib/kubeup/incoming, where the trip's tar stream was unpacked, and holds the node's lock.
# Fields are separated by tabs, an empty one is "-". What a line needs of bytes lies in ./blob under its sha256.
# GNU coreutils, findutils and tar and util-linux are assumed, as Debian and Ubuntu have them; of the shell, `local`.
# Replies, one a line: step, out (output of a failed step), note, failed, done.
set -u
LC_ALL=C
PATH=${KUBEUP_PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}
umask 022
ROOT=${KUBEUP_ROOT:-}
HOME_DIR=$ROOT/var/lib/kubeup
RECORD=$HOME_DIR/record
STAGE=$HOME_DIR/stage
STORE=$HOME_DIR/store
# kubectl keeps what it learns of an API in a folder: in kubeup's own, not in root's home.
KUBECACHEDIR=$HOME_DIR/cache
export LC_ALL PATH KUBECACHEDIR
ORIGINAL=$HOME_DIR/original
# How the record is written: model/facts/record.py reads this format and those before.
FORMAT=2
TAB=$(printf '\t')
here=$(pwd)
# shellcheck source=kubeup/node/agent/stage.sh
. ./stage.sh
# shellcheck source=kubeup/node/agent/undo.sh
. ./undo.sh

say() { printf '%s\n' "$*" || exit 1; }

# fail REASON: the step's output, then the reason, then the end.
fail() {
    [ -s "$here/output" ] && tail -n 40 "$here/output" | sed "s/^/out$TAB/"
    say "failed$TAB$*"
    exit 1
}

# quietly COMMAND...: run it, keep what it prints for fail.
# What it starts does not hold the node's lock.
quietly() { "$@" >"$here/output" 2>&1 </dev/null 9>&-; }

# alive COMMAND...: however long it is at work, the operator sees that this machine lives.
alive() {
    local beat status
    # Its last sleep outlives it, and must keep no disk from being unmounted.
    { cd / && while kill -0 $$ && say wait; do sleep 2 >/dev/null 2>&1 3>&-; done; } 9>&- &
    beat=$!
    "$@"
    status=$?
    kill "$beat" 2>/dev/null
    return "$status"
}

# remember KIND KEY VALUE...: a line of the record; the last of a kind and key counts.
remember() {
    local line field
    line=$1
    shift
    for field in "$@"; do line=$line$TAB$field; done
    printf '%s\n' "$line" >>"$RECORD" || fail "the record $RECORD could not be written"
}

# recorded KIND KEY: the rest of the last such line, or nothing.
recorded() {
    [ -f "$RECORD" ] || return 0
    awk -F '\t' -v kind="$1" -v key="$2" '$1 == kind && $2 == key { line = $0 }
        END { if (line != "") { sub(/^[^\t]*\t[^\t]*\t/, "", line); if (line != "-") print line } }' "$RECORD"
}

# value PATH: what a unit that reads this path reads, in one word: a hash, or a link's target.
value() {
    if [ -L "$ROOT$1" ]; then
        readlink "$ROOT$1"
    elif [ -f "$ROOT$1" ]; then
        sha256sum <"$ROOT$1" | cut -d ' ' -f 1
    fi
}

# keep_original PATH: before its first change, for what is not in the record is not kubeup's yet. Prints yes if
# something was there. Its folder may have been closed to others: they do not get to read the copy.
keep_original() {
    local owned
    owned=$(recorded own "$1")
    if [ -n "$owned" ]; then
        printf '%s' "$owned" | cut -f 3
    elif is_of_store "$1"; then
        echo no
    elif [ -e "$ROOT$1" ] || [ -L "$ROOT$1" ]; then
        (umask 077 && mkdir -p "$ORIGINAL${1%/*}") || return 1
        rm -rf "$ORIGINAL$1.part"
        cp -a "$ROOT$1" "$ORIGINAL$1.part" && { [ -L "$ROOT$1" ] || sync "$ORIGINAL$1.part"; } &&
            mv -fT "$ORIGINAL$1.part" "$ORIGINAL$1" || return 1
        echo yes
    else
        echo no
    fi
}

# is_of_store PATH: a link of kubeup's whose line in the record did not reach the disk when the power failed.
is_of_store() { case $(readlink "$ROOT$1") in /var/lib/kubeup/store/*) return 0 ;; *) return 1 ;; esac; }

do_expect_generation() {
    local now by at
    now=$(recorded meta generation)
    [ "${now:-0}" = "$1" ] || {
        by=$(recorded meta operator)
        at=$(recorded meta time)
        fail "changed meanwhile by ${by:-someone} at ${at:-an unknown time} (generation ${now:-0}, planned on $1)"
    }
}

# gate SHA SECONDS WORDS: until the check succeeds. It comes before anything is written; WORDS say why it did not.
do_gate() {
    local begin
    begin=$(uptime_seconds)
    until quietly timeout 30 sh "blob/$1"; do
        [ $(($(uptime_seconds) - begin)) -lt "$2" ] || fail "$3"
        say "live$TAB$(head -n 1 "$here/output")"
        sleep 0.2
    done
}

# set-generation NUMBER OPERATOR: the first line that a trip writes.
do_set_generation() {
    bring_up_record
    remember meta generation "$1"
    remember meta operator "$2"
    remember meta time "$(date -u +%Y-%m-%dT%H:%M:%SZ)"
}

# bring_up_record: to the format of today, all at once. Format 1 had no number, and other words.
bring_up_record() {
    local format
    format=$(recorded meta format)
    [ "$format" != "$FORMAT" ] || return 0
    [ -z "$format" ] || fail "a newer kubeup wrote the record (format $format, here $FORMAT): use that one"
    {
        [ ! -f "$RECORD" ] || awk -F '\t' -v OFS='\t' '
            $1 == "trace" { $1 = "side-effect" }
            $1 == "meta" && $2 == "roles" { sub(/master/, "control-plane", $3); sub(/node/, "worker", $3) }
            { print }' "$RECORD" &&
            printf 'meta\tformat\t%s\n' "$FORMAT"
    } >"$RECORD.new" && sync "$RECORD.new" && mv "$RECORD.new" "$RECORD" || fail "the record $RECORD could not be written"
}

do_set_meta() { remember meta "$1" "$2"; }

# create-directory PATH MODE OWNER dir|tree keep|-
do_create_directory() {
    local had owned
    had=no
    [ -d "$ROOT$1" ] && had=yes
    owned=$(recorded own "$1")
    [ -z "$owned" ] || had=$(printf '%s' "$owned" | cut -f 3)
    # A folder that was there is used as it is, and is no business of down; of data, only an empty one will do.
    if [ "$had" = yes ] && [ "$4" = dir ]; then return 0; fi
    if [ "$had" = yes ] && [ -z "$owned" ]; then
        [ -z "$(things_in "$1")" ] || fail "$1 is not empty, and what is in it is not kubeup's"
        mounts_below "$1" | while read -r _ path; do remember mounted "$path" yes; done
    fi
    make_parents "${1%/*}"
    remember own "$1" "$4" "$2" "$had" "$5"
    quietly mkdir -p -m "$2" "$ROOT$1" || fail "cannot make $1"
    [ "$had" = no ] || return 0
    quietly chmod "$2" "$ROOT$1" && quietly chown "$3" "$ROOT$1" || fail "cannot set mode and owner of $1"
}

# things_in PATH: what lies there but for a file system's own, and disks that are mounted there.
things_in() {
    # shellcheck disable=SC2016
    find "$ROOT$1/" -mindepth 1 -maxdepth 1 ! -name lost+found \
        -exec sh -c 'for path; do mountpoint -q "$path" || echo "$path"; done' sh {} +
}

# make_parents PATH: missing folders above a file, recorded so that down removes them.
make_parents() {
    [ -z "$1" ] || [ -d "$ROOT$1" ] && return 0
    make_parents "${1%/*}"
    remember own "$1" dir 755 no -
    mkdir "$ROOT$1" 2>/dev/null || [ -d "$ROOT$1" ] || fail "cannot make the folder $1"
}

# write-file SHA PATH MODE OWNER keep|-
do_write_file() {
    local had new
    [ -f "$STAGE/$1" ] || fail "the staged bytes of $2 are missing"
    had=$(keep_original "$2") || fail "the original of $2 could not be kept"
    make_parents "${2%/*}"
    remember own "$2" file "$1" "$had" "$5"
    new=$ROOT$2.kubeup-new
    quietly cp "$STAGE/$1" "$new" && quietly chmod "$3" "$new" && quietly chown "$4" "$new" &&
        quietly sync "$RECORD" "$new" && quietly mv -fT "$new" "$ROOT$2" || {
        rm -f "$new"
        fail "cannot write $2 (is the disk full?)"
    }
}

# link-binary TARGET PATH
do_link_binary() {
    local had
    had=$(keep_original "$2") || fail "the original of $2 could not be kept"
    make_parents "${2%/*}"
    remember own "$2" link "$1" "$had" -
    quietly ln -sfn "$1" "$ROOT$2.kubeup-new" && quietly mv -fT "$ROOT$2.kubeup-new" "$ROOT$2" ||
        fail "cannot link $2"
}

# systemd_reload UNIT: only where systemd knows another text of it; what it never saw it reads by itself. Asked
# whether or not this trip wrote one: an earlier one may have, and was cut off.
systemd_reload() {
    case $(systemctl show -p LoadState -p NeedDaemonReload "$1" 2>/dev/null) in
        *LoadState=loaded*NeedDaemonReload=no* | *NeedDaemonReload=no*LoadState=loaded*) return 0 ;;
    esac
    quietly systemctl daemon-reload || fail "systemctl daemon-reload failed"
}

# start UNIT own|foreign start|restart|reload: without waiting for it. Restarted, it surely has read what is there now;
# only started, one that came up meanwhile runs on; reloaded, it reads its files again.
do_start() {
    if [ -z "$(recorded unit "$1")" ]; then
        remember unit "$1" "$(unit_before "$1" "$2")"
    fi
    # From here on the unit counts as not ready, whatever happens.
    remember ready "$1" -
    if [ "$2" = own ]; then
        quietly systemctl --no-reload enable "$1" || fail "systemctl enable $1 failed"
    fi
    systemd_reload "$1"
    case $3 in
        restart) old_processes="$old_processes $1=$(process_of "$1") " ;;
    esac
    case $3 in
        reload) quietly systemctl reload "$1" ;;
        *) quietly systemctl "$3" --no-block "$1" ;;
    esac || fail "systemctl $3 $1 failed"
}

# The processes that were told to make way, as UNIT=ID with blanks around: each may still answer for a while.
old_processes=

# process_of UNIT: systemd's name of the process that it started last.
process_of() { systemctl show --property=InvocationID --value "$1" 2>/dev/null; }

# is_old UNIT: what runs there is what a restart of this trip is to end. Its answers count for nothing.
is_old() {
    local id
    id=$(process_of "$1")
    case $old_processes in *" $1=$id "*) [ -n "$id" ] ;; *) return 1 ;; esac
}

unit_before() {
    if [ "$2" = own ]; then
        echo absent
    else
        echo "$(systemctl is-enabled "$1" 2>/dev/null) $(systemctl is-active "$1" 2>/dev/null)"
    fi
}

# uptime_seconds: a clock that is set meanwhile moves no wait.
uptime_seconds() {
    local seconds
    read -r seconds _ </proc/uptime
    echo "${seconds%.*}"
}

# await UNIT SHA-of-the-ready-command|- SECONDS PATHS...: until the unit works; then what it read is recorded.
do_await() {
    local unit check limit paths begin values path
    unit=$1
    check=$2
    limit=$3
    paths=$4
    begin=$(uptime_seconds)
    until unit_is_ready; do
        if [ $(($(uptime_seconds) - begin)) -ge "$limit" ]; then
            journal "$unit"
            ! is_old "$unit" || fail "$unit was not restarted within $limit s: the process of before still runs"
            fail "$unit did not become ready within $limit s"
        fi
        # The pipe to the operator is how a lost line is noticed.
        say "wait$TAB$unit"
        sleep 0.05
    done
    values=
    for path in $paths; do
        [ "$path" = - ] || values=$values$TAB$path=$(value "$path")
    done
    remember ready "$unit" "=$values"
}

unit_is_ready() {
    [ "$(systemctl is-active "$unit" 2>/dev/null)" = active ] && ! is_old "$unit" || return 1
    [ "$check" = - ] || timeout 10 sh "blob/$check" >"$here/output" 2>&1 </dev/null
}

journal() {
    {
        echo "the last lines of its journal (journalctl -u $1):"
        journalctl -u "$1" -n 20 --no-pager -o cat 2>/dev/null
    } >>"$here/output"
}

# run-action ID SHA-apply SHA-undo|- SECONDS
do_run_action() {
    mkdir -p "$HOME_DIR/undo"
    [ "$3" = - ] || cp "blob/$3" "$HOME_DIR/undo/$1.sh" || fail "cannot keep how it is undone (is the disk full?)"
    # One that fails half-way stays in the record, with its undo: nobody knows how far it came.
    remember action "$1" begun
    # What it has to say while it runs goes through descriptor 3 to the operator.
    alive quietly timeout "$4" sh "blob/$2" 3>&1 || fail "it did not succeed"
    remember action "$1" 'done'
}

# sweep: files that were being written when an earlier trip was cut off.
sweep() {
    awk -F '\t' '$1 == "own" { print $2 }' "$RECORD" | while read -r path; do
        [ ! -e "$ROOT$path.kubeup-new" ] && [ ! -L "$ROOT$path.kubeup-new" ] || rm -rf "$ROOT$path.kubeup-new"
    done
}

# compact: one line a kind and key, deleted ones gone.
compact() {
    awk -F '\t' '{ k = $1 FS $2; if (!(k in last)) order[n++] = k; last[k] = $0 }
        END { for (i = 0; i < n; i++) { split(last[order[i]], f, FS); if (f[3] != "-") print last[order[i]] } }' \
        "$RECORD" >"$RECORD.new" && sync "$RECORD.new" && mv "$RECORD.new" "$RECORD"
}

# run VERB FIELD...: the verbs are those of node/wire/payload.py.
run() {
    local verb
    verb=$1
    shift
    case $verb in
        expect-generation) do_expect_generation "$@" ;;
        gate) do_gate "$@" ;;
        set-generation) do_set_generation "$@" ;;
        set-meta) do_set_meta "$@" ;;
        create-directory) do_create_directory "$@" ;;
        stage-file) do_stage_file "$@" ;;
        write-file) do_write_file "$@" ;;
        store-binary) do_store_binary "$@" ;;
        download-through) do_download_through "$@" ;;
        download-binary) do_download_binary "$@" ;;
        link-binary) do_link_binary "$@" ;;
        start) do_start "$@" ;;
        await) do_await "$@" ;;
        stop) do_stop "$@" ;;
        run-action) do_run_action "$@" ;;
        undo) do_undo "$@" ;;
        record-baseline) do_record_baseline "$@" ;;
        revert-side-effect) do_revert_side_effect "$@" ;;
        restore-path) do_restore_path "$@" ;;
        delete-state) do_delete_state "$@" ;;
        *) fail "this node's half of kubeup does not know the step '$verb'" ;;
    esac
}

number=0
while IFS=$TAB read -r verb a b c d e; do
    number=$((number + 1))
    : >output
    say "step$TAB$number"
    run "$verb" "$a" "$b" "$c" "$d" "$e"
done <steps
docker_again
# Archives of which all that was wanted lies in the store.
rm -rf "$here/download" "$here/unpack"
if [ -d "$HOME_DIR" ] && [ -f "$RECORD" ]; then
    compact || fail "the record could not be compacted (is the disk full?)"
    sweep
fi
say "done$TAB$number"
