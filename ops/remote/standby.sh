# Part of the scripts that handle a standby: the second uWSGI that serves while the first one reloads.
# It is its own session, led by a keeper: a shell that starts and ends it. $state_dir/standby.KEEPER names both by process
# id and start time, which identify a process; .KEEPER.end exists after the standby was told to end.
# Source: proc(5) on /proc/PID/stat; credentials(7) on sessions.

is_process() { # process $1 runs, and started at $2
    [ -n "$2" ] && [ "$2" = "$(start_time "$1")" ]
}

start_time() { # of process $1, in the kernel's ticks; nothing if it has ended, or is a zombie
    IFS= read -r stat_line 2>/dev/null <"/proc/$1/stat" || return 0
    # shellcheck disable=SC2086 # its words, from the state on
    set -- ${stat_line##*") "}
    [ "$1" = Z ] || echo "${20}"
}

read_standby() { # read record $1; fails if none of its processes runs
    boot='' keeper='' keeper_start='' master='' master_start='' began=0 its_mercy=0 life=0
    { read -r boot keeper keeper_start master master_start began its_mercy life <"$1"; } 2>/dev/null || : # it ends now
    read -r this_boot </proc/sys/kernel/random/boot_id
    [ "$boot" = "$this_boot" ] && { is_process "$keeper" "$keeper_start" || is_process "$master" "$master_start"; }
}

requests_of() { # of the standby whose record was read; "?" without a Python to count them
    standby_requests "$keeper" || echo '?'
}

seconds_left() { # until the standby of record $1 (already read) ends by itself at the latest
    if [ -e "$1.end" ]; then
        echo "$(($(cat "$1.end") + its_mercy - $(date +%s)))"
    else
        echo "$((began + life + its_mercy - $(date +%s)))"
    fi
}

# "$1 PID AGE REQUESTS LEFT" for each running standby; AGE and LEFT (its remaining time) in seconds.
tell_standbys() {
    for record in "$state_dir"/standby.*[0-9]; do
        if [ -e "$record" ] && read_standby "$record"; then
            say "$1 $master $(($(date +%s) - began)) $(requests_of) $(seconds_left "$record")"
        fi
    done
}
