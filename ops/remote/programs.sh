# programs.sh: see, start, stop and reload what supervisord runs.
# Asked:    state_dir, supervisord_conf, supervisor_socket, activate, "action ACTION", "name WORD" ..., "app WORD" five
#           times (uwsgi.sh), "graceful NAME" (a uWSGI that is reloaded so, where its file changed), end
# Answers:  "supervisord STATE", as supervisord.sh tells of it; supervise.py's lines of JSON;
#           "failed" with "evidence BASE64"; end
say poms-ops programs
log=$(mktemp)
app=$(mktemp)
graceful=
trap 'rm -f "$log" "$app"' EXIT
set --
while IFS= read -r line; do
    value=${line#* }
    case $line in
    "state_dir "*) state_dir=$value ;;
    "supervisord_conf "*) supervisord_conf=$value ;;
    "supervisor_socket "*) supervisor_socket=$value ;;
    "activate "*) activate=$value ;;
    "action "*) asked=$value ;;
    "name "*) set -- "$@" "$value" ;;
    "app "*) printf '%s\n' "$value" >>"$app" ;;
    "graceful "*) graceful=$value ;;
    end) break ;;
    esac
done
exec 2>"$log" >&2

act() {
    case $asked in
    start-supervisord)
        case $before in
        up*) ;;
        *)
            start_supervisord
            ask_supervisord await
            ;;
        esac
        ;;
    reload-uwsgi)
        trap end_beside EXIT
        reload_gracefully "$1"
        ;;
    *)
        ask_supervisord "$asked" "$@"
        if [ -n "$graceful" ] && supervise is-due "$supervisor_socket" "$state_dir/taken" "$graceful" "$(sed -n 3p "$app")"; then
            trap end_beside EXIT
            reload_gracefully "$graceful"
        fi
        ;;
    esac
}

before=$(supervisord_state)
say "supervisord $before"
orphans=
if [ "$before" = down ]; then
    orphans=$(orphaned_programs)
    [ -z "$orphans" ] || say "orphans $orphans"
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
