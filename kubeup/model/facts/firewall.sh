# shellcheck shell=sh
# shellcheck disable=SC2154
# ROOT, HOME_DIR and the helpers are those of node/agent/probe.sh.
ask_firewall() {
    if grep -qs '^ENABLED=yes' "$ROOT/etc/ufw/ufw.conf" && have ufw; then
        fact firewall ufw
        ufw status verbose 2>/dev/null | each ufw_rule
    fi
    if have firewall-cmd && [ "$(systemctl is-active firewalld 2>/dev/null)" = active ]; then
        fact firewall firewalld
        firewall-cmd --list-all-zones 2>/dev/null | each firewalld_rule
    fi
}
