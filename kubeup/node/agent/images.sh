# What images this node has; the operator's half puts `runtime=containerd` or `runtime=docker` before it.
# Replies, one a line: image NAME ID (ID of its config, or of whatever the runtime calls it), blob SHA256 of what is in
# containerd's content store, layers "sha256:A sha256:B ..." of an image of Docker's, lowest first, store containerd where
# Docker keeps images in containerd's way (its default from 29 on): there an ID is that of a manifest, and what each says
# comes with it, manifest SHA256 BASE64.
# shellcheck shell=sh
# shellcheck disable=SC2154
T=$(printf '\t')
ctr() { /opt/kubeup/bin/ctr --address=/run/kube-containerd/containerd.sock --namespace=k8s.io "$@"; }

containerd_images() {
    contents=$(ctr content ls -q) && images=$(ctr images ls) || return 1
    echo "$contents" | sed -n "s/^sha256:/blob$T/p"
    echo "$images" | awk -v OFS='\t' '
        NR == 1 { next }
        { for (i = 2; i <= NF; i++) if ($i ~ /^sha256:/) { digest = $i; break } }
        $1 ~ /^sha256:/ { id[digest] = $1; next }
        { names[$1] = digest }
        END { for (name in names) print "image", name, (names[name] in id) ? id[names[name]] : names[name] }'
}

# moby COMMAND...: of the containerd that Docker works with, its own or the machine's.
moby() {
    for socket in /run/docker/containerd/containerd.sock /run/containerd/containerd.sock; do
        if [ -S "$socket" ]; then command ctr --address="$socket" --namespace=moby "$@" 2>/dev/null; return; fi
    done
}
manifest() { printf 'manifest\t%s\t%s\n' "$1" "$(moby content get "$1" | base64 -w 0)"; }

docker_contents() {
    echo "store${T}containerd"
    # Without ctr all layers are sent; that is slower, and no more.
    moby content ls -q | sed "s/^sha256:/blob$T/"
    for id in $1; do
        manifest "$id"
        # An index names a manifest for each architecture; those that are here.
        for one in $(moby content get "$id" | grep -q '"manifests"' && moby content get "$id" | grep -o 'sha256:[0-9a-f]\{64\}'); do
            manifest "$one"
        done
    done
}

docker_images() {
    ids=$(docker image ls -q --no-trunc) && driver=$(docker info --format '{{json .DriverStatus}}') || return 1
    ids=$(echo "$ids" | sort -u)
    case $driver in *io.containerd.snapshotter*) docker_contents "$ids" ;; esac
    [ -n "$ids" ] || return 0
    # shellcheck disable=SC2086
    docker image inspect --format '{{$id := .Id}}{{range .RepoTags}}image	{{.}}	{{$id}}
{{end}}layers	{{range .RootFS.Layers}}{{.}} {{end}}' $ids
}

if [ "$runtime" = containerd ]; then
    ctr version >/dev/null 2>&1 || { echo "dead$T$(systemctl is-active kube-containerd.service 2>/dev/null)"; exit 0; }
    containerd_images || exit 1
else
    docker version >/dev/null 2>&1 || { echo "dead$T$(systemctl is-active docker.service 2>/dev/null)"; exit 0; }
    docker_images || exit 1
fi
# Only now: an image of which nobody knows is not one that is missing.
echo 'done'
