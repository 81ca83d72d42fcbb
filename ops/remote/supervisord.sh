# Part of the scripts that need supervisord: which one is ours, and whether it answers.

supervisord_conf='' # from the request

# Ours is the one that answers on our socket, or else a process of this account that is bound to it or was started with our
# file. Another supervisord of the account is ignored.
# Prints "up PID"; "down"; or why it cannot be used (PID is 0 if the kernel does not show the process): "deaf PID", its
# socket's file is missing; "silent PID", it listens but does not answer; "elsewhere PID SOCKET", it has our file and
# another socket; "refuses PID WHY".
supervisord_state() {
    if [ -S "$supervisor_socket" ] && supervisord_ask "$supervisor_socket" 2>/dev/null; then return 0; fi
    supervisord_facts state "$supervisord_conf" "$supervisor_socket" "$state_dir" ||
        echo "refuses 0 this host has no Python to ask it with, nor have the products"
}

# Process ids, on one line, of programs that a killed supervisord left running.
orphaned_programs() { supervisord_facts orphans "$supervisord_conf" "$supervisor_socket" "$state_dir"; }

supervise_python() { supervisor_python "$supervisord_conf" "$@"; } # supervise.py reads the socket's password there

need_way_to_start() { # sets $way; fails with a message if supervisord would be killed, or its unit must start it
    way=$(way_to_start)
    case $way in
    refused*)
        say "start $way"
        echo "supervisord is not started: $way"
        return 1
        ;;
    esac
}

# Start supervisord so that it stays alive, unless that would run every program twice.
start_supervisord() {
    if [ ! -e "$supervisord_conf" ]; then
        echo "there is no $supervisord_conf: nothing was deployed to this host"
        return 1
    fi
    state=$(supervisord_state)
    case $state in
    up*) return 0 ;;
    down) ;;
    *)
        echo "supervisord runs but cannot be used ($state); a second one would run every program twice"
        return 1
        ;;
    esac
    orphans=$(orphaned_programs)
    if [ -n "$orphans" ]; then
        echo "an earlier supervisord was killed and left its programs running: process $orphans." \
            "A new one would run them twice."
        return 1
    fi
    need_way_to_start
    rm -f "$state_dir/supervisord.stopped"
    case $way in
    await*) await_supervisord "${way#* }" ;;
    unit*) start_as_unit "${way#* }" ;;
    scope) (umask 022 && start_in_scope) ;;
    *) (umask 022 && with_products supervisord -c "$supervisord_conf" </dev/null) ;;
    esac
}

# End supervisord, process $1, with its programs, which may take long.
shut_down_supervisord() {
    its_start=$(start_time "$1")
    unit=$(unit_of_process "$1")
    case $unit in
    user*) ask_systemd user stop "${unit##* }" ;; # which would start it again
    *) ask_supervisord shutdown ;;
    esac
    tries=0
    while is_process "$1" "$its_start"; do
        if [ "$tries" -gt 600 ]; then
            echo "supervisord, process $1, has not ended after 120 seconds"
            return 1
        fi
        sleep 0.2
        tries=$((tries + 1))
    done
}
