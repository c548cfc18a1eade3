# Everything that a program could leave on this machine, one thing a line: KIND, NAME, VALUE, separated by tabs.
# It changes nothing. Run as root by sh; kubeup/snapshot.py compares two of them.
# shellcheck shell=sh
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
T=$(printf '\t')
have() { command -v "$1" >/dev/null 2>&1; }
# numbered KIND NAME: lines whose order counts, by their place.
numbered() { awk -v kind="$1" -v name="$2" '{ gsub(/\t/, " "); printf "%s\t%s %05d\t%s\n", kind, name, NR, $0 }'; }
# listed KIND: lines whose order does not.
listed() { awk -v kind="$1" 'NF { gsub(/\t/, " "); sub(/ +$/, ""); printf "%s\t%s\t%s\n", kind, $0, ++seen[$0] }'; }

files() {
    find / \( -path /proc -o -path /sys -o -path /dev \) -prune -o -printf "file$T%p$T%y %m %U:%G %l\n" 2>/dev/null
    find / \( -path /proc -o -path /sys -o -path /dev -o -path /run/systemd/journal \) -prune -o -type f -print0 2>/dev/null |
        xargs -0 -r sha256sum 2>/dev/null | sed "s/^\\\\*\([0-9a-f]*\)  \(.*\)$/content$T\2$T\1/"
    if have getfattr; then
        find /etc /opt /usr /var /root /home /srv -xdev -type f -print0 2>/dev/null | xargs -0 -r getfattr --absolute-names -d -m - 2>/dev/null |
            awk '/^# file: / { file = substr($0, 9); next } NF { printf "xattr\t%s\t%s\n", file, $0 }'
    fi
}

units() {
    systemctl list-unit-files --no-legend --no-pager 2>/dev/null | awk '{ printf "unit-file\t%s\t%s\n", $1, $2 }'
    systemctl list-units --all --plain --no-legend --no-pager 2>/dev/null | awk '{ printf "unit\t%s\t%s %s %s\n", $1, $2, $3, $4 }'
}

network() {
    ip -o link 2>/dev/null | sed 's/^[0-9]*: //; s/@[^:]*//; s/\\.*//; s/ qlen .*//' | awk '{ name = $1; sub(/:$/, "", name); $1 = ""; print "link\t" name "\t" $0 }'
    ip -o addr 2>/dev/null | sed 's/^[0-9]*: //; s/\\.*//' | awk '{ print "address\t" $1 " " $3 "\t" $0 }'
    { ip route show table all; ip -6 route show table all; } 2>/dev/null | sed 's/ *$//; s/ linkdown//; s/ expires [0-9]*sec//' | listed route
    { ip rule; ip -6 rule; } 2>/dev/null | listed rule
    for tool in iptables-nft iptables-legacy ip6tables-nft ip6tables-legacy; do
        have "$tool-save" && "$tool-save" 2>/dev/null | grep -v '^#' | sed 's/ \[[0-9]*:[0-9]*\]$//' | numbered "$tool" rules
    done
    have nft && nft list ruleset 2>/dev/null | sed 's/counter packets [0-9]* bytes [0-9]*/counter/' | numbered nftables ruleset
    have ipset && ipset save 2>/dev/null | listed ipset
    [ -r /proc/net/ip_vs ] && sed 1,3d /proc/net/ip_vs | numbered ipvs table
}

machine() {
    sysctl -a 2>/dev/null | sed -n "s/^\([^ ]*\) = \(.*\)$/sysctl$T\1$T\2/p"
    awk '{ print "module\t" $1 "\t" }' /proc/modules 2>/dev/null
    awk '{ for (i = 7; $i != "-"; i++); print "mount\t" $5 "\t" $(i + 1) " " $(i + 2) " " $6 }' /proc/self/mountinfo
    find /sys/fs/cgroup -type d 2>/dev/null | listed cgroup
    getent passwd | awk -F : '{ print "user\t" $1 "\t" $3 ":" $4 ":" $6 ":" $7 }'
    getent group | awk -F : '{ print "group\t" $1 "\t" $3 ":" $4 }'
    for folder in /proc/[0-9]*; do
        [ -e "$folder/exe" ] && tr '\0' ' ' <"$folder/cmdline" 2>/dev/null && echo
    done | cut -c 1-300 | listed process
    have docker && [ "$(systemctl is-active docker.service 2>/dev/null)" = active ] &&
        docker ps -a --no-trunc --format "container$T{{.Names}}$T{{.ID}} {{.Image}} {{.State}}" 2>/dev/null
    have docker && [ "$(systemctl is-active docker.service 2>/dev/null)" = active ] &&
        docker ps -q 2>/dev/null | xargs -r docker inspect --format "container-process$T{{.Name}}$T{{.State.Pid}} {{.State.StartedAt}}" 2>/dev/null
}

{
    files
    units
    network
    machine
} | sort -u
echo "end$T$T"
