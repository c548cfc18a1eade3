#!/bin/sh
# Makes a base image out of another one: $1 its folder, which is not there yet, $2 the other one, $3 a script to run in
# it, $4 a folder with packages for it.
# Runs in mount, process and network namespaces of its own: whatever it mounts and starts ends with it.
set -eu
cp -a --reflink=auto "$2" "$1"
cp "$3" "$1/customize.sh"
cp -r "$4" "$1/debs"
mount -t proc proc "$1/proc"
chroot "$1" sh /customize.sh >"$1.log" 2>&1 </dev/null || {
    tail -n 12 "$1.log" >&2
    exit 1
}
umount "$1/proc"
rm -r "$1/customize.sh" "$1/debs" "$1.log"
sync -f "$1"
