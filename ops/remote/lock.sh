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
}

release_lock() { : >"$state_dir/lock"; }
