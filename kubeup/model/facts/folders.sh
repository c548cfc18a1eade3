# shellcheck shell=sh
# shellcheck disable=SC2154
# ROOT, HOME_DIR, FOLDERS and the helpers are those of node/agent/probe.sh.
ask_folders() {
    local path entry
    [ "$(stat -f -c %T "$HOME_DIR/containerd/io.containerd.snapshotter.v1.zfs" 2>/dev/null)" != zfs ] || fact zfs yes
    printf '%s\n' "$FOLDERS" | while IFS= read -r path; do
        [ -n "$path" ] && [ -d "$ROOT$path" ] || continue
        ! grep -qs "^own$T$path$T" "$HOME_DIR/record" || continue
        # What a file system brings, and disks that are mounted there, are in nobody's way.
        find "$ROOT$path/" -mindepth 1 -maxdepth 1 ! -name lost+found 2>/dev/null | head -n 50 | while IFS= read -r entry; do
            mountpoint -q "$entry" || fact inside "$path" "${entry##*/}"
        done
    done
}
