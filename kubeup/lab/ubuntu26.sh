#!/bin/sh
# Run in the root of a copy of the image ubuntu by chroot, with packages of Debian sid in /debs: what Ubuntu 25.10 and
# later bring that 24.04 did not, and less than a person would install.
set -eu
export DEBIAN_FRONTEND=noninteractive
dpkg --purge docker.io docker-cli docker-buildx containerd runc conntrack socat curl ipset attr
rm -f /usr/sbin/runc.real
apt-get install -qq --no-install-recommends /debs/*.deb
# Ubuntu's coreutils are uutils, but for these three: https://packages.ubuntu.com/resolute/coreutils-from-uutils
rust=/usr/lib/cargo/bin
for program in "$rust"/coreutils/*; do
    name=${program##*/}
    case $name in cp | mv | rm) continue ;; esac
    for folder in /usr/bin /usr/sbin; do
        if [ -e "$folder/$name" ]; then "$rust/coreutils/ln" -sf "$program" "$folder/$name"; fi
    done
done
for name in sudo su visudo; do
    for folder in /usr/bin /usr/sbin; do
        if [ -e "$folder/$name" ]; then ln -sf "$rust/$name" "$folder/$name"; fi
    done
done
# Ubuntu's own default is off; people switch it on.
ufw allow 22/tcp
sed -i 's/^ENABLED=.*/ENABLED=yes/' /etc/ufw/ufw.conf
systemctl enable ufw.service
