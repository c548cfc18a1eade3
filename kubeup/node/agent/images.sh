# What images this node has; the operator's half puts `runtime=containerd` or `runtime=docker` before it.
# Replies, one a line: image NAME ID (ID of its config, or of whatever the runtime calls it), blob SHA256 of what is in
# containerd's content store, layers "sha256:A sha256:B ..." of an image of Docker's, lowest first, store NAME.
# shellcheck shell=sh
# shellcheck disable=SC2154
T=$(printf '\t')
ctr() { /opt/kubeup/bin/ctr --address=/run/kube-containerd/containerd.sock --namespace=k8s.io "$@"; }

containerd_images() {
    ctr content ls -q 2>/dev/null | sed "s/^sha256:/blob$T/"
    ctr images ls 2>/dev/null | awk -v OFS='\t' '
        NR == 1 { next }
        { for (i = 2; i <= NF; i++) if ($i ~ /^sha256:/) { digest = $i; break } }
        $1 ~ /^sha256:/ { id[digest] = $1; next }
        { names[$1] = digest }
        END { for (name in names) print "image", name, (names[name] in id) ? id[names[name]] : names[name] }'
}

docker_images() {
    docker info --format '{{json .DriverStatus}}' 2>/dev/null | grep -q io.containerd.snapshotter && echo "store${T}containerd"
    ids=$(docker image ls -q --no-trunc 2>/dev/null | sort -u)
    [ -n "$ids" ] || return 0
    # shellcheck disable=SC2086
    docker image inspect --format '{{$id := .Id}}{{range .RepoTags}}image	{{.}}	{{$id}}
{{end}}layers	{{range .RootFS.Layers}}{{.}} {{end}}' $ids 2>/dev/null
}

if [ "$runtime" = containerd ]; then
    ctr version >/dev/null 2>&1 || { echo "dead$T$(systemctl is-active kube-containerd.service 2>/dev/null)"; exit 0; }
    containerd_images
else
    docker version >/dev/null 2>&1 || { echo "dead$T$(systemctl is-active docker.service 2>/dev/null)"; exit 0; }
    docker_images
fi
echo 'done'
