# Part of the scripts that handle Apache's service: its systemd unit, and the cost of a restart.
# Source: sd_booted(3); systemctl(1), which shows every account a unit's state and settings; systemd.kill(5); Apache's
# manual on stopping: SIGWINCH is "graceful-stop": the ports are closed, and running requests go on.

# The unit in the command on standard input (one word per line); nothing without systemd.
unit_of() {
    if [ ! -d /run/systemd/system ] || ! command -v systemctl >/dev/null; then
        cat >/dev/null
        return 0
    fi
    awk '
        tool == "systemctl" && !/^-/ && ++words == 2 { unit = $0 }
        tool == "service" && !/^-/ && ++words == 1 { unit = $0 }
        { name = $0; sub(/.*\//, "", name) }
        !tool && (name == "systemctl" || name == "service") { tool = name }
        END { print unit }'
}

# The cost of the restart command on standard input: "SIGNAL GRACEFUL TIMEOUT": the number of the signal that ends Apache;
# the seconds for a graceful stop in its files below $1, "-" if not set; systemd's time limit. Nothing if the command
# restarts no systemd unit.
restart_cost() {
    unit=$(unit_of)
    [ -n "$unit" ] || return 0
    shown=$(timeout 10 systemctl show -p KillSignal -p TimeoutStopUSec -- "$unit" 2>/dev/null </dev/null) || return 0
    graceful=$(find "$1/" -name '*.conf' -exec cat {} + 2>/dev/null | awk '
        tolower($1) == "gracefulshutdowntimeout" && $2 + 0 > most { most = $2 + 0 }
        END { if (most) print most }')
    signal=$(printf '%s\n' "$shown" | sed -n 's/^KillSignal=//p')
    [ -z "$signal" ] || echo "$signal ${graceful:--} $(printf '%s\n' "$shown" | sed -n 's/^TimeoutStopUSec=//p')"
}
