# Part of the scripts that change a host: the lock, for one change at a time. The kernel holds it while this process lives,
# so no lock outlives its deploy; the file's text names the lock owner.

take_lock() { # $1: who, and for what
    made=$(mkdir -p "$state_dir" 2>&1) || unlockable "$made"
    made=$( { : >>"$state_dir/lock"; } 2>&1) || unlockable "$made" # a failing exec would end the shell without a message
    exec 9>>"$state_dir/lock"
    tries=1
    until try_lock; do
        [ "$tries" -lt 3 ] || {
            say "locked $(cat "$state_dir/lock")"
            exit 4
        }
        tries=$((tries + 1))
        sleep 0.2 # a check may hold it for a moment
    done
    if [ -s "$state_dir/lock" ]; then
        say "note took over the lock of a task that died: $(cat "$state_dir/lock")"
    fi
    printf '%s since %s\n' "$1" "$(date '+%Y-%m-%d %H:%M:%S %z')" >"$state_dir/lock"
    say_alive 2>/dev/null 4<&- 5>&- 9>&- &
    alive=$!
}

# Fails if somebody holds the lock. flock(1) exits with 1 then and prints nothing; busybox's exits with 1 for any error.
try_lock() {
    ended=0
    refused=$(flock -n 9 2>&1) || ended=$?
    if [ "$ended" = 0 ]; then return 0; fi
    if [ "$ended" != 1 ] || [ -n "$refused" ]; then unlockable "flock: exit code $ended: $refused"; fi
    return 1
}

unlockable() { # the lock cannot be taken at all: $1 says why
    say "unlockable $(printf '%s' "$1" | tr '\n' ' ')"
    exit 1
}

# Print "alive" while the host waits, for a long request for example: the operator's side takes silence for a dead
# connection.
ALIVE_EVERY=20
say_alive() {
    seconds=0
    while sleep 1 3>&- && kill -0 $$; do
        seconds=$((seconds + 1))
        [ $((seconds % ALIVE_EVERY)) -ne 0 ] || say alive
    done
}

release_lock() {
    kill -9 "$alive" 2>/dev/null || :
    : >"$state_dir/lock"
}
