# When the running Apache has read its files: by the start of its processes, if this account sees them.

# Apache's first process. A trial start of ours is not root's; an Apache in a container has a process id in there, too.
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

# When Apache last read its files, in seconds since 1970; nothing if this account cannot see it. Each child has the files
# that its parent read before the child's start. After a reload, old children may go on with a long request, and a child
# may start at any time, so the median counts.
apache_read_at() {
    child_starts | awk -v now="$(date +%s.%N)" -v uptime="$(cut -d ' ' -f 1 /proc/uptime)" -v hertz="$(getconf CLK_TCK)" '
        { start[NR] = $1 }
        END { if (NR) printf "%.2f\n", now - uptime + start[int((NR + 1) / 2)] / hertz }'
}
