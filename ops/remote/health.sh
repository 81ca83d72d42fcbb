# health.sh: whether the services run, the length of the app's queue, and the free disk space. Changes nothing.
# Asked:    state_dir; "configtest WORD" ... where Apache's files are to be tested; "queue MOST LISTEN", where the app
#           listens for Apache; "app NAME VALUE" ... (uwsgi.sh), where it is to be asked unless MOST connections wait for it
#           already; "through_apache …" where Apache is asked for a page of it (through_apache.sh); "visit NAME PATH", the page that a visitor asks Apache for; "listens PORT" ..., "disk PATH" ...;
#           "password" and a line; end
# Answers:  "now SECONDS" since 1970 by the host's clock; "port open|silent|closed PORT": it answers, somebody only
#           listens, nobody does; "page STATUS PORT" where a visitor without a login gets one of HTTP; "process NAME PID
#           SECONDS", or "process NAME" where it does not run, "process NAME hidden" where this account cannot tell;
#           "shibd listens" where the kernel knows of its socket; "standby PID SECONDS REQUESTS LEFT" (standby.sh); "queue
#           WAITING ROOM" of connections that the app has not taken yet, where the host tells; "app answers|unknown", or
#           "app fails BASE64"; "through_apache ok|failed|unknown BASE64" and what there is to say; "configtest ok|unknown", or "configtest failed BASE64"; "disk KILOBYTES PERCENT INODES
#           MOUNT": free, used, free; end
# Source: ss(8) on Recv-Q and Send-Q of listening sockets. uWSGI itself tells no queue of a unix socket.
say poms-ops health
told='' crowded='' ports=''
work=$(mktemp -d 2>/dev/null) || work='' # on a full disk, everything else is still reported
trap 'rm -rf "$work"' EXIT

# Whether this account sees other accounts' processes: /proc may be mounted with hidepid.
sees_processes() { command -v pgrep >/dev/null && IFS= read -r _ 2>/dev/null </proc/1/stat; }

look_at_process() { # $1: our name for it, $2: the kernel's name, $3: its account, where only that one counts
    process=$(pgrep -o ${3:+-u "$3"} -x "$2" 2>/dev/null) || process=
    age=
    if [ -n "$process" ]; then age=$(ps -o etimes= -p "$process" 2>/dev/null | tr -d ' ') || age=; fi
    if [ -z "$process" ] && ! sees_processes; then process=hidden; fi
    say "process $1${process:+ $process}${age:+ $age}"
}

look_at_port() {
    if tls_answers "$1"; then
        say "port open $1"
        status=$(printf '%s\n' "$told" | sed -n '/^HTTP\/1/ { s/^[^ ]* \([0-9]*\).*/\1/p; q; }')
        if [ -n "$status" ]; then say "page $status $1"; fi
    elif [ -n "$(listeners "$1")" ]; then
        say "port silent $1"
    else
        say "port closed $1"
    fi
}

look_at_queue() { # of address $2; sets $crowded if $1 or more connections wait
    command -v ss >/dev/null || return 0
    # The fields: kind, state, waiting, room, address.
    queue=$(ss -ltxnH 2>/dev/null | ADDRESS=$2 awk '$5 == ENVIRON["ADDRESS"] { print $3, $4; exit }')
    [ -n "$queue" ] || return 0
    say "queue $queue"
    if [ "${queue% *}" -ge "$1" ]; then crowded=yes; fi
}

# Slow commands start first and are reported last. $1: a name; then the command. A timeout or a missing command means
# "unknown".
begin() {
    name=$1
    shift
    (
        ended=0
        "$@" >"$work/$name.said" 2>&1 || ended=$?
        echo "$ended" >"$work/$name.ended"
    ) </dev/null 3>&- &
}

tell_ended() { # $1: its name, $2: what to print on success, $3: on failure
    ended=$(cat "$work/$1.ended" 2>/dev/null) || ended=127
    case $ended in
    0) say "$1 $2" ;;
    124 | 126 | 127 | 137) say "$1 unknown" ;;
    *)
        if grep -qE "^sudo: |has not ended after $COMMAND_LIMIT seconds" "$work/$1.said"; then
            say "$1 unknown"
        else
            say "$1 $3 $(encoded_tail 5 "$work/$1.said")"
        fi
        ;;
    esac
}

ask() { # the app, once: where it is only about to listen its program is not up either
    ask_app "$work/app" "$(sed -n 's/^listen //p' "$work/app")" 5 none
}

ask_apache_for_it() {
    ask_through_apache_patiently "$(cat "$work/through_apache")" 2
    printf '%s %s\n' "$through" "$(printf '%s' "$through_found" | base64 | tr -d '\n')"
}

test_configuration() {
    COMMAND_LIMIT=10
    run_command "$work/configtest"
}

look_at_disk() {
    [ -e "$1" ] || return 0
    inodes=$(df -Pi "$1" 2>/dev/null | awk 'NR == 2 { print $4 }')
    df -Pk "$1" 2>/dev/null | awk -v inodes="${inodes:--}" 'NR == 2 { sub("%", "", $5); print "disk", $4, $5, inodes, $6 }' >&3
}

say "now $(date +%s)"
while IFS= read -r line; do
    value=${line#* }
    case $line in
    "state_dir "*) state_dir=$value ;;
    "configtest "*) if [ -n "$work" ]; then printf '%s\n' "$value" >>"$work/configtest"; fi ;;
    "queue "*) look_at_queue "${value%% *}" "${value#* }" ;;
    "app "*) if [ -n "$work" ]; then printf '%s\n' "$value" >>"$work/app"; fi ;;
    "through_apache "*) if [ -n "$work" ]; then printf '%s\n' "$value" >"$work/through_apache"; fi ;;
    "visit "*)
        # shellcheck disable=SC2034 # by ask_tls
        visited=$value
        ;;
    "listens "*) ports="$ports $value" ;;
    "disk "*) look_at_disk "$value" ;;
    password) IFS= read -r sudo_password ;;
    end) break ;;
    esac
done
if [ -e "$work/configtest" ]; then begin configtest test_configuration; fi
if [ -e "$work/app" ] && [ -z "$crowded" ]; then
    begin app ask
    if [ -e "$work/through_apache" ]; then begin through ask_apache_for_it; fi
fi
for port in $ports; do look_at_port "$port"; done
look_at_process apache 'httpd|apache2' root # and not the configuration test that has begun above, or a trial start
look_at_process shibd shibd
if grep -q ' 00010000 .*/shibd\.sock$' /proc/net/unix 2>/dev/null; then say "shibd listens"; fi
tell_standbys standby
wait
if [ -e "$work/app" ]; then tell_ended app answers fails; fi
if [ -s "$work/through.said" ]; then say "through_apache $(tail -n 1 "$work/through.said")"; fi
if [ -e "$work/configtest" ]; then tell_ended configtest ok failed; fi
say end
