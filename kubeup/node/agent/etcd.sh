# What a person does to this machine's member of etcd. The operator's half puts DO before it: "disarm" switches alarms off,
# "defrag" gives room back and waits until the member is well again. Says "BYTES BYTES" (before and after) for that, and
# "done" at its end.
# shellcheck shell=sh
# shellcheck disable=SC2154
pki=/etc/kubernetes/pki/etcd
ctl() {
    /opt/kubeup/bin/etcdctl --dial-timeout=2s "--cacert=$pki/ca.crt" "--cert=$pki/server.crt" \
        "--key=$pki/server.key" --endpoints=https://127.0.0.1:2379 "$@"
}
size() { stat -c %s /var/lib/etcd/member/snap/db; }
case $DO in
disarm) ctl --command-timeout=10s alarm disarm >&2 && echo 'done' ;;
defrag)
    before=$(size)
    ctl --command-timeout=600s defrag >&2 || exit 1
    for _ in $(seq 1 60); do
        ctl --command-timeout=5s endpoint health >/dev/null 2>&1 && {
            echo "$before $(size)"
            echo 'done'
            exit
        }
        sleep 0.5
    done
    echo 'it is not healthy again after 30 s' >&2
    exit 1
    ;;
esac
