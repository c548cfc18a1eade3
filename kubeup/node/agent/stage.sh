# shellcheck shell=sh
# Bytes that arrive, sourced by apply.sh: small files wait in the stage until they are put, binaries are put together
# from their pieces in the store, each below its sha256; or the node downloads them by itself.
# shellcheck disable=SC2154
# The variables of apply.sh:
: "$HOME_DIR" "$STORE" "$STAGE" "$TAB" "$here"
# Sites that were not reached in this trip.
dead=
# The process that brings the pieces to the disk.
flushing=

# stage-file SHA: bytes of a file to be put by a later trip.
do_stage_file() {
    [ -f "$STAGE/$1" ] || { quietly mkdir -p "$STAGE" && quietly mv "blob/$1" "$STAGE/$1"; } ||
        fail "cannot stage (is the disk full?)"
}

# store-binary SHA NAME: puts together the pieces that arrived, and takes them in if they are what they should be.
do_store_binary() {
    local got
    [ -f "$STORE/$1/$2" ] && return 0
    # All pieces find their way to the disk while they are hashed one by one.
    [ -n "$flushing" ] || { sync piece/* 9>&- >/dev/null 2>&1 & flushing=$!; }
    quietly mkdir -p "$STORE/$1.part" || fail "cannot make $STORE/$1.part"
    join "$1" "$STORE/$1.part/$2" || fail "cannot store $2 (is the disk full?)"
    got=$(sha256sum <"$STORE/$1.part/$2" | cut -d ' ' -f 1)
    [ "$got" = "$1" ] || {
        rm -rf "$STORE/$1.part" piece/"$1".*
        fail "$2 did not arrive whole: its sha256 is $got, expected $1"
    }
    quietly chmod 755 "$STORE" "$STORE/$1.part" "$STORE/$1.part/$2" && quietly chmod 711 "$HOME_DIR" &&
        quietly sync "$STORE/$1.part/$2" && quietly mv -T "$STORE/$1.part" "$STORE/$1" ||
        fail "cannot store $2 (is the disk full?)"
    rm -f piece/"$1".*
}

# join SHA PATH: the pieces in one file. Names end in zero-padded offsets: their order is that of the bytes.
join() {
    if [ -e "piece/$1.gz.000000000000" ]; then
        cat piece/"$1".gz.* | gzip -dc >"$2" 2>"$here/output" || {
            # Bytes of another packing would be in the way of every later try; those that found no room would not.
            grep -qi 'no space left' "$here/output" || rm -f piece/"$1".gz.*
            return 1
        }
    elif [ "$(echo piece/"$1".*)" = "piece/$1.000000000000" ]; then
        # It came in one piece, and need not be written twice.
        quietly mv -T "piece/$1.000000000000" "$2"
    else
        cat piece/"$1".* >"$2" 2>"$here/output"
    fi
}

# download-through HTTP HTTPS NO_PROXY: the profile's proxy takes the place of the machine's own.
do_download_through() {
    own_http=${1#-}
    own_https=${2#-}
    own_no=${3#-}
}

# via_own_proxy COMMAND...: with the proxy that the machine has for its own downloads, see remote_commands.py.
via_own_proxy() { http_proxy=${own_http:-} https_proxy=${own_https:-} no_proxy=${own_no:-} "$@"; }

# unpack ARCHIVE MEMBER PATH URL: all that the trip wants of an archive comes out of it in one pass, with its first member.
unpack() {
    local found
    found=unpack/${1##*/}
    if [ ! -f "$found/$2" ]; then
        rm -rf "$found"
        quietly mkdir -p "$found" || fail "cannot make room for $4 (is the disk full?)"
        awk -F '\t' -v sum="${1##*/}" '$1 == "download-binary" && $5 == sum { print $6 }' steps >"$found.members"
        quietly tar -xf "$1" -C "$found" --no-same-owner --verbatim-files-from -T "$here/$found.members" ||
            grep -q 'Not found in archive' "$here/output" || {
            rm -rf "$found"
            fail "cannot unpack $2 of $4 (is the disk full?)"
        }
    fi
    [ -f "$found/$2" ] && [ ! -L "$found/$2" ] || fail "$4 has no member $2"
    quietly mv -T "$found/$2" "$3" || fail "cannot keep $2 of $4"
}

# download-binary SHA NAME URL SUM MEMBER: the node fetches by itself; what it cannot get is noted, and pushed later.
do_download_binary() {
    local site got
    [ -f "$STORE/$1/$2" ] && return 0
    quietly mkdir -p download piece || fail "cannot make room for downloads (is the disk full?)"
    if command -v curl >/dev/null; then
        # shellcheck disable=SC2317,SC2329
        fetch() { via_own_proxy curl -fsSL --connect-timeout 5 --retry 1 --max-time 900 -o "$2" "$1"; }
    elif command -v wget >/dev/null; then
        # shellcheck disable=SC2317,SC2329
        fetch() { via_own_proxy wget -q -T 10 -t 2 -O "$2" "$1"; }
    else
        say "note${TAB}missing$TAB$1${TAB}no curl or wget"
        return 0
    fi
    site=${3#*://}
    site=${site%%/*}
    case " $dead " in *" $site "*) say "note${TAB}missing$TAB$1$TAB$site was not reached" && return 0 ;; esac
    if [ ! -f "download/$4" ]; then
        alive quietly fetch "$3" "download/$4.part" || {
            # A site that was not there is asked once, not once a binary.
            dead="$dead $site"
            say "note${TAB}missing$TAB$1$TAB$(tail -n 1 output)"
            return 0
        }
        got=$(sha256sum <"download/$4.part" | cut -d ' ' -f 1)
        [ "$got" = "$4" ] || fail "$3 has sha256 $got, expected $4"
        quietly mv "download/$4.part" "download/$4" || fail "cannot keep $3"
    fi
    rm -f piece/"$1".*
    if [ "$5" = - ]; then
        quietly mv "download/$4" "piece/$1.000000000000" || fail "cannot keep $3"
    else
        unpack "download/$4" "$5" "piece/$1.000000000000" "$3"
    fi
    do_store_binary "$1" "$2"
    say "note${TAB}downloaded$TAB$1"
}
