# Everything that a program could leave on this machine, one thing a line: KIND, NAME, VALUE, separated by tabs.
# It changes nothing. Run as root by sh; kubeup/snapshot.py compares two of them.
# shellcheck shell=sh
LC_ALL=C
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LC_ALL PATH
T=$(printf '\t')
have() { command -v "$1" >/dev/null 2>&1; }
# listed KIND: lines whose order does not count, each with how often it is there.
listed() {
    awk -v kind="$1" 'NF { gsub(/\t/, " "); sub(/ +$/, ""); seen[$0]++ } END { for (line in seen) printf "%s\t%s\t%d\n", kind, line, seen[line] }'
}

# Other machines' disks are not this machine.
REMOTE='-fstype nfs -o -fstype nfs4 -o -fstype cifs -o -fstype ceph -o -fstype fuse.sshfs -o -fstype 9p'

# shellcheck disable=SC2086
files() {
    find / \( -path /proc -o -path /sys -o $REMOTE \) -prune -o -printf "file$T%p$T%y %m %U:%G %l\n" 2>/dev/null
    find / \( -path /proc -o -path /sys -o -path /dev -o -path /run/systemd/journal -o $REMOTE \) -prune -o -type f -print0 2>/dev/null |
        xargs -0 -r sha256sum 2>/dev/null | sed "s/^\\\\*\([0-9a-f]*\)  \(.*\)$/content$T\2$T\1/"
    if have getfattr; then
        find / \( -path /proc -o -path /sys -o -path /dev -o -path /run -o $REMOTE \) -prune -o \( -type f -o -type d \) -print0 2>/dev/null |
            xargs -0 -r getfattr --absolute-names -h -d -m - 2>/dev/null |
            awk '/^# file: / { file = substr($0, 9); next } NF { at = index($0 "=", "=")
                printf "xattr\t%s %s\t%s\n", file, substr($0, 1, at - 1), substr($0, at + 1) }'
    fi
}

units() {
    systemctl list-unit-files --no-legend --no-pager 2>/dev/null | awk '{ printf "unit-file\t%s\t%s\n", $1, $2 }'
    systemctl list-units --all --plain --no-legend --no-pager 2>/dev/null | awk '{ printf "unit\t%s\t%s %s %s\n", $1, $2, $3, $4 }'
}

# rules KIND: of iptables-save, each by its table, chain and place there, so that one more is one difference.
# The tables of legacy are the kernel's; that one is there, and empty, says nothing.
rules() {
    sed 's/ \[[0-9]*:[0-9]*\]$//' | awk -v kind="$1" '
        /^\*/ { table = substr($0, 2); if (kind !~ /legacy/) printf "%s\t%s\ttable\n", kind, table }
        /^:/ && !(kind ~ /legacy/ && $2 == "ACCEPT") { printf "%s\t%s %s\tpolicy %s\n", kind, table, substr($1, 2), $2 }
        /^-A/ { gsub(/\t/, " "); printf "%s\t%s %s %05d\t%s\n", kind, table, $2, ++place[table, $2], $0 }'
}

# ruleset: the same of nft; what a set counts down or up is left out.
ruleset() {
    sed 's/counter packets [0-9]* bytes [0-9]*/counter/g; s/ expires [0-9a-z]*//g; /^#/d' | awk '
        /^table / { table = $2 " " $3; block = "" }
        /^\t[a-z]+ .*{$/ { block = " " $1 " " $2 }
        { line = $0; gsub(/\t+/, " ", line) }
        line !~ /^ *}? *$/ { printf "nftables\t%s%s %05d\t%s\n", table, block, ++place[table, block], line }'
}

network() {
    ip -o link 2>/dev/null | sed 's/^[0-9]*: //; s/@[^:]*//; s/\\.*//; s/ qlen .*//' | awk '{ name = $1; sub(/:$/, "", name); $1 = ""; print "link\t" name "\t" $0 }'
    ip -o addr 2>/dev/null | sed 's/^[0-9]*: //; s/\\.*//' | awk '{ print "address\t" $1 " " $2 " " $3 "\t" $0 }'
    { ip route show table all; ip -6 route show table all; } 2>/dev/null | sed 's/ *$//; s/ linkdown//; s/ expires [0-9]*sec//' | listed route
    { ip rule; ip -6 rule; } 2>/dev/null | listed rule
    ip neigh show nud permanent 2>/dev/null | listed neighbour
    for tool in iptables-nft iptables-legacy ip6tables-nft ip6tables-legacy; do
        have "$tool-save" && "$tool-save" 2>/dev/null | rules "$tool"
    done
    have nft && nft list ruleset 2>/dev/null | ruleset
    have ipset && ipset save 2>/dev/null | sed '/^add /s/ \(timeout\|packets\|bytes\) [0-9]*//g' | listed ipset
    # Connections come and go; a service and its servers do not.
    [ -r /proc/net/ip_vs ] && awk 'NR > 3 { if ($1 == "->") print service " " $1 " " $2 " " $3 " " $4; else print service = $0 }' /proc/net/ip_vs | listed ipvs
}

machine() {
    sysctl -a 2>/dev/null | sed -n "s/^\([^ ]*\) = \(.*\)$/sysctl$T\1$T\2/p"
    awk '{ print "module\t" $1 "\t" }' /proc/modules 2>/dev/null
    awk '{ for (i = 7; $i != "-"; i++); print "mount\t" $5 "\t" $(i + 1) " " $(i + 2) " " $6 }' /proc/self/mountinfo
    awk 'NR > 1 { print "swap\t" $1 "\t" $2 " " $3 }' /proc/swaps 2>/dev/null
    sed 's/ (/\t/; s/)$//; s/^/apparmor\t/' /sys/kernel/security/apparmor/profiles 2>/dev/null
    find /sys/fs/cgroup -type d 2>/dev/null | listed cgroup
    getent passwd | awk -F : '{ print "user\t" $1 "\t" $3 ":" $4 ":" $6 ":" $7 }'
    getent group | awk -F : '{ print "group\t" $1 "\t" $3 ":" $4 }'
    others | while read -r pid; do
        [ -e "/proc/$pid/exe" ] && { tr '\0\n' '  ' <"/proc/$pid/cmdline" && echo; } 2>/dev/null
    done | cut -c 1-300 | listed process
}

# others: the processes that are not of this very snapshot: itself, what it started, and the login it runs in.
others() {
    cat /proc/[0-9]*/status 2>/dev/null | awk -v self=$$ '
        /^Pid:/ { pid = $2 } /^PPid:/ { parent[pid] = $2 }
        END {
            for (one = self; one > 1 && parent[one] > 1; one = parent[one]) login[one] = 1
            for (pid in parent) {
                for (one = pid; one > 1 && one != self; one = parent[one]);
                if (one != self && !(pid in login)) print pid
            }
        }'
}

docker_things() {
    have docker && [ "$(systemctl is-active docker.service 2>/dev/null)" = active ] || return 0
    docker ps -a --no-trunc --format "container$T{{.Names}}$T{{.ID}} {{.Image}} {{.State}}"
    docker ps -q | xargs -r docker inspect --format "container-process$T{{.Name}}$T{{.State.Pid}} {{.State.StartedAt}}"
    docker image ls -a --no-trunc --format "docker-image$T{{.Repository}}:{{.Tag}}$T{{.ID}}"
    docker volume ls --format "docker-volume$T{{.Name}}$T{{.Driver}}"
    docker network ls --no-trunc --format "docker-network$T{{.Name}}$T{{.ID}}"
} 2>/dev/null

{
    files
    units
    network
    machine
    docker_things
} | sort -u
echo "end$T$T"
