# When the running Apache has read its files: by the start of its processes, if this account sees them.

# The first process of Apache. A trial start of ours is not root's, and one in a container of this host has a number in
# there, too.
apache_parent() {
    for process in $(pgrep -u root -x 'httpd|apache2'); do
        if awk '/^NSpid:/ { exit NF != 2 }' "/proc/$process/status" 2>/dev/null; then
            echo "$process"
            return 0
        fi
    done
    return 1
}

# The start of each of Apache's children in clock ticks since boot, the oldest first.
child_starts() {
    parent=$(apache_parent) || return 0
    for child in $(pgrep -P "$parent"); do
        cut -d ' ' -f 22 "/proc/$child/stat" 2>/dev/null || :
    done | sort -n
}

# When Apache has read its files last, in seconds since 1970; nothing where this account cannot see that. Each child has
# read what its parent read before it began. After a reload one or two may live on with a long request, and one may begin
# at any time, so the one in the middle tells.
apache_read_at() {
    child_starts | awk -v now="$(date +%s.%N)" -v uptime="$(cut -d ' ' -f 1 /proc/uptime)" -v hertz="$(getconf CLK_TCK)" '
        { start[NR] = $1 }
        END { if (NR) printf "%.2f\n", now - uptime + start[int((NR + 1) / 2)] / hertz }'
}
