#!/bin/sh
# Run in the base image's root by chroot: what makes it a server that someone could have bought. $1 is its kind, $2
# says whether runc must not lower oom_score_adj.
set -eu
# The network is the lab's to set up. Coldplugging would replay the events of this machine's devices.
for unit in systemd-networkd.service systemd-networkd.socket systemd-networkd-wait-online.service \
    systemd-timesyncd.service systemd-firstboot.service systemd-udev-trigger.service systemd-udev-settle.service \
    getty@tty1.service console-getty.service; do
    systemctl mask "$unit" >/dev/null 2>&1 || true
done
# Docker and haproxy are installed, but stopped; nothing starts by the clock.
systemctl disable haproxy.service docker.service docker.socket containerd.service apt-daily.timer \
    apt-daily-upgrade.timer \
    dpkg-db-backup.timer fstrim.timer e2scrub_all.timer >/dev/null 2>&1 || true
systemctl enable ssh.service >/dev/null 2>&1
# Kernel settings outside of the network are shared with this machine: not a node's to set as it boots.
for settings in /usr/lib/sysctl.d/*.conf; do
    if [ -f "$settings" ]; then sed -i -E '/^-?net[./]/!d' "$settings"; fi
done
rm -f /etc/ssh/ssh_host_* /etc/machine-id /var/lib/dbus/machine-id
: >/etc/machine-id
mkdir -p /etc/ssh/sshd_config.d
# PerSourcePenalties: sshd 9.8 and later shut out an address that connects often without logging in, as tests do.
printf 'UseDNS no\nPerSourcePenalties no\nMaxStartups 100\n' >/etc/ssh/sshd_config.d/lab.conf
password=kubeup-lab
case $1 in
    ubuntu)
        user='ubuntu'
        echo 'PermitRootLogin no' >>/etc/ssh/sshd_config.d/lab.conf
        systemctl enable systemd-resolved.service >/dev/null 2>&1
        ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
        mkdir -p /etc/netplan
        printf 'network:\n  version: 2\n  renderer: networkd\n' >/etc/netplan/01-lab.yaml
        chmod 600 /etc/netplan/01-lab.yaml
        systemctl disable ufw.service >/dev/null 2>&1 || true
        ;;
    *)
        user='admin'
        echo 'PermitRootLogin prohibit-password' >>/etc/ssh/sshd_config.d/lab.conf
        rm -f /etc/resolv.conf
        ;;
esac
useradd --create-home --shell /bin/bash --groups sudo "$user"
echo "$user:$password" | chpasswd
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
