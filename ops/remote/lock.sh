# Part of the scripts that change a host: one at a time. The kernel holds the lock for as long as this process lives,
# so no lock outlives its deploy; the text in the file says whose it is.

take_lock() { # $1: who, and for what
    mkdir -p "$state_dir"
    exec 9>>"$state_dir/lock"
    if ! flock -n 9; then
        say "locked $(cat "$state_dir/lock")"
        exit 4
    fi
    if [ -s "$state_dir/lock" ]; then
        say "note the lock of a task that died was taken over: $(cat "$state_dir/lock")"
    fi
    printf '%s since %s\n' "$1" "$(date '+%Y-%m-%d %H:%M:%S %z')" >"$state_dir/lock"
    say_alive 4<&- 5>&- 9>&- &
    alive=$!
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
