# On a machine whose etcd has no data while others live: its member is added, as a learner, and what etcd begins with is
# written to JOINED. Sent with NAME, URL (of peers), JOINED, SECONDS_OF_HEALTH and a function ctl, which asks the others.
# What an earlier run began is gone on with.
# A line of `member list` is: ID, started|unstarted, NAME, PEER URLS, CLIENT URLS, true|false (whether it is a learner).
# shellcheck shell=sh
# shellcheck disable=SC2154
fail() {
    echo "$1" | tail -n 4 >&2
    exit 1
}
now() { cut -d . -f 1 /proc/uptime; }
[ ! -d /var/lib/etcd/member ] || exit 0
said=$(ctl member list 2>&1) || fail "$said"
mine=$(echo "$said" | grep -F ", $URL, " | head -n 1)
case $mine in
*', started, '*)
    echo "the member ${mine%%,*}, whose data are gone, is taken out"
    said=$(ctl member remove "${mine%%,*}" 2>&1) || fail "$said"
    mine=
    ;;
esac
end=$(($(now) + SECONDS_OF_HEALTH))
if [ -z "$mine" ]; then
    until said=$(ctl endpoint health --cluster 2>&1); do
        [ "$(now)" -lt "$end" ] ||
            fail "no member is added while one is not healthy: $(echo "$said" | grep -v ' is healthy: ')"
        sleep 0.5
    done
    until said=$(ctl member add "$NAME" --learner "--peer-urls=$URL" 2>&1); do
        [ "$(now)" -lt "$end" ] || fail "$said"
        sleep 0.5
    done
fi
said=$(ctl member list 2>&1) || fail "$said"
# One that never started has no name yet, and needs some.
members=$(echo "$said" | awk -F ', ' -v url="$URL" -v name="$NAME" '
    { printf "%s%s=%s", comma, ($4 == url ? name : $3 ? $3 : $1), $4; comma = "," }')
printf 'ETCD_INITIAL_CLUSTER=%s\nETCD_INITIAL_CLUSTER_STATE=existing\n' "$members" >"$JOINED.new" &&
    sync "$JOINED.new" && mv "$JOINED.new" "$JOINED"
