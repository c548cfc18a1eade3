# Takes a member out of etcd, asked of this control-plane node's own member. The operator's half puts ID and DO before it:
# "check" only looks whether the others have a quorum without it. Says "done" where they have, and for "remove" once it is
# out, also where it was out already; else what is in the way.
# shellcheck shell=sh
# shellcheck disable=SC2154
pki=/etc/kubernetes/pki/etcd
ctl() {
    /opt/kubeup/bin/etcdctl --dial-timeout=2s --command-timeout=10s "--cacert=$pki/ca.crt" "--cert=$pki/server.crt" \
        "--key=$pki/server.key" "$@"
}
here=https://127.0.0.1:2379
# A line is: ID, started|unstarted, NAME, PEER URLS, CLIENT URLS, true|false (whether it is a learner).
list=$(ctl --endpoints=$here member list) || exit 1
line=$(echo "$list" | grep "^$ID, ")
[ -n "$line" ] || {
    echo 'done'
    exit
}
rest=$(echo "$list" | grep -v "^$ID, " | awk -F ', ' '$6 == "false" && $5 { print $5 }')
voters=$(echo "$list" | grep -v "^$ID, " | grep -c ', false$')
well=0
for url in $rest; do
    ctl "--endpoints=$url" endpoint health >/dev/null 2>&1 && well=$((well + 1))
done
case $line in
*', false')
    [ "$well" -gt $((voters / 2)) ] || {
        echo "of the $voters other members of etcd $well are healthy: without this one there would be no quorum" >&2
        exit 1
    }
    # An election later is one now; who leads hands over in a moment.
    # Of `endpoint status` the first word that is true or false says whether it leads, the next whether it is a learner.
    if [ "$DO" = remove ] && ctl --endpoints=$here endpoint status --cluster 2>/dev/null | grep ", $ID, " | grep -q ', true, false, '; then
        next=$(echo "$list" | grep -v "^$ID, " | grep ', started, .*, false$' | head -n 1)
        leader=$(echo "$line" | awk -F ', ' '{ print $5 }')
        ctl "--endpoints=$leader" move-leader "${next%%,*}" >&2 || echo "the lead was not handed over: an election follows" >&2
    fi
    ;;
esac
[ "$DO" != check ] || {
    echo 'done'
    exit
}
for _ in 1 2 3 4 5 6 7 8 9 10; do
    ctl --endpoints=$here member remove "$ID" >&2 && {
        echo 'done'
        exit
    }
    sleep 1
done
exit 1
