# Part of transaction.sh and doctor.sh: validate all staged files together, before any of them is live.
# Reads $pending: new.N and files (what is staged); configtest (the first word is httpd); listens (its ports); minimum
# and waived; and apache_root, apache_run and apache_logs, a path each.
# Source: mount_namespaces(7), user_namespaces(7), unshare(1); Apache 2.4's manual on starting without root.

TRIAL_LIMIT=60 # seconds for the whole trial of Apache

# Runs as root of a private user namespace: mounts the staged folders over the live ones, a throwaway certificate over
# one whose key this account cannot read, and empty folders over run and logs; then becomes the account again, because
# httpd refuses to be root of such a namespace. The account is mapped by hand: unshare --map-user needs util-linux 2.36,
# and EL8 has an older one.
# shellcheck disable=SC2016 # expanded by the shell that runs it
trial_as_root='
set -eu
cd "$1"
httpd=$2 account=$3 group=$4 program=$5
while read -r number folder; do mount --bind "folder.$number" "$folder"; done <folders
while IFS= read -r path; do mount --bind trial.pem "$path"; done <closed.certificates
while IFS= read -r path; do mount --bind trial.key "$path"; done <closed.keys
[ ! -e door.covers ] || while read -r cover path; do mount --bind "$cover" "$path"; done <door.covers
mount -t tmpfs -o mode=1777 tmpfs "$(readlink -f "$(cat apache_run)")"
# The distribution sets the path of the main log, which may differ from the folder in the inventory.
logs=$(cat apache_logs) link=$(cat apache_root)/logs
own=$(readlink -f "$link" || :)
if [ -d "$own" ]; then
    mount -t tmpfs -o mode=1777 tmpfs "$own"
    case $logs in "$own"/* | "$link"/*) mkdir -p -m 1777 "$logs" ;; esac
fi
logs=$(readlink -f "$logs")
if [ "$logs" != "$own" ]; then
    mount -t tmpfs -o mode=1777 tmpfs "$logs"
    case $own in "$logs"/*) mkdir -p -m 1777 "$own" ;; esac
fi
[ ! -e log.folders ] || while IFS= read -r folder; do # the live files have other folders if the inventory changes
    if [ -d "$folder" ] && [ "$(readlink -f "$folder")" != "$own" ] && [ "$(readlink -f "$folder")" != "$logs" ]; then
        mount -t tmpfs -o mode=1777 tmpfs "$folder"
    fi
done <log.folders
mount -t proc proc /proc
[ -z "$httpd" ] || "$httpd" -t
ip link set lo up
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
rm -f mapped
mkfifo mapped
unshare --user -- /bin/sh -c "read -r _ <mapped; $program" poms-ops "$httpd" &
inner=$!
own=$(readlink /proc/self/ns/user)
tries=0
while [ "$(readlink "/proc/$inner/ns/user")" = "$own" ]; do
    [ "$tries" -lt 500 ] || exit 1
    tries=$((tries + 1))
    sleep 0.01
done
echo deny >"/proc/$inner/setgroups"
echo "$account 0 1" >"/proc/$inner/uid_map"
echo "$group 0 1" >"/proc/$inner/gid_map"
echo mapped >mapped
wait "$inner"
'

# Runs as the account in there: a trial start, which must answer on every port of the inventory.
# shellcheck disable=SC2016 # expanded by the shell that runs it
trial_as_account='
set -eu
"$1" -D FOREGROUND -k start &
httpd=$!
while read -r port; do
    answered=
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        kill -0 "$httpd" 2>/dev/null || { echo "the trial start of Apache ended"; cat "$(cat apache_logs)"/*error* || :; exit 1; }
        if tls_answers "$port"; then answered=yes; break; fi
        sleep 0.25
    done
    [ -n "$answered" ] || { echo "the trial start of Apache does not answer on port $port"; cat "$(cat apache_logs)"/*error* || :; exit 1; }
done <listens
'

# Run $2 as the account in its own namespaces, over the tree of lay_out; $1 is httpd, whose configuration is tested first,
# or empty: then Apache does not run.
try_in_namespaces() {
    timeout "$TRIAL_LIMIT" unshare --user --map-root-user --mount --net --pid --fork --kill-child \
        /bin/sh -c "$trial_as_root" poms-ops "$pending" "$1" "$(id -u)" "$(id -g)" "$2" </dev/null 3>&- 4<&- 9>&-
}

# Whether this host's kernel and tools allow a trial start: all of its steps, without Apache.
namespaces_work() {
    : >"$pending/folders"
    : >"$pending/closed.keys"
    : >"$pending/closed.certificates"
    rm -f "$pending/door.covers"
    try_in_namespaces '' : >"$pending/obstacle" 2>&1
}

# Copy the folders that hold staged Apache files to $pending: as they are, or ($1 = staged) with the staged files.
lay_out() {
    rm -rf "$pending"/folder.* "$pending/folders"
    : >"$pending/folders"
    apache_root=$(cat "$pending/apache_root")
    while read -r number mode _ wanted path; do
        folder=$(dirname "$path")
        case $folder/ in "$apache_root"/*) ;; *) continue ;; esac
        if [ -z "$(number_of "$folder")" ]; then
            printf '%s %s\n' "$number" "$folder" >>"$pending/folders"
            cp -RL "$folder" "$pending/folder.$number"
        fi
        if [ "$1" = staged ]; then lay_one "$pending/folder.$(number_of "$folder")/$(basename "$path")"; fi
    done <"$pending/files"
}

number_of() { # of the copied folder $1
    while read -r laid_number laid_folder; do
        if [ "$laid_folder" = "$1" ]; then echo "$laid_number"; fi
    done <"$pending/folders"
}

lay_one() { # the staged file as $1
    rm -f "$1"
    if [ "$wanted" != absent ]; then
        cp "$pending/new.$number" "$1"
        chmod "$mode" "$1"
    fi
}

# The certificates and keys in Apache's files (copied or not) whose key this account cannot read: the trial replaces them.
find_closed_keys() {
    : >"$pending/closed.keys"
    : >"$pending/closed.certificates"
    for conf in "$pending"/folder.*/*.conf "$apache_root"/conf.d/*.conf; do
        [ -f "$conf" ] || continue
        named sslcertificatekeyfile "$conf" >"$pending/named.keys"
        closed=
        while IFS= read -r path; do
            if [ -e "$path" ] && [ ! -r "$path" ]; then closed=yes; fi
        done <"$pending/named.keys"
        if [ -n "$closed" ]; then
            there <"$pending/named.keys" >>"$pending/closed.keys"
            named sslcertificatefile "$conf" | there >>"$pending/closed.certificates"
        fi
    done
}

there() { # those of the paths on standard input that exist
    while IFS= read -r path; do
        if [ -e "$path" ]; then printf '%s\n' "$path"; fi
    done
}

named() { # the paths that directive $1 names in file $2
    awk -v directive="$1" 'tolower($1) == directive {
        sub(/^[ \t]*[^ \t]+[ \t]+/, "")
        if (match($0, /^"([^"\\]|\\.)*"/)) {
            $0 = substr($0, 2, RLENGTH - 2)
            gsub(/\\"/, "\"")
            gsub(/\\\\/, "\\")
        } else gsub(/"|[ \t]+$/, "")
        print
    }' "$2"
}

# The throwaway pair has the same key type as the certificate that it replaces: the ciphers may need it.
make_trial_pair() {
    set -- -newkey ec -pkeyopt ec_paramgen_curve:prime256v1
    first=$(head -n 1 "$pending/closed.certificates")
    if [ -n "$first" ] && openssl x509 -in "$first" -noout -text 2>/dev/null | grep -q 'Algorithm: rsaEncryption'; then
        set -- -newkey rsa:2048
    fi
    openssl req -x509 "$@" -nodes -days 1 -subj /CN=trial \
        -keyout "$pending/trial.key" -out "$pending/trial.pem" 2>/dev/null
}

try_apache() { # with the tree of lay_out; $1: what the account runs in there
    apache_root=$(cat "$pending/apache_root")
    find_closed_keys
    make_trial_pair
    for conf in "$pending"/folder.*/*.conf "$apache_root"/conf.d/*.conf; do
        [ -f "$conf" ] || continue
        for directive in errorlog transferlog customlog; do
            named "$directive" "$conf" | sed -n 's,^\(/.*\)/[^/]*$,\1,p'
        done
    done | sort -u >"$pending/log.folders"
    try_in_namespaces "$(head -n 1 "$pending/configtest")" "$TLS_ANSWERS$1"
}

# Without namespaces: -t on a copy of the server root, with ServerRoot set to the copy. Links in it (modules, logs, run)
# keep their targets.
lay_out_copy() { # as it is, or ($1 = staged) with the staged files
    apache_root=$(cat "$pending/apache_root")
    copy=$pending/folder.root
    rm -rf "$copy"
    mkdir "$copy"
    for entry in "$apache_root"/*; do
        if [ -L "$entry" ]; then
            ln -s "$(readlink -f "$entry")" "$copy/${entry##*/}"
        else
            cp -RL "$entry" "$copy/" || : # a key that this account cannot read
        fi
    done
    while read -r number mode _ wanted path; do
        case $path in "$apache_root"/*) ;; *) continue ;; esac
        if [ "$1" = staged ]; then lay_one "$copy/${path#"$apache_root"/}"; fi
    done <"$pending/files"
    find "$copy" -name '*.conf' -exec sed -i -E \
        "s,^([ \t]*(ServerRoot|Include|IncludeOptional)[ \t]+[\"']?)$(for_sed "$apache_root")([/\"' \t]|\$),\1$(for_sed "$copy")\3,I" {} +
}

for_sed() { printf '%s' "$1" | sed 's/[][(){}.*+?^$|\\&,]/\\&/g'; } # $1 literally, in a pattern of -E or its replacement

# Test the copy, and check that httpd has read the staged files: otherwise the test proves nothing.
try_copy() {
    httpd=$(head -n 1 "$pending/configtest")
    main=$("$httpd" -V | sed -n 's/.*SERVER_CONFIG_FILE="\(.*\)".*/\1/p')
    "$httpd" -t -d "$copy" -f "$main" || return 1
    "$httpd" -t -d "$copy" -f "$main" -D DUMP_INCLUDES >"$pending/folder.read" || return 1
    while read -r _ _ _ wanted path; do
        case $path in "$apache_root"/*.conf) ;; *) continue ;; esac
        if [ "$wanted" != absent ] && ! grep -qF "$copy/${path#"$apache_root"/}" "$pending/folder.read"; then
            unread=$path
            return 1
        fi
    done <"$pending/files"
}

validate_copy() { # fails if the new files are at fault; otherwise it sets $reached
    unread=
    lay_out_copy staged
    if try_copy; then
        reached=configtest
        return 0
    fi
    if [ -z "$unread" ]; then
        lay_out_copy live
        if try_copy >/dev/null 2>&1; then return 1; fi
    fi
    obstacle="$obstacle; and Apache's own test of a copy fails with the current files, too"
}

# Validate Apache's files as far as possible. Sets $reached, and $obstacle if that is not the highest level.
validate_apache() {
    reached=none obstacle=''
    if ! namespaces_work; then
        obstacle="no trial start: $(tail -n 1 "$pending/obstacle")"
        validate_copy
        return
    fi
    obstacle=''
    lay_out staged
    if try_apache "$trial_as_account"; then
        reached='trial-start'
        check_closed_pairs
        probe_identity
        return
    fi
    lay_out live
    if try_apache "$trial_as_account" >"$pending/obstacle" 2>&1; then return 1; fi
    # The live tree fails there as well: either it is broken already, or this host's Apache allows no trial start.
    obstacle="the trial start fails with the current files, too: $(tail -n 1 "$pending/obstacle")"
    validate_copy
}

# ---- what a trial start leaves out ------------------------------------------------------------------------------------

tell_proof() { # report "LEVEL WHAT", and record it
    say "proof $*"
    printf 'proof %s\n' "$*" >>"$pending/meta"
}

unvalidated() { # report it to the operator, and record it
    say "unvalidated $*"
    printf 'unvalidated %s\n' "$*" >>"$pending/meta"
}

is_in_use() { # Apache's current files name key $1; Apache has not read any other key
    for conf in "$apache_root"/conf.d/*.conf; do
        [ ! -f "$conf" ] || named sslcertificatekeyfile "$conf"
    done | grep -qxF -e "$1"
}

# The trial replaces a key that this account cannot read. Whether the key belongs to its certificate shows in the served
# certificate: a key file that is older than Apache's processes belongs to the certificate that they serve.
check_closed_pairs() {
    paste "$pending/closed.certificates" "$pending/closed.keys" 2>/dev/null | sort -u >"$pending/closed.pairs"
    while IFS='	' read -r certificate key; do
        [ -n "$key" ] || continue
        wanted_key=$(openssl x509 -in "$certificate" -noout -pubkey 2>/dev/null) || wanted_key=
        served_key=
        while read -r port; do
            if served=$(ask_tls "$port" | openssl x509 -noout -pubkey 2>/dev/null); then
                served_key=$served
                [ "$served" != "$wanted_key" ] || break
            fi
        done <"$pending/listens"
        changed=$(changed_at "$key") || changed=
        since=$(apache_has_read "${changed:-0}")
        if [ -n "$wanted_key" ] && [ "$wanted_key" = "$served_key" ] && [ "$since" != unread ]; then
            continue # the pair that is in use
        elif [ -n "$wanted_key" ] && [ -n "$served_key" ] && [ "$wanted_key" != "$served_key" ] &&
            [ -n "$changed" ] && [ "$since" = read ] && is_in_use "$key"; then
            echo "$key does not belong to $certificate: Apache has used this key since before the certificate" \
                "was replaced, and would not start with both"
            return 1
        fi
        unvalidated "that $key belongs to $certificate: this account cannot read the key, and Apache does not serve the certificate yet"
    done <"$pending/closed.pairs"
}

# Before anything changes: does another daemon use a port of Apache or the app?
find_taken_ports() {
    apache_root=$(cat "$pending/apache_root" 2>/dev/null) || apache_root=
    if [ -n "$apache_root" ] && grep -qx apache "$pending/reloads"; then
        find "$apache_root/" -name '*.conf' -exec cat {} + 2>/dev/null >"$pending/listen.conf" || :
        listen_ports "$pending/listen.conf" >"$pending/listen.live"
        while read -r number _ _ wanted path; do
            case $wanted-$path in absent-*) ;; *-"$apache_root"/*) listen_ports "$pending/new.$number" ;; esac
        done <"$pending/files" | sort -u - "$pending/listens" >"$pending/listen.wanted"
        while read -r port; do
            for owner in $(listeners "$port"); do
                if [ "$owner" != 0 ] || ! grep -qx "$port" "$pending/listen.live" ||
                    { sees_others && ! apache_parent >/dev/null; }; then
                    taken "$port" "$owner" "Apache"
                    return 1
                fi
            done
        done <"$pending/listen.wanted"
    fi
    if grep -q -e '^supervisord' -e '^program' "$pending/reloads" && [ -e "$pending/app" ]; then
        port=$(app_value listen | sed -n 's/^[^/]*:\([0-9]*\)$/\1/p')
        [ -n "$port" ] || return 0
        for owner in $(listeners "$port"); do
            if [ "$owner" != "$(id -u)" ]; then
                taken "$port" "$owner" "the app"
                return 1
            fi
        done
    fi
}

taken() { # account number $2 uses port $1, which $3 needs
    account=$(getent passwd "$2" | cut -d : -f 1)
    echo "port $1 belongs to another program: one of ${account:-account $2} listens on it, so $3 cannot." \
        "End that program, or choose another port in the inventory."
}

# The trial start of uWSGI file $1 leaves out some options with paths: check that the paths are writable instead.
check_left_out() {
    left_out_of "$1" >"$pending/left.out"
    names=
    while IFS=' ' read -r option path; do
        path=$(printf '%s' "$path" | sed 's/%%/%/g')
        case $path in
        /*)
            folder=${path%/*}
            case $option in spooler* | metrics-dir*) folder=$path ;; esac
            if [ ! -w "$path" ] && { [ ! -d "${folder:-/}" ] || [ ! -w "${folder:-/}" ]; }; then
                echo "$option = $path: uWSGI cannot write there and would not start. The folder must exist and be" \
                    "writable for $(id -un)."
                return 1
            fi
            ;;
        esac
        case $option in zerg-server | socket) continue ;; esac # from the template, in folders that a deploy makes
        case ", $names, " in *", $option, "*) ;; *) names="${names:+$names, }$option" ;; esac
    done <"$pending/left.out"
    rm -f "$pending/left.out"
    [ -z "$names" ] || unvalidated "uWSGI options left out of the trial start: $names; their folders are writable"
}

# First uWSGI's own parser, which touches nothing live; then a trial start with one worker on its own socket, which must
# answer one request.
prove_uwsgi() {
    with_products_within 60 uwsgi --strict --ini "$1" --cflags </dev/null >/dev/null
    check_left_out "$1"
    fit_for_start_beside "$1" >"$pending/trial.ini"
    start_trial
    answered=
    if trial_answers; then answered=yes; fi
    end_trial
    if [ -z "$answered" ]; then
        echo "uWSGI does not start with the new file: its trial start answers no request within $(app_value start) seconds"
        return 1
    fi
    tell_proof trial-start "uWSGI with the new file and the current app"
}

# It leads its own process group, trial.group, and ends by itself if this script is gone. In parentheses, because dash
# keeps copies of the descriptors otherwise: a trial must hold neither the lock nor the connection.
start_trial() {
    # shellcheck disable=SC2016 # expanded by that shell
    (with_products sh -c 'echo $$ >"$1"; shift; exec timeout -k 5 "$@"' poms-ops "$pending/trial.group" \
        "$(($(app_value start) + 15))" uwsgi --strict --ini "$pending/trial.ini" --socket "$pending/trial.sock" --master \
        --workers 1 --threads 2 --need-app --die-on-term --pidfile "$pending/trial.pid" </dev/null) 3>&- 4<&- 5>&- 9>&- &
    trial=$!
}

trial_answers() { # within the app's start time, unless the operator interrupts
    (ask_app "$app" "$pending/trial.sock" "$(app_value start)" "$trial") 3>&- 4<&- 5>&- 9>&- &
    asking=$!
    while is_alive "$asking"; do
        if unwanted; then return 1; fi
        sleep 0.1
    done
    wait "$asking"
}

end_trial() { # an app that hangs in its import ends only by KILL
    if [ -s "$pending/trial.pid" ]; then kill -TERM "$(cat "$pending/trial.pid")" 2>/dev/null || :; fi
    tries=0
    while is_alive "$trial" && [ "$tries" -lt 50 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    if [ -s "$pending/trial.group" ]; then kill -s KILL -- "-$(cat "$pending/trial.group")" 2>/dev/null || :; fi
    kill -KILL "$trial" 2>/dev/null || :
    wait "$trial" || :
    rm -f "$pending"/trial.*
}

may_run() { # whether sudo allows the command in file $1, without running it
    if [ "$(head -n 1 "$1")" = sudo ] && [ -z "$sudo_password" ]; then
        words=$1
        set --
        while IFS= read -r word; do set -- "$@" "$word"; done <"$words"
        shift
        if ! sudo -n -l -- "$@" >/dev/null; then
            echo "the account cannot run '$*' without a password: add a sudo rule, or use --prompt-for-sudo-password"
            return 1
        fi
    fi
}

# Record the level that was reached. Fails if it is below the inventory's minimum, unless the operator has set
# --unvalidated.
require_level() {
    tell_proof "$reached" "Apache's new files"
    printf 'validation %s\n' "$reached" >>"$pending/meta"
    minimum=$(cat "$pending/minimum" 2>/dev/null) || minimum=none
    if [ "$(rank_of "$reached")" -ge "$(rank_of "$minimum")" ]; then return 0; fi
    echo "in the way: $obstacle"
    if [ -e "$pending/waived" ]; then
        unvalidated "Apache's files beyond $reached, although $minimum is required (--unvalidated): $obstacle"
        return 0
    fi
    say "insufficient $reached"
    return 1
}

rank_of() { # ops/inventory/validation_levels.py has the same order
    case $1 in identity-probe) echo 3 ;; trial-start) echo 2 ;; configtest) echo 1 ;; *) echo 0 ;; esac
}

prove_all() {
    find_taken_ports
    if grep -qx apache "$pending/reloads"; then
        may_run "$pending/apache"
        check_selinux
        validate_apache
        require_level
    fi
    if grep -q -e '^supervisord' -e '^program' "$pending/reloads"; then
        with_products_within 60 supervisord --version </dev/null
        with_products_within 60 supervisorctl --help </dev/null >/dev/null
    fi
    while read -r parser number; do
        case $parser in
        supervisord) supervise parse - - "$pending/new.$number" ;;
        uwsgi) prove_uwsgi "$pending/new.$number" ;;
        esac
    done <"$pending/parsers"
}

configtest() { [ ! -e "$pending/configtest" ] || run_command "$pending/configtest"; }
