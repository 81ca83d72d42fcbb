# Part of transaction.sh and programs.sh: the app's uWSGI, and its reload, during which a standby serves (standby.sh).

# Options of a uWSGI file with effects outside the process, or that set the number of workers: a trial start omits them.
NOT_BESIDE='socket|uwsgi-socket|.*-socket|socket-.*|http.*|https.*|fd|stats.*|.*pidfile.*|daemonize.*|.*log.*|touch-.*'
NOT_BESIDE="$NOT_BESIDE|.*reload.*|hook-.*|exec-.*|call-.*|as-user.*|mule.*|farm.*|.*daemon.*|legion.*|.*cron.*"
NOT_BESIDE="$NOT_BESIDE|.*fifo.*|vacuum|chmod.*|chown.*|cheap.*|workers|processes|threads|master|spooler.*|zerg.*"
NOT_BESIDE="$NOT_BESIDE|emperor.*|vassal.*|subscri.*|snmp.*|carbon.*|alarm.*|max-.*|min-.*|.*harakiri.*|idle|uid|gid"
NOT_BESIDE="$NOT_BESIDE|cgroup.*|.*router.*|cache.*|queue.*|sharedarea.*|metrics-dir.*|die-on-idle|strict|unlink.*|print.*"

fit_for_start_beside() { # uWSGI's file $1, without what a running uWSGI already uses
    awk -v barred="^($NOT_BESIDE)$" '/^\[uwsgi\]/ || (/^[a-zA-Z0-9]/ && ($1 == "log-format" || $1 !~ barred))' "$1"
}

# The options of uWSGI's file $1 that a trial start omits: "OPTION PATH", or "OPTION -" if its value is not a path. The
# inventory's rules check numbers and switches, find_taken_ports checks addresses.
left_out_of() {
    awk -v barred="^($NOT_BESIDE)$" '
        /^[a-zA-Z0-9]/ && $1 != "log-format" && $1 !~ /^(touch-.*|hook-accepting1-once|uid|gid)$/ && $1 ~ barred {
            value = $0
            sub(/^[^=]*=[ \t]*/, "", value)
            sub(/^[a-z]+:\//, "/", value)
            if (value ~ /^\//) print $1, value
            else if (value !~ /^(true|false|[0-9]*)$/ && $1 !~ /socket$/) print $1, "-"
        }' "$1"
}

# The file $app has the request's lines about the app: "listen ADDRESS"; the "path" to request, with each "header NAME
# VALUE", and each accepted "status" (none: any below 500); "ini", uWSGI's file; "timeout", the seconds for a request;
# "start", the seconds for the app's start; "log", the program's log.
app_value() { sed -n "s/^$1 //p" "$app"; } # the only value of $1

number_in() { # the number that option $1 has in uWSGI's file $2
    awk -v option="$1" '$1 == option { found = $3 } END { print found + 0 }' "$2"
}

# ---- reload -----------------------------------------------------------------------------------------------------------
# While uWSGI's master reads its file and imports the app again, it serves nobody, for as long as the import and the longest
# request take. During that time a second uWSGI with the same file and app serves on the same sockets, which the master
# shares (zerg server). It starts first; if it does not answer, the master is not reloaded.
# Measurements: docs/decisions/reload.md. Source: uWSGI's documentation, "Zerg mode" and "The Art of
# Graceful Reloading".

# Reload program $1, a uWSGI.
reload_gracefully() {
    end_standbys 0 leave # of an earlier reload
    ini=$(app_value ini) mercy=$(app_value timeout) log=$(app_value log) start=$(app_value start)
    if ! supervise is-running "$supervisor_socket" "$state_dir/taken" "$1"; then
        end_standbys "$RESTART_MERCY" kill
        ask_supervisord signal-HUP "$1" # which starts it, unless it was stopped on purpose
        return
    fi
    if hands_out; then
        handover="--zerg $state_dir/uwsgi.zerg"
    else
        handover='' # the second uWSGI then only validates the file and the app
        say "note $1: it runs no zerg server yet (it will after this reload): requests wait during this reload"
    fi
    if ! fit_for_start_beside "$ini" >"$state_dir/standby.ini"; then
        rm -f "$state_dir/standby.ini"
        say "note $1: no space for a second uWSGI on the disk of $state_dir: requests wait during the reload"
        ask_supervisord signal-HUP "$1"
        return
    fi
    count_workers
    if [ "$fitting" -lt 1 ]; then
        say "note $1: not enough free memory for a second uWSGI ($free kB; a worker has $each kB): requests wait during the reload"
        ask_supervisord signal-HUP "$1"
        return
    fi
    start_standby
    mark_serving
    ask_supervisord signal-HUP "$1"
    if ! await_serving "$1"; then
        end_standbys 5 leave
        return 1
    fi
    end_standbys 5 leave
}

hands_out() { # whether the zerg server answers; just after a start it takes a moment
    tries=0
    while [ -S "$state_dir/uwsgi.zerg" ]; do
        if supervise is-open "$supervisor_socket" "$state_dir/taken" "$state_dir/uwsgi.zerg"; then return 0; fi
        [ "$tries" -lt 10 ] || return 1
        sleep 1
        tries=$((tries + 1))
    done
    return 1
}

count_workers() { # set $fitting: how many of the file's workers fit into memory, in addition to the running ones
    memory=$(memory_of "$ini")
    each=${memory% *} free=${memory#* }
    fitting=$(number_in workers "$ini")
    [ "$fitting" -gt 0 ] || fitting=1
    room=$((${free:-0} * 8 / 10 / (each + 1)))
    if [ "$room" -lt "$fitting" ]; then fitting=$room; fi
}

start_standby() { # fails if it does not answer
    threads=$(number_in threads "$ini")
    set -- --workers "$fitting"
    if [ -n "$handover" ] && [ "$(number_of_sockets "$ini")" -gt 1 ]; then
        # Socket 0 is its own, 1 the app's; 2 speaks HTTP, which a second uWSGI does not know: map it to a worker that never
        # starts. The host's own jobs wait.
        set -- --workers "$((fitting + 1))" --cheaper "$fitting" --cheaper-initial "$fitting" \
            --cheaper-algo manual --map-socket "2:$((fitting + 1))"
    fi
    # shellcheck disable=SC2086 # an option and its value, or nothing: state_dir holds no blank
    run_standby "$mercy" uwsgi --ini "$state_dir/standby.ini" $handover --socket "$state_dir/standby.sock" --master \
        --threads "$((threads > 0 ? threads : 1))" --need-app --hook-master-start "unix_signal:15 gracefully_kill_them_all" \
        --reload-mercy "$mercy" --worker-reload-mercy "$mercy" "$@"
    if ask_app "$app" "$state_dir/standby.sock" "$start" "$second"; then return 0; fi
    end_standbys 5 leave
    echo "a second uWSGI with the current file and app does not serve; the running uWSGI is unchanged"
    tail -n 20 "$log"
    return 1
}

has_other_settings() { # uWSGI's own program on disk, with which it will be restarted
    [ -n "$uwsgi_program" ] && supervise is-changed "$supervisor_socket" "$state_dir/taken" "$uwsgi_program"
}

end_standbys_before_changes() {
    if has_other_settings; then end_standbys "$RESTART_MERCY" kill; fi
}

# Before a restart of program $1, a uWSGI: a second one validates its current file and app. If it does not serve, the
# restart is refused as long as the first one serves.
validate_restart() {
    ini=$(app_value ini) mercy=$(app_value timeout) log=$(app_value log) start=$(app_value start) handover=''
    if ! supervise is-running "$supervisor_socket" "$state_dir/taken" "$1"; then return 0; fi
    end_standbys 0 leave # of an earlier reload
    count_workers
    if [ "$fitting" -lt 1 ] || ! fit_for_start_beside "$ini" >"$state_dir/standby.ini"; then
        rm -f "$state_dir/standby.ini"
        say "note $1: not validated before the restart: not enough memory or disk space for a second uWSGI"
        return 0
    fi
    fitting=1
    if start_standby; then
        : # it ends with those of an earlier reload, before the program does
    elif ask_app "$app" "$(app_value listen)" 10; then
        return 1
    else
        say "note $1: the app does not answer, and a second uWSGI does not serve either: restarting it anyway"
    fi
}

number_of_sockets() { awk '$1 ~ /^(uwsgi-|http-)?socket$/ { n++ } END { print n + 0 }' "$1"; }

# uWSGI touches the file uwsgi.serving when it accepts requests. The file exists before that, because on a full disk only
# its time can change. The ini file of an old release may name an earlier state_dir.
mark_serving() {
    serving=$(sed -n 's/^hook-accepting1-once = write:\(.*\) yes$/\1/p' "$ini" | sed 's/%%/%/g')
    serving=${serving:-$state_dir/uwsgi.serving}
    mkdir -p "${serving%/*}"
    [ -e "$serving" ] || : >"$serving"
    serving_since=$(stat -c %z "$serving")
}

await_serving() { # wait until program $1 has a worker that accepts requests; limit: one request and one start
    waited=0
    while [ "$(stat -c %z "$serving" 2>/dev/null)" = "$serving_since" ]; do
        if [ "$waited" -eq 75 ]; then
            say "note $1: its old workers still have requests, or the app is slow to import; a second uWSGI serves"
        fi
        if [ "$waited" -gt $((5 * (mercy + start))) ] || { [ -n "${listener:-}" ] && unwanted; } || has_fallen "$1"; then
            echo "$1 does not serve after the reload"
            return 1
        fi
        sleep 0.2
        waited=$((waited + 1))
    done
}

has_fallen() { # program $1 no longer runs, so waiting is useless; checked every 5 seconds
    [ $((waited % 25)) -eq 24 ] && ! supervise is-running "$supervisor_socket" "$state_dir/taken" "$1"
}
