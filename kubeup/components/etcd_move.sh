# On a machine whose address is another one now: the members are told by which URL its own is reached, before it listens
# there. Sent with ID, URL (of peers), ALONE (yes where there is no other member) and a function ctl, which asks the others.
# shellcheck shell=sh
# shellcheck disable=SC2154
for _ in $(seq 1 30); do
    if list=$(ctl member list 2>&1); then
        case $(echo "$list" | grep "^$ID, ") in *", $URL, "*) exit 0 ;; esac
        said=$(ctl member update "$ID" "--peer-urls=$URL" 2>&1) && exit 0
    else
        said=$list
        # It cannot start at its old address any more, and nobody else wants to know.
        [ "$ALONE" = no ] || exit 0
    fi
    sleep 1
done
echo "$said" | tail -n 4 >&2
exit 1
