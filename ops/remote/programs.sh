# programs.sh: see, start, stop and reload what supervisord runs.
# Asked:    state_dir, supervisord_conf, supervisor_socket, activate, "action ACTION", "name WORD" ..., end
# Answers:  "supervisord up PID", "supervisord down" or "supervisord deaf PID"; supervise.py's lines of JSON;
#           "failed" with "evidence BASE64"; end
say poms-ops programs
log=$(mktemp)
trap 'rm -f "$log"' EXIT
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
    end) break ;;
    esac
done
exec 2>"$log" >&2

act() {
    if [ "$asked" = start-supervisord ]; then
        case $before in
        up*) ;;
        *)
            start_supervisord
            ask_supervisord await
            ;;
        esac
    else
        ask_supervisord "$asked" "$@"
    fi
}

before=$(supervisord_state)
say "supervisord $before"
if [ "$before" = down ]; then
    orphans=$(orphaned_programs | tr '\n' ' ')
    [ -z "$orphans" ] || say "orphans ${orphans% }"
fi
case $before-$asked in
up*-* | *-start-supervisord)
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
