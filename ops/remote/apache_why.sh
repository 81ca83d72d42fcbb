# Part of the scripts that reload or restart Apache: the reason of a failure, for the operator.
# Source: systemctl(1), whose status every account may read, the journal's last lines as far as it may.

WIDEST=500 # bytes of a line: one of a log may be as long as its file

# The evidence: the state of the service in the command of file $1 (one word per line), and what was written since file $3
# to the logs that file $2 lists.
tell_why() {
    tell_unit "$1"
    while IFS= read -r path; do
        # The kernel's time of a file goes by ticks, so what was written at once may be as old as the mark.
        if [ -r "$path" ] && [ -z "$(find "$3" -newer "$path")" ]; then tell_log "$path"; fi
    done <"$2"
}

tell_unit() {
    unit=$(unit_of <"$1")
    if [ -z "$unit" ] && [ -s "$1" ] && [ -s "$pending/apache_start" ]; then # a reload by httpd itself names none
        unit=$(unit_of <"$pending/apache_start")
    fi
    [ -n "$unit" ] || return 0
    echo "== systemctl status $unit"
    timeout 10 systemctl status --no-pager --full --lines=20 -- "$unit" </dev/null 2>&1 3>&- 9>&- | cut -b "-$WIDEST" || :
}

tell_log() { # the end of file $1
    echo "== the end of $1, after what sounds like an error before it"
    tail -n 100 "$1" | cut -b "-$WIDEST" | head -n -6 | grep -aiE 'error|exception|fatal|unable' | tail -n 4 || :
    tail -n 6 "$1" | cut -b "-$WIDEST"
}
