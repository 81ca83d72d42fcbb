# Part of transaction.sh: prove the staged files as a whole before any of them is live.
# Reads $pending: new.N and files (what is staged); configtest (the first word is httpd); listens (its ports); and
# apache_root, apache_run and apache_logs, a path each.
# Source: mount_namespaces(7), user_namespaces(7), unshare(1); Apache 2.4's manual on starting without root.

PROOF_LIMIT=60 # seconds for the whole of Apache's proof

# What runs as root of a private user namespace: the staged folders over the live ones, a throwaway certificate over
# one whose key this account cannot read, empty folders over run and logs, and then the account itself again, for
# httpd refuses to be root of such a namespace.
# shellcheck disable=SC2016 # expanded by the shell that runs it
proof_as_root='
set -eu
cd "$1"
while read -r number folder; do mount --bind "folder.$number" "$folder"; done <folders
while IFS= read -r path; do mount --bind proof.pem "$path"; done <closed.certificates
while IFS= read -r path; do mount --bind proof.key "$path"; done <closed.keys
[ ! -e door.covers ] || while read -r cover path; do mount --bind "$cover" "$path"; done <door.covers
mount -t tmpfs -o mode=1777 tmpfs "$(readlink -f "$(cat apache_run)")"
mount -t tmpfs -o mode=1777 tmpfs "$(readlink -f "$(cat apache_logs)")"
mount -t proc proc /proc
"$2" -t
ip link set lo up
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
exec unshare --user --map-user="$3" --map-group="$4" -- /bin/sh -c "$5" poms-ops "$2"
'

# What runs as the account in there: a trial start, which must answer on every port that the inventory names.
# shellcheck disable=SC2016 # expanded by the shell that runs it
proof_as_account='
set -eu
"$1" -D FOREGROUND -k start &
httpd=$!
while read -r port; do
    answered=
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        kill -0 "$httpd" 2>/dev/null || { echo "the trial start of Apache ended"; cat "$(cat apache_logs)"/*error* || :; exit 1; }
        done_tls=$(curl -sk -m 5 -o /dev/null -w "%{time_appconnect}" "https://127.0.0.1:$port/" || :)
        case $done_tls in *[1-9]*) answered=yes; break ;; esac
        sleep 0.25
    done
    [ -n "$answered" ] || { echo "the trial start of Apache does not answer on port $port"; cat "$(cat apache_logs)"/*error* || :; exit 1; }
done <listens
'

tell_proof() { # "LEVEL WHAT", and note it in the record
    say "proof $*"
    printf 'proof %s\n' "$*" >>"$pending/meta"
}

# Set $proof to how far Apache can be proven here: "started", "tested" or "none".
proof_level() {
    proof=none
    if unshare --user --map-root-user --mount --net --pid --fork --kill-child true 2>/dev/null; then
        proof=tested
        if command -v curl >/dev/null && unshare --help 2>&1 | grep -q -e --map-user=; then proof=started; fi
    fi
}

# Lay the folders that hold staged Apache files out in $pending, each whole: as they are, or ($1 = staged) as they would be.
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

number_of() { # the laid out folder $1
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

# Which certificates and keys Apache's files name, those laid out and those that stay, of which this account cannot read the key: these are replaced.
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
    awk -v directive="$1" 'tolower($1) == directive { sub(/^[ \t]*[^ \t]+[ \t]+/, ""); gsub(/"|[ \t]+$/, ""); print }' "$2"
}

try_apache() { # the tree as lay_out left it; $1: what the account does in there
    apache_root=$(cat "$pending/apache_root")
    find_closed_keys
    timeout "$PROOF_LIMIT" unshare --user --map-root-user --mount --net --pid --fork --kill-child \
        /bin/sh -c "$proof_as_root" poms-ops "$pending" "$(head -n 1 "$pending/configtest")" "$(id -u)" "$(id -g)" \
        "$1" </dev/null 3>&- 4<&- 9>&-
}

# Where there are no namespaces: -t on a copy of the server root, which says of itself that it is the root. Links in it
# (modules, logs, run) lead where they led.
lay_out_copy() { # as it is, or ($1 = staged) as it would be
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

for_sed() { printf '%s' "$1" | sed 's/[][(){}.*+?^$|\\&,]/\\&/g'; } # $1 itself, in a pattern of -E or in its replacement

# Test the copy; httpd lists what it has read, for a copy whose files nobody reads proves nothing.
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

prove_copy() {
    unread=
    lay_out_copy staged
    if try_copy; then
        tell_proof "tested Apache as it would be, in a copy: this host gives the account no namespaces for a trial start"
        return 0
    fi
    if [ -z "$unread" ]; then
        lay_out_copy live
        if try_copy >/dev/null 2>&1; then return 1; fi
    fi
    tell_proof "none this host gives the account no namespaces, and Apache cannot be tested in a copy:" \
        "it is tested once the files are in place"
}

prove_apache() {
    proof_level
    if [ "$proof" = none ]; then
        prove_copy
        return
    fi
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj /CN=proof \
        -keyout "$pending/proof.key" -out "$pending/proof.pem" 2>/dev/null
    if [ "$proof" = started ]; then inside=$proof_as_account; else inside=:; fi
    lay_out staged
    if try_apache "$inside"; then
        tell_proof "$proof Apache as it would be"
        if [ "$proof" = started ]; then prove_door; fi
        return
    fi
    lay_out live
    if try_apache "$inside" >/dev/null 2>&1; then return 1; fi
    # The live tree fails in there as well: either it is broken already, or this host's Apache cannot be tried so.
    tell_proof "none Apache as it is now cannot be tried on this host either: it is tested once the files are in place"
}

# uWSGI's own parser first, in the way that touches nothing live; then a start of the candidate, one worker on a socket
# of its own, which must answer one request.
prove_uwsgi() {
    with_products uwsgi --strict --ini "$1" --cflags </dev/null >/dev/null
    fit_for_start_beside "$1" >"$pending/trial.ini"
    with_products timeout 90 uwsgi --strict --ini "$pending/trial.ini" --socket "$pending/trial.sock" --master \
        --workers 1 --threads 2 --need-app --die-on-term --pidfile "$pending/trial.pid" </dev/null &
    trial=$!
    answered=yes
    ask_app "$app" "$pending/trial.sock" 60 "$trial" || answered=
    if [ -s "$pending/trial.pid" ]; then kill -TERM "$(cat "$pending/trial.pid")" 2>/dev/null || :; fi
    wait "$trial" || :
    rm -f "$pending"/trial.*
    if [ -z "$answered" ]; then
        echo "the trial start of uWSGI with $(basename "$1") does not answer one request"
        return 1
    fi
    tell_proof "answered uWSGI with the new file and the app as it is"
}

may_run() { # the command whose words file $1 holds; sudo is asked without running it
    if [ "$(head -n 1 "$1")" = sudo ] && [ -z "$sudo_password" ]; then
        set --
        while IFS= read -r word; do set -- "$@" "$word"; done <"$pending/apache"
        shift
        if ! sudo -n -l -- "$@" >/dev/null; then
            echo "the account may not run '$*' without a password: a sudo rule is missing, or --prompt-for-sudo-password"
            return 1
        fi
    fi
}

prove_all() {
    if grep -qx apache "$pending/reloads"; then
        may_run "$pending/apache"
        prove_apache
    fi
    if grep -q -e '^supervisord' -e '^program' "$pending/reloads"; then
        with_products supervisord --version </dev/null
        with_products supervisorctl --help </dev/null >/dev/null
    fi
    while read -r parser number; do
        case $parser in
        supervisord) supervise parse - - "$pending/new.$number" ;;
        uwsgi) prove_uwsgi "$pending/new.$number" ;;
        esac
    done <"$pending/parsers"
}

configtest() { [ ! -e "$pending/configtest" ] || run_command "$pending/configtest"; }
