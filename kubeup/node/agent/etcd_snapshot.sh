# A snapshot of this node's etcd member and the keys it needs: the line "kubeup-snapshot BYTES", then a tar of them.
# A member gives its data also where there is no quorum or no space left. What is not whole is not sent.
# shellcheck shell=sh
set -eu
# etcd gave nothing for so many fifths of a second: it will not give the rest.
PATIENCE=300
folder=$(mktemp -d "${KUBEUP_ROOT:-}/var/lib/kubeup/snapshot.XXXXXX")
trap 'rm -rf "$folder"' EXIT
p=/etc/kubernetes/pki
# Of a member that is not there etcdctl waits for long, so that is asked first.
bash -c 'exec 3<>/dev/tcp/127.0.0.1/2379' 2>/dev/null || {
    echo "nothing listens on 127.0.0.1:2379" >&2
    exit 1
}
/opt/kubeup/bin/etcdctl --endpoints=https://127.0.0.1:2379 --cacert=$p/etcd/ca.crt --cert=$p/etcd/server.crt \
    --key=$p/etcd/server.key snapshot save "$folder/etcd.db" >&2 &
saving=$!
size=
still=0
while kill -0 $saving 2>/dev/null; do
    now=$(du -s "$folder")
    still=$((still + 1))
    [ "$now" = "$size" ] || still=0
    size=$now
    [ $still -lt $PATIENCE ] || {
        kill $saving
        echo "etcd gave nothing for a minute" >&2
        exit 1
    }
    sleep 0.2
done
wait $saving
# It reads all of it, and fails where a page is not what it should be.
/opt/kubeup/bin/etcdutl snapshot status "$folder/etcd.db" >&2
echo "kubeup-snapshot $(stat -c %s "$folder/etcd.db")"
tar -cf - -C "$folder" etcd.db -C "${KUBEUP_ROOT:-/}" etc/kubernetes/pki
