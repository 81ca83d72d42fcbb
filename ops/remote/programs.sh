# programs.sh: list, start, stop and reload supervisord's programs.
# Asked:    state_dir, supervisord_conf, supervisor_socket, activate, "by WHO, FOR WHAT" of an action that changes
#           something, for which the host's lock is taken; "action ACTION", "name WORD" ..., "app NAME VALUE"
#           ... (uwsgi.sh), "uwsgi_program NAME" (the app's), "graceful NAME" (a uWSGI that is reloaded so, where its
#           file changed), end
# Answers:  "locked TEXT", where another task holds the lock; "unlockable WHY", where none can be had; "supervisord STATE", as supervisord.sh tells of it; supervise.py's lines of JSON;
#           "start refused WHY [NAME]", as survival.sh tells of them;
#           "failed" with "evidence BASE64"; end
say poms-ops programs
log=$(mktemp)
app=$(mktemp)
graceful='' uwsgi_program='' by=''
trap 'rm -f "$log" "$app"' EXIT
set --
while IFS= read -r line; do
    value=${line#* }
    case $line in
    "state_dir "*) state_dir=$value ;;
    "supervisord_conf "*) supervisord_conf=$value ;;
    "supervisor_socket "*) supervisor_socket=$value ;;
    "activate "*) activate=$value ;;
    "by "*) by=$value ;;
    "action "*) asked=$value ;;
    "name "*) set -- "$@" "$value" ;;
    "app "*) printf '%s\n' "$value" >>"$app" ;;
    "graceful "*) graceful=$value ;;
    "uwsgi_program "*) uwsgi_program=$value ;;
    end) break ;;
    esac
done
exec 2>"$log" >&2
if [ -n "$by" ]; then
    take_lock "$by"
    trap 'rm -f "$log" "$app"; release_lock' EXIT
fi

end_standbys_before() { # the programs are stopped or started: a standby may hold their port, or serve for them
    for program; do
        if [ "$program" = "$uwsgi_program" ]; then end_standbys "$RESTART_MERCY" kill; fi
    done
}

validate_before() { # a restart of the programs: do not stop an app that would not serve again
    for program; do
        if [ "$program" = "$uwsgi_program" ]; then validate_restart "$program"; fi
    done
}

note_stopped() { # record who stops the programs, for status; a full disk does not prevent the stop
    mkdir -p "$state_dir/stopped" || return 0
    for program; do
        printf '%s\n' "${by%, *}" >"$state_dir/stopped/$(printf '%s' "$program" | tr / _)" || :
    done
}

act() {
    case $asked in
    start-supervisord)
        case $before in
        up*) ;;
        *)
            end_standbys "$RESTART_MERCY" kill
            start_supervisord
            ask_supervisord await
            ;;
        esac
        ;;
    stop-supervisord)
        case $before in
        up*)
            unit=$(unit_of_process "${before#up }")
            case $unit in
            system*' always '* | system*' on-success '*)
                say "start refused brought-back ${unit##* }"
                return 1
                ;;
            esac
            end_standbys "$RESTART_MERCY" kill
            ask_supervisord stop-all
            shut_down_supervisord "${before#up }"
            printf '%s since %s\n' "${by%, *}" "$(date '+%Y-%m-%d %H:%M:%S %z')" >"$state_dir/supervisord.stopped" || :
            ;;
        esac
        ;;
    reload-uwsgi)
        trap 'end_standbys 0 spare' EXIT
        reload_gracefully "$1"
        ;;
    reload-changed)
        if has_other_settings; then validate_restart "$uwsgi_program"; fi
        end_standbys_before_changes
        ask_supervisord reload-changed "$@"
        if [ -n "$graceful" ] && supervise is-due "$supervisor_socket" "$state_dir/taken" "$graceful" "$(app_value ini)"; then
            trap 'end_standbys 0 spare' EXIT
            reload_gracefully "$graceful"
        fi
        ;;
    *)
        case $asked in
        stop) note_stopped "$@" ;;
        restart*) validate_before "$@" ;;
        esac
        end_standbys_before "$@"
        ask_supervisord "$asked" "$@"
        ;;
    esac
}

before=$(supervisord_state)
orphans=
if [ "$before" = down ]; then
    say "supervisord down 0 $(head -c 200 "$state_dir/supervisord.stopped" 2>/dev/null || :)"
    orphans=$(orphaned_programs)
    [ -z "$orphans" ] || say "orphans $orphans"
else
    say "supervisord $before"
fi
case $before-$asked-$orphans in
up*-*-* | down-start-supervisord-)
    set +e
    (
        set -e
        act "$@"
    )
    status=$?
    set -e
    if [ "$status" -ne 0 ]; then
        say failed
        say "evidence $(encoded_tail 40 "$log")"
        exit 1
    fi
    ;;
esac
say end
