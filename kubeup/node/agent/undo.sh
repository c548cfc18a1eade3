# The way back, sourced by apply.sh: side effects are observed before anything runs, and cleared only if they were not
# there then. Nothing is ever flushed: each rule, chain, link and folder goes by its own name.
# shellcheck shell=sh
# The variables of apply.sh:
# shellcheck disable=SC2154,SC2034
# FAMILY TABLE are two words on purpose:
# shellcheck disable=SC2086

# shellcheck source=kubeup/node/agent/shared.sh
. ./shared.sh

# record-baseline KIND NAME OURS: what is there before kubeup, recorded as BEFORE=>OURS.
do_record_baseline() {
    [ -n "$(recorded side-effect "$1 $2")" ] || remember side-effect "$1 $2" "$(observed "$1" "$2")=>$3"
}

observed() {
    local name
    case $1 in
        link) there ip link show "$2" ;;
        routes) routes_into "$2" | tr '\n' '|' ;;
        nft-table) there nft list table $2 ;;
        iptables-base) base_chains $2 ;;
        chain-prefix) chains_of "$2" | tr '\n' ' ' ;;
        link-rules) there rules_of "$2" ;;
        forward-policy) iptables-save -t "$2" 2>/dev/null | sed -n 's/^:FORWARD \([A-Z]*\).*/\1/p' ;;
        sysctl)
            # Its default is known once its module is loaded, which a component would do a moment later.
            case $2 in net/netfilter/*) [ -e "$ROOT/proc/sys/$2" ] || modprobe nf_conntrack 2>/dev/null ;; esac
            [ ! -r "$ROOT/proc/sys/$2" ] || tr '\t\n' '  ' <"$ROOT/proc/sys/$2" | sed 's/ *$//' ;;
        module) if grep -q "^$2 " /proc/modules || [ ! -d /sys/module ] || [ -d "/sys/module/$2" ]; then echo yes; else echo no; fi ;;
        forwarding) forwarding ;;
        apparmor) there grep -q "^$2 " "$ROOT$APPARMOR/profiles" ;;
        tree | folders | folder) there test -e "$ROOT$2" ;;
        netns-prefix) for name in "$ROOT/run/netns/$2"*; do [ -e "$name" ] && printf '%s ' "${name##*/}"; done ;;
        docker-pods) docker ps -aq --no-trunc --filter "label=$2" 2>/dev/null | tr '\n' ' ' ;;
        mounts | cgroup | processes | shims | cni) echo no ;;
    esac
}

there() { if "$@" >/dev/null 2>&1; then echo yes; else echo no; fi; }

# revert-side-effect KIND NAME BEFORE=>OURS
do_revert_side_effect() {
    local before ours
    before=${3%%=>*}
    ours=${3#*=>}
    case $1 in
        link) [ "$before" = yes ] || ! ip link show "$2" >/dev/null 2>&1 || quietly ip link delete "$2" || fail "cannot delete the link $2" ;;
        routes) clear_routes "$2" "|$before" ;;
        nft-table) [ "$before" = yes ] || ! nft list table $2 >/dev/null 2>&1 || quietly nft delete table $2 || fail "cannot delete the nftables table $2" ;;
        iptables-base) clear_base $2 "$before" ;;
        chain-prefix) clear_chains "$2" "$before" ;;
        link-rules) [ "$before" = yes ] || clear_rules "$2" ;;
        forward-policy) clear_policy "$2" "${before:-ACCEPT}" "$ours" ;;
        sysctl) clear_sysctl "$2" "$before" "$ours" ;;
        module) [ "$before" = yes ] || clear_module "$2" ;;
        tree) [ "$before" = yes ] || remove_tree "$2" ;;
        folder) [ "$before" = yes ] || clear_folder "$2" ;;
        folders) [ "$before" = yes ] || find "$ROOT$2" -xdev -depth -type d -empty -delete 2>/dev/null ;;
        forwarding) clear_forwarding "$before" "$ours" ;;
        apparmor) [ "$before" = yes ] || clear_apparmor "$2" ;;
        shims) clear_shims "$2" ;;
        cni) clear_cni "$2" ;;
        mounts) unmount_below "$2" ;;
        netns-prefix) clear_netns "$2" "$before" ;;
        docker-pods) clear_docker_pods "$2" "$before" ;;
        cgroup) clear_cgroup "$2" ;;
        processes) kill_below "$2" ;;
    esac
    remember side-effect "$1 $2" -
}

# routes_into NETWORK: those of the main table that lead there and nowhere else.
routes_into() { ip -4 route show root "$1" 2>/dev/null | sed 's/ linkdown//; s/ *$//'; }

# clear_routes NETWORK BEFORE
clear_routes() {
    local route
    routes_into "$1" >routes
    while read -r route; do
        case $2 in *"|$route|"*) continue ;; esac
        # shellcheck disable=SC2086
        quietly ip -4 route delete $route || fail "cannot remove the route $route"
    done <routes
}

# A module changes what bridges do; a Docker that came meanwhile needs it.
clear_module() {
    if systemctl is-active --quiet docker.service; then
        say "note${TAB}left${TAB}the kernel module $1 stays loaded, for Docker uses it"
    else
        modprobe -r "$1" 2>/dev/null || [ ! -d "/sys/module/$1" ] || say "note${TAB}left${TAB}the kernel module $1 is in use: it stays"
    fi
}

# A sysctl that someone else changed since is theirs.
clear_sysctl() {
    local now ours
    [ -n "$2" ] || return 0
    now=$(observed sysctl "$1")
    [ "$now" = "$2" ] && return 0
    ours=$3
    [ "$ours" != - ] || ours=$(ours_of "$1")
    if [ "$now" = "$ours" ]; then
        printf '%s\n' "$2" >"$ROOT/proc/sys/$1" 2>/dev/null || say "note${TAB}left${TAB}sysctl $1 could not be set back to $2"
    else
        say "note${TAB}left${TAB}sysctl $1 is $now, which is not kubeup's value: it stays"
    fi
}

iptables_kinds() {
    local kind
    for kind in iptables ip6tables; do
        command -v "$kind-save" >/dev/null 2>&1 && echo "$kind"
    done
}

# chains_of PREFIX: KIND/TABLE/CHAIN a line.
chains_of() {
    local kind
    for kind in $(iptables_kinds); do
        "$kind-save" 2>/dev/null | awk -v kind="$kind" -v prefix=":$1" '
            /^\*/ { table = substr($0, 2) } index($0, prefix) == 1 { print kind "/" table "/" substr($1, 2) }'
    done
}

# clear_chains PREFIX BEFORE: jumps into the chains first, then the chains, in one transaction a table.
clear_chains() {
    local kind
    for kind in $(iptables_kinds); do
        "$kind-save" 2>/dev/null | awk -v kind="$kind" -v prefix="$1" -v before=" $2" '
            function ours(chain) { return index(chain, prefix) == 1 && !index(before, " " kind "/" table "/" chain " ") }
            function target(  i) { for (i = 1; i < NF; i++) if ($i == "-j" || $i == "-g") return $(i + 1); return "" }
            /^\*/ { table = substr($0, 2); jumps = flush = drop = "" }
            /^:/ { chain = substr($1, 2); if (ours(chain)) { flush = flush "-F " chain "\n"; drop = drop "-X " chain "\n" } }
            /^-A/ { if (!ours($2) && ours(target())) jumps = jumps "-D" substr($0, 3) "\n" }
            /^COMMIT/ { if (jumps flush != "") printf "*%s\n%s%s%sCOMMIT\n", table, jumps, flush, drop }' >rules
        [ ! -s rules ] || "$kind-restore" -w --noflush <rules >output 2>&1 || fail "cannot remove the $1 chains ($kind)"
    done
}

# rules_of LINK: rules of base chains that name it, as KIND, TABLE, the rule; fails where there are none.
rules_of() {
    local kind
    for kind in $(iptables_kinds); do
        "$kind-save" 2>/dev/null | awk -v kind="$kind" -v link_name="$1" '
            /^\*/ { table = substr($0, 2) }
            /^-A/ { for (i = 3; i < NF; i++) if (($i == "-i" || $i == "-o") && $(i + 1) == link_name) { print kind, table, $0; next } }'
    done | grep .
}

clear_rules() {
    local kind
    for kind in $(iptables_kinds); do
        rules_of "$1" | awk -v kind="$kind" '
            $1 == kind { if ($2 != table) { if (table != "") print "COMMIT"; table = $2; print "*" table }
                sub(/^[^ ]+ [^ ]+ -A/, "-D"); print }
            END { if (table != "") print "COMMIT" }' >rules
        [ ! -s rules ] || "$kind-restore" -w --noflush <rules >output 2>&1 || fail "cannot remove the rules on $1 ($kind)"
    done
}

# clear_policy TABLE BEFORE OURS: it goes back only while it is what a component of ours set.
clear_policy() {
    [ "$2" != "$3" ] && [ "$(observed forward-policy "$1")" = "$3" ] || return 0
    quietly iptables -w -t "$1" -P FORWARD "$2" || fail "cannot set the policy of FORWARD back to $2"
}

# base_chains FAMILY TABLE: yes and its chains, or no.
base_chains() {
    if nft list table "$1" "$2" >listing 2>/dev/null; then
        echo "yes $(awk '/^\tchain/ { printf "%s ", $2 }' listing)"
    else
        echo no
    fi
}

# clear_base FAMILY TABLE BEFORE: iptables-nft makes tables and base chains as it needs them. Those that were not there
# go if nothing is left in them.
clear_base() {
    local chain
    [ "$3" != yes ] && nft list table "$1" "$2" >listing 2>/dev/null || return 0
    awk -v before=" ${3#yes} " '
        /^\tchain/ { chain = $2; lines = 0; base = 0 }
        /^\t\t/ { if (/type .* hook .* policy accept;/) base = 1; else lines++ }
        /^\t}/ { if (chain != "" && base && !lines && !index(before, " " chain " ")) print chain; chain = "" }' listing >chains
    while read -r chain; do
        quietly nft delete chain "$1" "$2" "$chain" || fail "cannot delete the empty chain $chain of $1 $2"
    done <chains
    if [ "$3" = no ] && ! nft list table "$1" "$2" 2>/dev/null | grep -q "^$TAB"; then
        quietly nft delete table "$1" "$2" || fail "cannot delete the empty table $1 $2"
    fi
}

# unmount_below PREFIX: the deepest first. What is mounted there may be someone's data: nothing is removed below a mount.
# What was mounted before kubeup came stays so.
unmount_below() {
    ours_below "$1" | while read -r _ path; do
        path=$(printf '%b' "$path")
        umount "$path" 2>/dev/null || umount -l "$path" 2>/dev/null
    done
    [ -z "$(ours_below "$1")" ] || fail "$(ours_below "$1" | sed 's/^[0-9]* //;q') cannot be unmounted"
}

ours_below() {
    mounts_below "$1" | while read -r length path; do
        [ -n "$(recorded mounted "$path")" ] || printf '%s %s\n' "$length" "$path"
    done
}

# real PATH: where it is in truth, for that is what the kernel tells of mounts and programs.
real() { readlink -f "$ROOT$1" 2>/dev/null || printf '%s\n' "$ROOT$1"; }

# mounts_below PREFIX: the length of each path, and the path as the kernel writes it.
mounts_below() {
    awk -v prefix="$(real "$1")/" 'index($5, prefix) == 1 { print length($5), $5 }' /proc/self/mountinfo | sort -rn
}

# remove_tree PATH: a folder with all that is in it; where someone made it a link, what is behind it.
remove_tree() {
    [ -e "$ROOT$1" ] || [ -L "$ROOT$1" ] || return 0
    if [ -L "$ROOT$1" ] && [ -d "$ROOT$1" ]; then
        empty_tree "$1"
        return 0
    fi
    unmount_below "$1"
    quietly rm -rf --one-file-system "$ROOT$1" || [ ! -d "$ROOT$1" ] || mountpoint -q "$ROOT$1" || fail "cannot remove $1"
}

# empty_tree PATH: a folder that was there before stays, empty, with the disks that are mounted in it.
empty_tree() {
    [ -d "$ROOT$1" ] || return 0
    unmount_below "$1"
    # shellcheck disable=SC2016
    quietly find "$ROOT$1/" -mindepth 1 -maxdepth 1 ! -name lost+found \
        -exec sh -c 'for path; do mountpoint -q "$path" || rm -rf --one-file-system "$path" || exit 1; done' sh {} + ||
        fail "cannot empty $1"
}

clear_netns() {
    local name
    for name in "$ROOT/run/netns/$1"*; do
        [ -e "$name" ] || continue
        case " $2" in *" ${name##*/} "*) continue ;; esac
        # Twice where another program made the folder a mount of its own meanwhile (ip netns add).
        while umount "$name" 2>/dev/null; do :; done
        rm -f "$name"
    done
}

# clear_docker_pods LABEL BEFORE: kubelet's containers go, no other does.
clear_docker_pods() {
    local pods found id
    command -v docker >/dev/null 2>&1 && systemctl is-active --quiet docker.service || return 0
    pods=
    found=$(docker ps -aq --no-trunc --filter "label=$1" 2>output) || fail "Docker did not say which containers are pods'"
    for id in $found; do
        case " $2 " in *" $id "*) ;; *) pods="$pods $id" ;; esac
    done
    # shellcheck disable=SC2086
    [ -z "$pods" ] || quietly docker rm -f $pods || fail "cannot remove the pods' containers"
}

# kill_below FOLDER: processes whose executable lies there (a containerd-shim outlives its containerd).
kill_below() {
    local pids exe pid folder
    folder=$(real "$1")
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        pids=
        for exe in /proc/[0-9]*/exe; do
            case $(readlink "$exe" 2>/dev/null) in
                "$folder"/*) pid=${exe#/proc/} && pids="$pids ${pid%/exe}" ;;
            esac
        done
        [ -n "$pids" ] || return 0
        # shellcheck disable=SC2086
        kill -KILL $pids 2>/dev/null
        sleep 0.1
    done
}

# stop UNIT BEFORE
do_stop() {
    local limit users
    if [ "$2" = absent ]; then
        # An API server without its etcd would take over a minute; a Docker ends its containers first.
        limit=15
        [ "$1" != docker.service ] || limit=60
        timeout $limit systemctl stop "$1" >output 2>&1 || {
            systemctl kill -s KILL "$1" && timeout 15 systemctl stop "$1"
        } >/dev/null 2>&1
        systemctl disable "$1" >/dev/null 2>&1
        systemctl reset-failed "$1" >/dev/null 2>&1
    elif [ "${2##* }" != active ] && users=$(docker ps -q 2>/dev/null) && [ -z "$users" ]; then
        # It was not running, and nobody uses it now. One that does not say who does runs on.
        systemctl stop "$1" >/dev/null 2>&1
    fi
    remember ready "$1" -
    remember unit "$1" -
}

# undo ID: with the script the node kept when the action ran.
do_undo() {
    if [ -f "$HOME_DIR/undo/$1.sh" ]; then
        quietly timeout 60 sh "$HOME_DIR/undo/$1.sh" || say "note${TAB}left${TAB}$1 could not be undone: $(tail -n 1 output)"
        rm -f "$HOME_DIR/undo/$1.sh"
    fi
    remember action "$1" -
}

# restore-path PATH KIND VALUE yes|no: gives a path back.
do_restore_path() {
    case $2 in
        file | link)
            save_changed "$1" "$3" "$4"
            give_back "$1" "$4"
            ;;
        dir) clear_folder "$1" say ;;
        tree) keep_saved "$1" || if [ "$4" = yes ]; then empty_tree "$1"; else remove_tree "$1"; fi ;;
    esac
    # In the record, for the trip that does it may be another one.
    case $1 in
        /etc/docker/daemon.json) [ -n "$(recorded meta docker-again)" ] || remember meta docker-again reload ;;
        */docker.service.d/kubeup.conf | /etc/kubeup/docker-proxy.env) remember meta docker-again restart ;;
    esac
    remember own "$1" -
    # Only now: a path that is in the record has its original.
    rm -rf "$ORIGINAL$1"
}

give_back() {
    rm -rf "$ROOT$1.kubeup-new"
    if [ "$2" = yes ] && { [ -e "$ORIGINAL$1" ] || [ -L "$ORIGINAL$1" ]; }; then
        quietly cp -a "$ORIGINAL$1" "$ROOT$1.kubeup-new" && quietly mv -fT "$ROOT$1.kubeup-new" "$ROOT$1" ||
            fail "cannot give $1 back"
    elif [ "$2" = no ]; then
        quietly rm -f "$ROOT$1" || fail "cannot remove $1"
    fi
}

# docker_again: the machine's own Docker goes on without what kubeup had merged into its options.
docker_again() {
    local again
    again=$(recorded meta docker-again)
    [ -n "$again" ] || return 0
    ! systemctl is-active --quiet docker.service || docker_goes_on
    remember meta docker-again -
}

docker_goes_on() {
    local users
    systemd_reload docker.service
    # Of one that does not answer nobody knows what runs on it.
    users=$(docker ps --format '{{.Names}}' 2>/dev/null) || users='it does not say which'
    users=$(printf '%s' "$users" | tr '\n' ' ')
    if [ "$again" = reload ]; then
        quietly systemctl reload docker.service || fail "systemctl reload docker failed"
    elif [ -z "$users" ]; then
        quietly systemctl restart docker.service || fail "systemctl restart docker failed"
    else
        say "note${TAB}left${TAB}Docker keeps the profile's options until it is restarted, for containers run: $users (systemctl restart docker)"
    fi
}

# delete-state keep|-: the last step of down.
do_delete_state() {
    docker_again
    # Units may have gone in an earlier trip that was cut off.
    systemctl daemon-reload >/dev/null 2>&1
    if [ "$1" = keep ]; then
        rm -rf "$STORE" "$STAGE" "$HOME_DIR/undo" "$HOME_DIR/cache" "$HOME_DIR/incoming/piece"
        return 0
    fi
    # The record goes last: until then the next down knows what is left to do. The folder may be a disk of its own.
    cd / || exit 1
    {
        {
            # A disk of someone's that is mounted in it stays, with its folder.
            find "$HOME_DIR/" -mindepth 1 -maxdepth 1 ! -name record ! -name lock ! -name lost+found \
                -exec rm -rf --one-file-system {} + || [ -n "$(mounts_below /var/lib/kubeup)" ]
        } &&
            rm -f "$HOME_DIR/record" "$HOME_DIR/lock"
    } 2>/dev/null || fail "cannot empty $HOME_DIR"
    rmdir "$HOME_DIR" 2>/dev/null
    say "done$TAB$number"
    exit 0
}
