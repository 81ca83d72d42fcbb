# Facts of the running Apache: its processes, the answers of its ports, and whether it started after a given time.
# An accepted connection proves nothing: the kernel accepts it. An answer is a TLS handshake with a certificate, and HTTP
# or TLS's alert that a client certificate is missing.

# A text, because the trial start runs it in its own shell.
# shellcheck disable=SC2016 # expanded by the shell that runs it
TLS_ANSWERS='
ask_tls() { # what port $1 of this host says to a visitor, as openssl tells it; $visited: the name and the page that he wants
    visited=${visited:-localhost /}
    printf "HEAD %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" "${visited#* }" "${visited%% *}" |
        timeout 5 openssl s_client -connect "127.0.0.1:$1" -servername "${visited%% *}" -ign_eof 2>&1
}
tls_answers() {
    told=$(ask_tls "$1") || :
    case $told in *"BEGIN CERTIFICATE"*) ;; *) return 1 ;; esac
    case $told in *HTTP/1.*| *"alert certificate required"* | *"alert handshake failure"*) return 0 ;; esac
    return 1
}
'
eval "$TLS_ANSWERS"

answers() { # port $1, within 10 seconds
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        if tls_answers "$1"; then return 0; fi
        sleep 0.5
    done
    echo "port $1 does not answer: no TLS handshake with an HTTP answer"
    return 1
}

sees_others() { [ -r /proc/1/stat ]; } # may this account see other accounts' processes?

# Whether none of Apache's processes is left; if this account cannot see them, whether nobody listens on any of the given
# ports.
apache_has_ended() {
    if sees_others; then
        if apache_parent >/dev/null; then return 1; fi
        return 0
    fi
    [ $# -gt 0 ] || return 1
    for port; do [ -z "$(listeners "$port")" ] || return 1; done
}

now_in_ticks() { awk -v hertz="$(getconf CLK_TCK)" '{ print int($1 * hertz) }' /proc/uptime; }

# Whether Apache has read a file that changed at $1 (seconds since 1970): "read", "unread", or "" if unknown.
apache_has_read() {
    apache_read_at | awk -v changed="$1" '{ print ($1 > changed ? "read" : "unread") }'
}

changed_at() { stat -L -c %.2Y "$1" 2>/dev/null; } # file $1, in seconds since 1970

# Wait until the ports after $1 are answered by an Apache with a process that started after $1 (clock ticks), and stays.
await_apache() {
    since=$1
    shift
    [ $# -gt 0 ] || return 0
    tries=0
    until is_renewed "$@"; do
        tries=$((tries + 1))
        if sees_others && [ "$tries" -gt 8 ] && ! apache_parent >/dev/null; then
            echo "Apache has ended: none of its processes is left"
            return 1
        elif [ "$tries" -gt 60 ]; then
            echo "after 30 seconds ${missing:-Apache} is not answered by a process that started after the reload"
            return 1
        fi
        sleep 0.5
    done
}

is_renewed() { # checked again a second later: an Apache that cannot use its files ends soon after its start
    is_new && ports_answer "$@" && sleep 1 && is_new && ports_answer "$@"
}

is_new() { # if this account sees no Apache process, only the ports count
    missing=
    sees_others || return 0
    newest=$(child_starts | tail -n 1)
    [ "${newest:-0}" -ge "$since" ]
}

ports_answer() {
    for port; do
        if ! tls_answers "$port"; then
            missing="port $port"
            return 1
        fi
    done
}

# The numbers of the accounts that listen on TCP port $1, one per line.
listeners() {
    awk -v port="$(printf '%04X' "$1")" '$4 == "0A" && $2 ~ ":" port "$" { print $8 }' \
        /proc/net/tcp /proc/net/tcp6 2>/dev/null | sort -u
}

# The ports in the Listen directives of these Apache files.
listen_ports() {
    awk 'tolower($1) == "listen" { gsub(/"/, ""); sub(/.*:/, "", $2); print $2 }' "$@" /dev/null 2>/dev/null | sort -u
}
