# health.sh: whether what serves here runs, how long its queue is, and the room that is left. Changes nothing.
# Asked:    state_dir, "listens PORT" ..., "app LISTEN" where the app listens for Apache, "disk PATH" ...; end
# Answers:  "now SECONDS" since 1970 by the host's clock; "port open|silent|closed PORT": it answers, somebody only listens, nobody does; "process NAME PID SECONDS", or "process NAME"
#           where it does not run, "process NAME hidden" where this account cannot tell; "shibd listens" where the kernel
#           knows of its socket; "standby PID SECONDS REQUESTS LEFT" (standby.sh); "queue WAITING ROOM" of connections that the app has not taken yet, where the host
#           tells; "disk KILOBYTES PERCENT INODES MOUNT": free, used, free; end
# Source: ss(8) on Recv-Q and Send-Q of listening sockets. uWSGI itself tells no queue of a unix socket.
say poms-ops health

# Whether this account sees other accounts' processes: /proc may be mounted with hidepid.
sees_processes() { command -v pgrep >/dev/null && IFS= read -r _ 2>/dev/null </proc/1/stat; }

look_at_process() { # $1: what we call it, $2: its name as the kernel has it
    process=$(pgrep -o -x "$2" 2>/dev/null) || process=
    age=
    if [ -n "$process" ]; then age=$(ps -o etimes= -p "$process" 2>/dev/null | tr -d ' ') || age=; fi
    if [ -z "$process" ] && ! sees_processes; then process=hidden; fi
    say "process $1${process:+ $process}${age:+ $age}"
}

look_at_queue() {
    command -v ss >/dev/null || return 0
    # The fields: kind, state, waiting, room, address.
    ss -ltxnH 2>/dev/null | ADDRESS=$1 awk '$5 == ENVIRON["ADDRESS"] { print "queue", $3, $4; exit }' >&3
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
    "listens "*)
        if tls_answers "$value"; then
            say "port open $value"
        elif [ -n "$(listeners "$value")" ]; then
            say "port silent $value"
        else
            say "port closed $value"
        fi
        ;;
    "app "*) look_at_queue "$value" ;;
    "disk "*) look_at_disk "$value" ;;
    end) break ;;
    esac
done
look_at_process apache 'httpd|apache2'
look_at_process shibd shibd
if grep -q ' 00010000 .*/shibd\.sock$' /proc/net/unix 2>/dev/null; then say "shibd listens"; fi
tell_standbys standby
say end
