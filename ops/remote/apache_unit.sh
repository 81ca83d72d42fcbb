# Part of the scripts that have to do with Apache's service: which unit of systemd it is, and what a restart of it costs.
# Source: sd_booted(3); systemctl(1), which tells every account a unit's state and settings; systemd.kill(5); Apache's
# manual on stopping, where SIGWINCH is "graceful-stop": the ports are closed, and running requests go on.

# The unit that the command names whose words are on standard input, one a line; nothing where no systemd runs.
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

# What the restart costs whose words are on standard input: "SIGNAL GRACEFUL TIMEOUT". The number of the signal that ends
# Apache; the seconds that its files below $1 give a graceful stop, "-" where they do not say; the time that systemd
# gives it. Nothing where no unit of systemd is restarted.
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
