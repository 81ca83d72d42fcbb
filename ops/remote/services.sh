# Part of transaction.sh: let services take in what changed, and see that what was well before is well afterwards.
# $pending/reloads lists what is to be done: "apache", "supervisord start|apply|restart", "program HOW NAME".
# $state_dir/owed lists what has not been done yet, so that a rerun knows although no file differs any more.

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
        down) # it died of the settings that are to be undone
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

# Apache reloads its files. One that has ended is started by the command that restarts it: a reload needs one that runs.
# On the way back, files that fail Apache's test are left alone: with them a running Apache would end, and no command
# starts another.
reload_apache() {
    if [ -n "$way_back" ] && ! configtest >"$pending/refused" 2>&1; then
        cat "$pending/refused"
        if has_apache_ended; then state="is down"; else state="runs on with the files that it has read before"; fi
        say "note Apache $state: the files that are back fail its configuration test: $(in_a_line "$pending/refused")"
        return 1
    fi
    if ! has_apache_ended || [ ! -s "$pending/apache_start" ]; then
        if run_apache "$pending/apache"; then return 0; fi
        if [ -z "$way_back" ] || [ ! -s "$pending/apache_start" ] || ! has_apache_ended; then return 1; fi
    fi
    say "note Apache does not run: it is started by '$(in_a_line "$pending/apache_start")'"
    if run_apache "$pending/apache_start" && ! has_apache_ended; then return 0; fi
    if has_apache_ended; then say "note Apache is down: it was not started"; fi
    return 1
}

in_a_line() { head -c 400 "$1" | tr '\n' ' ' | sed 's/ $//'; }

run_apache() { # the command of file $1, until Apache answers
    since=$(now_in_ticks)
    # shellcheck disable=SC2046 # a list of ports
    run_command "$1" && await_apache "$since" $(ports_that_must_answer)
}

has_apache_ended() {
    # shellcheck disable=SC2046 # a list of ports
    apache_has_ended $(cat "$pending/listens" "$pending/listen.live" 2>/dev/null)
}

# Which supervisord this deploy has started: it alone is ended by a rollback.
note_started() {
    state=$(supervisord_state)
    case $state in up*) echo "${state#up } $(start_time "${state#up }")" >"$pending/started" ;; esac
}

runs_as_started() { # the one that this deploy has started is there still, and no other
    [ -s "$pending/started" ] && read -r started started_at <"$pending/started" && is_process "$started" "$started_at"
}

reload_all() { # on the way back one that fails keeps no other service from its reload
    undone=''
    while read -r what how name; do
        if [ -n "$listener" ] && unwanted; then return 1; fi
        if [ -n "$way_back" ]; then
            attempt reload_one
            if failed; then undone=yes; else note_done || :; fi # then a reload too many is owed
        else
            reload_one
            note_done
        fi
    done <"$pending/reloads"
    [ -z "$undone" ]
}

note_done() { # take the line off what is owed; fails where there is no space, and what is owed stays as it was
    printf '%s\n' "$what${how:+ $how}${name:+ $name}" >"$pending/done" || return 1
    grep -vxF -f "$pending/done" "$state_dir/owed" >"$pending/owed" || [ $? -eq 1 ] || return 1
    mv "$pending/owed" "$state_dir/owed"
}

# The old files are back: the same services take them in. A supervisord that this deploy has started ends. One that
# somebody else has started since, cron at a boot perhaps, serves: it is left, and takes the old files in. One that ran
# before and has ended since starts, and its programs read the old files by that.
undo_reloads() {
    if grep -qx 'supervisord start' "$pending/reloads"; then
        sed -i '/^supervisord start$/d' "$pending/reloads"
        if runs_as_started; then
            echo 'supervisord shutdown' >>"$pending/reloads"
        elif [ ! -e "$pending/running" ] && [ -e "$supervisord_conf" ]; then
            case $(supervisord_state) in
            up*)
                say "note supervisord was started by somebody else since; it goes on, with the old files"
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

ports_that_must_answer() { # those that did before; all of them on a host's first deploy, until it is rolled back
    if [ -e "$pending/first" ] && [ -n "$listener" ]; then
        cat "$pending/listens"
    else
        sed -n 's/^port //p' "$pending/well"
    fi
}

look_before() { # what is well now: the ports that answer, the programs that run, the app
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

# The line $1 (through_apache.sh) with the page that Apache's files have now, the old ones or the new: it is named after the
# app's page, which may be another one in each.
as_it_is_now() {
    page=$(while read -r _ _ path; do
        case $path in *.conf) sed -n 's|^ *<Location "\(/poms-ops/[^" ]*\)">$|\1|p' "$path" 2>/dev/null || : ;; esac
    done <"$pending/manifest" | head -n 1)
    printf '%s\n' "$1" | PAGE=$page awk '{ if (ENVIRON["PAGE"] != "") $2 = ENVIRON["PAGE"]; print }'
}

app_answers() { ask_app "$app" "$(app_value listen)" "$@"; } # within $1 seconds; $2: "none" where there is no use in waiting

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
        *) say_not_serving - "supervisord does not run" ;;
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

# Whether visitors get the app's pages: it answers on its own socket, and Apache must reach it there. Says whether the
# service serves.
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
        say "note whether Apache reaches the app is not known: $through_found"
        note_check not-asked "the app through Apache: $through_found"
        return
        ;;
    esac
    say "service unreached $(printf '%s\n' "$through_found" | base64 | tr -d '\n')"
    if grep -qx -e "through-apache ok" -e "through-apache failed" "$pending/well" || [ -n "$first" ]; then
        compare "through-apache ok" "$through_found"
    else # files of an earlier version could not be asked, nor could an app that did not answer
        note_check failed "$through_found"
        say "note whether that was so before is not known: $through_found"
    fi
}

web_state() { # of the app's program, as supervisord has it
    supervise describe "$supervisor_socket" "$state_dir/taken" 2>/dev/null |
        PROGRAM=$web_program awk '$1 == ENVIRON["PROGRAM"] { print $2; exit }' || :
}

say_not_serving() { say "service fails $1 $(printf '%s\n' "$2" | tail -n 3 | base64 | tr -d '\n')"; }

note_check() { # in the record of the release, where it is looked at after the change
    [ -z "$noting" ] || printf 'check %s on the host: %s\n' "$1" "$2" >>"$pending/meta" || :
}

look_again() { # after the old files were put back: what was well is to be so again, and no more than that
    noting=
    first=
    look_now
}

compare() { # check $1 fails now, as $2 says: does that make it worse? A host's first deploy has to answer in any case.
    note_check failed "$2"
    if grep -qxF -e "$1" "$pending/well" || [ -n "$first" ]; then
        echo "$2"
        worse=yes
    else
        say "note already failing before this deploy: $2"
    fi
}
