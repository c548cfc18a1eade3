# shellcheck shell=sh
# shellcheck disable=SC2154
# ROOT, HOME_DIR and the helpers are those of node/agent/probe.sh.
ask_tools() {
    have nft && nft --version 2>/dev/null | each nft
    have iptables && iptables --version 2>/dev/null | each iptables
    have socat && fact socat yes
    have haproxy && haproxy -v 2>/dev/null | each haproxy
    if have curl; then fact downloader curl; elif have wget; then fact downloader wget; fi
}
