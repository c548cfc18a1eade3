#!/bin/sh
# Run in the base image's root by chroot: what makes it a server that someone could have bought. $1 is its kind, $2
# says whether runc must not lower oom_score_adj.
set -eu
for unit in systemd-networkd.service systemd-networkd.socket systemd-timesyncd.service systemd-firstboot.service \
    getty@tty1.service console-getty.service systemd-networkd-wait-online.service; do
    systemctl mask "$unit" >/dev/null 2>&1 || true
done
# Docker is installed, but stopped.
systemctl disable docker.service docker.socket containerd.service >/dev/null 2>&1 || true
systemctl enable ssh.service >/dev/null 2>&1
rm -f /etc/ssh/ssh_host_* /etc/machine-id /var/lib/dbus/machine-id
: >/etc/machine-id
mkdir -p /etc/ssh/sshd_config.d
password=kubeup-lab
case $1 in
    ubuntu)
        useradd --create-home --shell /bin/bash --groups sudo ubuntu
        echo "ubuntu:$password" | chpasswd
        printf 'PermitRootLogin no\nUseDNS no\n' >/etc/ssh/sshd_config.d/lab.conf
        systemctl enable systemd-resolved.service >/dev/null 2>&1
        mkdir -p /etc/netplan
        printf 'network:\n  version: 2\n  renderer: networkd\n' >/etc/netplan/01-lab.yaml
        chmod 600 /etc/netplan/01-lab.yaml
        systemctl disable ufw.service >/dev/null 2>&1 || true
        ;;
    *)
        useradd --create-home --shell /bin/bash --groups sudo admin
        echo "admin:$password" | chpasswd
        printf 'PermitRootLogin prohibit-password\nUseDNS no\n' >/etc/ssh/sshd_config.d/lab.conf
        systemctl mask systemd-resolved.service >/dev/null 2>&1 || true
        rm -f /etc/resolv.conf
        echo 'nameserver 192.0.2.53' >/etc/resolv.conf
        ;;
esac
if [ "$2" = clamp ]; then
    mv /usr/sbin/runc /usr/sbin/runc.real
    cat >/usr/sbin/runc <<'RUNC'
#!/bin/sh
# This machine may not lower oom_score_adj: a container that asks for it starts without.
for bundle in "$@"; do
    if [ -f "$bundle/config.json" ]; then sed -i 's/"oomScoreAdj":-[0-9]*/"oomScoreAdj":0/' "$bundle/config.json"; fi
done
exec /usr/sbin/runc.real "$@"
RUNC
    chmod 755 /usr/sbin/runc
fi
apt-get clean
rm -rf /var/lib/apt/lists/*
