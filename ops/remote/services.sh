# Part of transaction.sh: reload the changed services, and check that what worked before works afterwards.
# $pending/reloads lists the reloads: "apache", "supervisord start|apply|restart", "program HOW NAME".
# $state_dir/owed lists the pending reloads, for a later run in which no file differs any more.

reload_one() {
    case $what-$how-$name in
    program-graceful-*) ;;
    supervisord-apply-) end_standbys_before_changes ;;
    supervisord-* | program-*-"$uwsgi_program") end_standbys "$RESTART_MERCY" kill ;; # it may hold the program's port
    esac
    case $what-$how in
    apache-)
        journal reload-apache
        reload_apache
        ;;
    supervisord-start)
        journal start-supervisord
        start_supervisord
        note_started
        ask_supervisord await
        ;;
    supervisord-apply)
        journal apply-programs
        set --
        if [ -e "$pending/apply" ]; then
            while IFS= read -r group; do set -- "$@" "$group"; done <"$pending/apply"
        fi
        ask_supervisord apply "$@"
        ;;
    supervisord-restart)
        journal restart-supervisord
        case $(supervisord_state) in
        down) # it died of the settings that are rolled back now
            start_supervisord
            ask_supervisord await
            ;;
        *) ask_supervisord reload ;;
        esac
        ;;
    supervisord-shutdown)
        journal stop-supervisord
        if runs_as_started; then shut_down_supervisord "$started"; fi
        ;;
    program-*)
        journal "reload-$name"
        if [ "$how" = graceful ]; then
            reload_gracefully "$name"
        else
            ask_supervisord "$how" "$name"
        fi
        ;;
    esac
}

# Reload Apache. If it has ended, start it by the restart command: a reload needs a running Apache. During a rollback,
# do nothing if the files fail Apache's test: a running Apache would end, and could not be started again.
reload_apache() {
    if [ -n "$way_back" ] && ! configtest >"$pending/refused" 2>&1; then
        cat "$pending/refused"
        if has_apache_ended; then state="is down"; else state="was not reloaded and still runs"; fi
        say "note Apache $state: the restored files fail its configuration test: $(in_a_line "$pending/refused")"
        return 1
    fi
    if ! has_apache_ended || [ ! -s "$pending/apache_start" ]; then
        if run_apache "$pending/apache"; then return 0; fi
        if [ -z "$way_back" ] || [ ! -s "$pending/apache_start" ] || ! has_apache_ended; then return 1; fi
    fi
    say "note Apache is not running: starting it by '$(in_a_line "$pending/apache_start")'"
    if run_apache "$pending/apache_start" && ! has_apache_ended; then return 0; fi
    if has_apache_ended; then say "note Apache is down: it did not start"; fi
    return 1
}

in_a_line() { head -c 400 "$1" | tr '\n' ' ' | sed 's/ $//'; }

run_apache() { # run the command in file $1, and wait until Apache answers
    since=$(now_in_ticks)
    # shellcheck disable=SC2046 # a list of ports
    run_command "$1" && await_apache "$since" $(ports_that_must_answer)
}

has_apache_ended() {
    # shellcheck disable=SC2046 # a list of ports
    apache_has_ended $(cat "$pending/listens" "$pending/listen.live" 2>/dev/null)
}

# The supervisord that this deploy has started: a rollback ends only this one.
note_started() {
    state=$(supervisord_state)
    case $state in up*) echo "${state#up } $(start_time "${state#up }")" >"$pending/started" ;; esac
}

runs_as_started() { # the supervisord that this deploy has started still runs
    [ -s "$pending/started" ] && read -r started started_at <"$pending/started" && is_process "$started" "$started_at"
}

reload_all() { # during a rollback, one failure does not stop the other reloads
    undone=''
    while read -r what how name; do
        if [ -n "$listener" ] && unwanted; then return 1; fi
        if [ -n "$way_back" ]; then
            attempt reload_one
            if failed; then undone=yes; else note_done || :; fi # on failure, an unneeded reload stays pending
        else
            reload_one
            note_done
        fi
    done <"$pending/reloads"
    [ -z "$undone" ]
}

note_done() { # remove the line from the pending reloads; fails without a change if there is no space
    printf '%s\n' "$what${how:+ $how}${name:+ $name}" >"$pending/done" || return 1
    grep -vxF -f "$pending/done" "$state_dir/owed" >"$pending/owed" || [ $? -eq 1 ] || return 1
    mv "$pending/owed" "$state_dir/owed"
}

# After a rollback, reload the same services. Stop a supervisord that this deploy has started. If somebody else has started
# it since (cron at boot, for example), keep it and reload it. If it ran before and has ended since, start it: its
# programs read the old files then.
undo_reloads() {
    if grep -qx 'supervisord start' "$pending/reloads"; then
        sed -i '/^supervisord start$/d' "$pending/reloads"
        if runs_as_started; then
            echo 'supervisord shutdown' >>"$pending/reloads"
        elif [ ! -e "$pending/running" ] && [ -e "$supervisord_conf" ]; then
            case $(supervisord_state) in
            up*)
                say "note somebody else has started supervisord since; it keeps running, with the old files"
                echo 'supervisord apply' >>"$pending/reloads"
                [ -z "$uwsgi_program" ] || echo "program graceful $uwsgi_program" >>"$pending/reloads"
                ;;
            esac
        fi
    fi
    if [ -e "$pending/running" ] && [ "$(supervisord_state)" = down ]; then
        sed -i -e '/^supervisord /d' -e '/^program /d' "$pending/reloads"
        echo 'supervisord start' >>"$pending/reloads"
    fi
    if cp "$pending/reloads" "$pending/owed"; then mv "$pending/owed" "$state_dir/owed"; fi
    sync "$state_dir/owed" 2>/dev/null || sync
    reload_all
}

# ---- checks -----------------------------------------------------------------------------------------------------------

ports_that_must_answer() { # those that answered before; all of them on a host's first deploy, unless it is rolled back
    if [ -e "$pending/first" ] && [ -n "$listener" ]; then
        cat "$pending/listens"
    else
        sed -n 's/^port //p' "$pending/well"
    fi
}

look_before() { # record what works now: the ports that answer, the programs that run, the app
    if grep -qx 'supervisord start' "$pending/reloads"; then need_way_to_start; fi
    : >"$pending/well"
    [ -e "$state_dir/current" ] || : >"$pending/first"
    while read -r port; do
        if tls_answers "$port"; then echo "port $port" >>"$pending/well"; fi
    done <"$pending/listens"
    case $(supervisord_state) in
    up*)
        supervise baseline "$supervisor_socket" "$state_dir/taken" "$pending/running"
        if [ -n "$web_program" ] && app_answers 5; then echo app >>"$pending/well"; fi
        if [ -s "$pending/through_apache" ]; then
            ask_through_apache_patiently "$(as_it_is_now "$(cat "$pending/through_apache")")" 2
            echo "through-apache $through" >>"$pending/well"
        fi
        ;;
    esac
}

# The line $1 (through_apache.sh) with the page in Apache's current files, old or new: its name depends on the app's page,
# which may differ between them.
as_it_is_now() {
    page=$(while read -r _ _ path; do
        case $path in *.conf) sed -n 's|^ *<Location "\(/poms-ops/[^" ]*\)">$|\1|p' "$path" 2>/dev/null || : ;; esac
    done <"$pending/manifest" | head -n 1)
    printf '%s\n' "$1" | PAGE=$page awk '{ if (ENVIRON["PAGE"] != "") $2 = ENVIRON["PAGE"]; print }'
}

app_answers() { ask_app "$app" "$(app_value listen)" "$@"; } # within $1 seconds; $2: "none" if waiting is useless

look_after() {
    noting=yes
    first=
    if [ -e "$pending/first" ]; then first=yes; fi
    look_now
}

look_now() {
    worse=
    while read -r port; do
        if answers "$port"; then
            note_check ok "port $port"
            continue
        fi
        compare "port $port" "port $port does not answer"
    done <"$pending/listens"
    if [ -e "$pending/running" ] && ! supervise compare "$supervisor_socket" "$state_dir/taken" "$pending/running"; then
        worse=yes
    fi
    if [ -n "$web_program" ]; then
        case $(supervisord_state) in
        up*) look_at_app ;;
        *) say_not_serving - "supervisord is not running" ;;
        esac
    fi
    [ -z "$worse" ]
}

look_at_app() {
    set -- 60
    if [ -z "$first" ] && ! grep -qx app "$pending/well"; then
        case $(web_state) in STOPPED | FATAL | EXITED) set -- 5 none ;; esac
    fi
    if problem=$(app_answers "$@" 2>&1); then
        note_check ok "the app"
        look_through_apache
        return
    fi
    echo "$problem"
    state=$(web_state)
    say_not_serving "${state:--}" "$problem"
    compare app "the app does not answer"
}

# Whether visitors get the app's pages: the app answers on its own socket, and Apache must reach it there. Reports the
# service's state.
look_through_apache() {
    if [ ! -s "$pending/through_apache" ]; then
        say "service answers"
        note_check not-asked "the app through Apache"
        return
    fi
    ask_through_apache_patiently "$(as_it_is_now "$(cat "$pending/through_apache")")" 10
    case $through in
    ok)
        say "service answers"
        note_check ok "the app through Apache"
        return
        ;;
    unknown)
        say "service answers"
        say "note cannot check whether Apache reaches the app: $through_found"
        note_check not-asked "the app through Apache: $through_found"
        return
        ;;
    esac
    say "service unreached $(printf '%s\n' "$through_found" | base64 | tr -d '\n')"
    if grep -qx -e "through-apache ok" -e "through-apache failed" "$pending/well" || [ -n "$first" ]; then
        compare "through-apache ok" "$through_found"
    else # the check was not possible before: the files of an earlier version, or an app that did not answer
        note_check failed "$through_found"
        say "note unknown whether this already failed before the deploy: $through_found"
    fi
}

web_state() { # supervisord's state of the app's program
    supervise describe "$supervisor_socket" "$state_dir/taken" 2>/dev/null |
        PROGRAM=$web_program awk '$1 == ENVIRON["PROGRAM"] { print $2; exit }' || :
}

say_not_serving() { say "service fails $1 $(printf '%s\n' "$2" | tail -n 3 | base64 | tr -d '\n')"; }

note_check() { # in the release record, for checks after the change
    [ -z "$noting" ] || printf 'check %s on the host: %s\n' "$1" "$2" >>"$pending/meta" || :
}

look_again() { # after a rollback: what worked before must work again
    noting=
    first=
    look_now
}

compare() { # check $1 fails now, with message $2: did it pass before? On a host's first deploy it must pass.
    note_check failed "$2"
    if grep -qxF -e "$1" "$pending/well" || [ -n "$first" ]; then
        echo "$2"
        worse=yes
    else
        say "note already failing before this deploy: $2"
    fi
}
