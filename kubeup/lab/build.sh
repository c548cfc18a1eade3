#!/bin/sh
# Builds a base image: $1 the folder, $2 Debian's suite, $3 the mirror, $4 its keyring, $5 packages, $6 the kind of
# node, $7 clamp or plain, $8 customize.sh, $9 a folder that keeps downloaded packages, ${10} the archive's components.
# Runs in mount and process namespaces of its own: whatever debootstrap mounts and starts ends with it.
set -eu
script=
# An older debootstrap does not know the suite's name; all recent ones are built alike.
family=sid
case ${10} in *universe*) family=gutsy ;; esac
[ -e "/usr/share/debootstrap/scripts/$2" ] || script=/usr/share/debootstrap/scripts/$family
# shellcheck disable=SC2086
debootstrap --variant=minbase --cache-dir="$9" --keyring="$4" --components="${10}" --include="$5" \
    "$2" "$1" "$3" $script >"$1.log" 2>&1 || {
    tail -n 12 "$1.log" >&2
    exit 1
}
cp "$8" "$1/customize.sh"
chroot "$1" sh /customize.sh "$6" "$7"
rm "$1/customize.sh" "$1.log"
sync -f "$1"
