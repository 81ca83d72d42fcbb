# Part of the scripts that reload or restart Apache: why that failed, for the operator.
# Source: sd_booted(3); systemctl(1), whose status every account may read, the journal's last lines as far as it may.

# What says why: of the service that the command in file $1 names, a word a line; of the logs that file $2 names, what was
# written since file $3.
tell_why() {
    tell_unit "$1"
    while IFS= read -r path; do
        if [ -r "$path" ] && [ -n "$(find "$path" -newer "$3")" ]; then tell_log "$path"; fi
    done <"$2"
}

tell_unit() {
    if [ ! -d /run/systemd/system ] || ! command -v systemctl >/dev/null; then return 0; fi
    unit=$(awk '{ word[NR] = $0 }
        END {
            for (i = 1; i <= NR; i++) {
                if (word[i] ~ /(^|\/)systemctl$/) unit = word[NR]
                if (word[i] ~ /(^|\/)service$/) unit = word[i + 1]
            }
            print unit
        }' "$1")
    [ -n "$unit" ] || return 0
    echo "== systemctl status $unit"
    timeout 10 systemctl status --no-pager --full --lines=20 -- "$unit" </dev/null 2>&1 3>&- 9>&- || :
}

tell_log() { # the end of file $1
    echo "== the end of $1, after what sounds like an error before it"
    tail -n 100 "$1" | head -n -6 | grep -aiE 'error|exception|fatal|unable' | tail -n 4 || :
    tail -n 6 "$1"
}
