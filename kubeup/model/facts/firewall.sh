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
    # Where the operator comes from; sudo takes it out of the environment, and then nobody knows.
    if [ -n "${SSH_CONNECTION:-}" ]; then fact operator "${SSH_CONNECTION%% *}"; fi
    if have nft; then
        nft list chains 2>/dev/null | dropping | each dropping_chain
    fi
}

# FAMILY TABLE CHAIN HOOK of each base chain that drops what none of its rules accepts.
dropping() {
    awk '
        $1 == "table" { table = $2 " " $3 }
        $1 == "chain" { chain = $2 }
        / hook (input|forward) .*policy drop;/ { for (i = 1; i < NF; i++) if ($i == "hook") print table, chain, $(i + 1) }'
}
