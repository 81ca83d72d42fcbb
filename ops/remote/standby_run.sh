# Part of the scripts that start and end a standby (standby.sh).

RESTART_MERCY=30 # seconds for a standby's requests before the program is stopped or started

# Run a standby; the words after the first three are uWSGI's. $1: the folder of the record; $2: seconds after which it ends
# in any case; $3: seconds that a request, and so its end, may take.
# shellcheck disable=SC2016 # expanded by the shell that runs it
STANDBY_KEEPER='
record=$1/standby.$$ life=$2 mercy=$3
shift 3
start_time() {
    IFS= read -r line <"/proc/$1/stat"
    set -- ${line##*") "}
    echo "${20}"
}
end() {
    trap "" TERM
    told=yes
    date +%s >"$record.end"
    kill -TERM "$master"
    (sleep "$mercy"; kill -KILL 0) &
}
"$@" &
master=$!
trap end TERM
read -r boot </proc/sys/kernel/random/boot_id
echo "$boot $$ $(start_time $$) $master $(start_time "$master") $(date +%s) $mercy $life" >"$record.new"
mv "$record.new" "$record"
(sleep "$life"; kill -TERM $$) &
told=
wait "$master"
while [ -n "$told" ]; do
    told=
    wait "$master"
done
rm -f "$record" "$record".*
kill -KILL 0 # including the two processes that watch the time
'

# Start a standby; $1: seconds that a request may take, then uWSGI's words. $second is the process to watch. It outlives
# this script, so it must hold neither the lock nor the connection: in parentheses, because dash keeps copies otherwise.
run_standby() {
    mercy=$1
    shift
    rm -f "$state_dir/standby.keeper" # an earlier one may still be reading it
    printf '%s' "$STANDBY_KEEPER" >"$state_dir/standby.keeper"
    (with_products setsid sh "$state_dir/standby.keeper" "$state_dir" "$((2 * start + mercy))" "$mercy" \
        "$@" </dev/null >>"$log" 2>&1) 3>&- 4<&- 5>&- 9>&- &
    second=$!
}

# End every standby: it accepts no new requests, and finishes those in progress. $1: seconds to wait for that. $2: "leave"
# or "spare" (without a message) if it may go on after that, until its keeper ends it; "kill" if its socket is needed.
end_standbys() {
    end_old_standby
    for record in "$state_dir"/standby.*[0-9]; do
        [ -e "$record" ] || continue
        if read_standby "$record"; then
            if is_process "$keeper" "$keeper_start"; then
                [ -e "$record.end" ] || kill -TERM "$keeper" || :
            else
                kill -TERM "$master" || :
            fi
            if ! has_ended "$1" && ! end_idle_standby; then "${2}_standby"; fi
        fi
        if ! read_standby "$record"; then rm -f "$record" "$record".*; fi
    done
    rm -f "$state_dir/standby.ini" "$state_dir/standby.sock" "$state_dir/standby.keeper" # it was begun with them, and is asked no more
}

has_ended() { # within $1 seconds
    tries=0
    while is_process "$keeper" "$keeper_start" || is_process "$master" "$master_start"; do
        [ "$tries" -lt $(($1 * 5)) ] || return 1
        sleep 0.2
        tries=$((tries + 1))
    done
}

# A standby without requests that does not end hangs, in the import of its app for example: killing it loses nothing.
end_idle_standby() {
    [ "$(requests_of)" = 0 ] || return 1
    if has_ended 5; then return 0; fi
    [ "$(requests_of)" = 0 ] && kill_session
}

kill_session() { # of the standby
    kill -s KILL -- "-$keeper" || :
    has_ended 10 && session_has_ended
}

counted() { if [ "$1" = 1 ]; then echo "1 request"; else echo "$1 requests"; fi; }

leave_standby() {
    say "note the standby of a reload, process $master, still has $(counted "$(requests_of)") in progress;" \
        "it ends by itself within $(seconds_left "$record") s"
}

spare_standby() { :; }

kill_standby() {
    lost=$(requests_of)
    if kill_session; then
        say "note the standby of a reload, process $master, was ended; lost: $(counted "$lost") in progress"
    else
        echo "the standby of a reload, process $master, could not be ended"
        return 1
    fi
}

session_has_ended() { # the standby's workers, too, which hold its sockets
    tries=0
    while cat /proc/[0-9]*/stat 2>/dev/null | SESSION=$keeper awk '
        { sub(/.*\) /, "") }
        $1 != "Z" && $4 == ENVIRON["SESSION"] { found = 1 }
        END { exit !found }
    '; do
        [ "$tries" -lt 50 ] || return 1
        sleep 0.2
        tries=$((tries + 1))
    done
}

end_old_standby() { # of the previous version, which recorded no start time
    if [ -s "$state_dir/beside.pid" ]; then
        old=$(cat "$state_dir/beside.pid")
        if grep -qF "$state_dir/beside.ini" "/proc/$old/cmdline" 2>/dev/null; then kill -TERM "$old" || :; fi
    fi
    rm -f "$state_dir"/beside.*
}
