# Part of the scripts that change a host: one at a time. The kernel holds the lock for as long as this process lives,
# so no lock outlives its deploy; the text in the file says whose it is.

take_lock() { # $1: who, and for what
    made=$(mkdir -p "$state_dir" 2>&1) || unlockable "$made"
    made=$( { : >>"$state_dir/lock"; } 2>&1) || unlockable "$made" # for exec would end the shell without a word
    exec 9>>"$state_dir/lock"
    tries=1
    until try_lock; do
        [ "$tries" -lt 3 ] || {
            say "locked $(cat "$state_dir/lock")"
            exit 4
        }
        tries=$((tries + 1))
        sleep 0.2 # a look may have it for a moment
    done
    if [ -s "$state_dir/lock" ]; then
        say "note the lock of a task that died was taken over: $(cat "$state_dir/lock")"
    fi
    printf '%s since %s\n' "$1" "$(date '+%Y-%m-%d %H:%M:%S %z')" >"$state_dir/lock"
    say_alive 2>/dev/null 4<&- 5>&- 9>&- &
    alive=$!
}

# Fails where somebody holds it. flock(1) then ends with 1 and says nothing; busybox's ends with 1 whatever it was.
try_lock() {
    ended=0
    refused=$(flock -n 9 2>&1) || ended=$?
    if [ "$ended" = 0 ]; then return 0; fi
    if [ "$ended" != 1 ] || [ -n "$refused" ]; then unlockable "flock: exit code $ended: $refused"; fi
    return 1
}

unlockable() { # no lock can be had here, whoever holds one: $1 says why
    say "unlockable $(printf '%s' "$1" | tr '\n' ' ')"
    exit 1
}

# A host that waits, for the end of a long request perhaps, says nothing for as long as that takes; the operator's side
# takes silence for a line that is dead. By -9, as all that may still be being born here.
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
