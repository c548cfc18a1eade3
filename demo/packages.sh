#!/bin/sh
# What the lab and the tests need of this machine, installed only where it is missing. Needs root and apt.
set -eu
missing=
want() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || missing="$missing $2"; }
want debootstrap debootstrap
want systemd-nspawn systemd-container
want ip iproute2
want nft nftables
want iptables iptables
want ssh openssh-client
want sshd openssh-server
want sudo sudo
want curl curl
want cc gcc
want git git
want fish fish
want haproxy haproxy
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
[ -e /usr/include/seccomp.h ] || missing="$missing libseccomp-dev libc6-dev pkg-config"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ]; then
    echo "these packages are missing, and installing them needs root:$missing" >&2
    exit 1
fi
echo "installing:$missing"
apt-get update -qq
# A policy of "no" keeps a freshly installed sshd from starting on this machine.
[ -e /usr/sbin/policy-rc.d ] || { printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d && ours=yes; }
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
[ -z "${ours:-}" ] || rm -f /usr/sbin/policy-rc.d
# The program is wanted, not its service, which would run from the next boot on.
case $missing in *haproxy*) systemctl disable haproxy >/dev/null 2>&1 || true ;; esac
