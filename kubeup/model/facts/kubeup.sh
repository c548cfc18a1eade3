# shellcheck shell=sh
# shellcheck disable=SC2154
# ROOT, HOME_DIR and the helpers are those of node/agent/probe.sh.
ask_kubeup() {
    local path
    # Empty, it is what a `down` left that died right at its end, or a disk of its own that waits for kubeup.
    if find "$HOME_DIR/" -mindepth 1 -maxdepth 1 ! -name lost+found 2>/dev/null | grep -q . ||
        { [ -d "$HOME_DIR" ] && [ ! -L "$HOME_DIR" ] && ! mountpoint -q "$HOME_DIR"; }; then
        fact home yes
    fi
    for path in "$HOME_DIR"/store/*/*; do
        case $path in *.part/*) continue ;; esac
        [ -f "$path" ] && stat --printf '%s\t%n\n' -- "$path"
    done | each store
    for path in "$HOME_DIR"/incoming/piece/*; do
        [ -f "$path" ] && stat --printf '%s\t%n\n' -- "$path"
    done | each piece
    [ -d "$ROOT/var/lib/etcd/member" ] && fact kept /var/lib/etcd/member
    if [ -e "$HOME_DIR/lock" ] && ! flock -n -s "$HOME_DIR/lock" true 2>/dev/null; then
        fact busy "$(first "$HOME_DIR/lock")"
    fi
    foreign
}

# Signs of a cluster that is not kubeup's.
foreign() {
    local path
    for path in /etc/rancher/k3s /etc/rancher/rke2 /var/lib/k0s /var/snap/microk8s; do
        [ -e "$ROOT$path" ] && fact foreign "$path"
    done
    for path in /etc/kubernetes/kubelet.conf /etc/kubernetes/admin.conf /etc/kubernetes/pki/ca.crt /etc/kubernetes/manifests/kube-apiserver.yaml; do
        [ -e "$ROOT$path" ] && ! grep -qs "^own$T$path$T" "$HOME_DIR/record" && fact foreign "$path"
    done
}
