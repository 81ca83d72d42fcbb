# certs.sh: the expiry of certificates and revocation lists. Changes nothing.
# Asked:    "certificate KIND PATH", "folder KIND PATH" for the certificates in it, "lists PATH" for a folder of
#           revocation lists; "served PORT PATH", the certificate's file for what a port of Apache's shows; end
# Answers:  "now SECONDS" since 1970 by the host's clock; for each file, links to one and the same told once,
#           "ends KIND PATH", then "date TEXT" as openssl writes it and "name TEXT" in RFC 2253 form; or "unreadable KIND PATH",
#           "broken KIND PATH" and "absent KIND PATH"; "ends served port PORT" of what a port shows, and "differs port PORT" where that
#           is not what the file holds; "unread PATH" of a list that Apache has not read since it changed; end
# Source: openssl-x509(1), openssl-crl(1). A file with several certificates is told of by its first.
say poms-ops certs
told='
'

look_at() { # $1: kind, $2: openssl's command for it, $3: its word for the end, $4: for the name, $5: the file
    real=$(readlink -f "$5") || real=$5
    case $told in *"
$real
"*) return 0 ;; esac
    told="$told$real
"
    if [ ! -e "$5" ]; then
        say "absent $1 $5"
    elif [ ! -r "$5" ]; then
        say "unreadable $1 $5"
    elif answer=$(openssl "$2" -in "$5" -noout "-$3" "-$4" -nameopt RFC2253 2>/dev/null); then
        say "ends $1 $5"
        printf '%s\n' "$answer" | sed -n -e 's/^notAfter=/date /p' -e 's/^nextUpdate=/date /p' -e "s/^$4= */name /p" >&3
    elif [ "$2" = x509 ] && openssl crl -in "$5" -noout 2>/dev/null; then
        told=${told%"$real
"} # a list in a folder of certificates: it is looked at as one
    else
        say "broken $1 $5"
    fi
}

look_at_served() { # port $1, which should serve the certificate of file $2
    shown=$(ask_tls "$1" | openssl x509 2>/dev/null) || return 0 # health.sh checks whether it answers
    say "ends served port $1"
    printf '%s\n' "$shown" | openssl x509 -noout -enddate -subject -nameopt RFC2253 |
        sed -n -e 's/^notAfter=/date /p' -e 's/^subject= */name /p' >&3
    filed=$(openssl x509 -in "$2" -noout -fingerprint -sha256 2>/dev/null) || return 0
    if [ "$filed" != "$(printf '%s\n' "$shown" | openssl x509 -noout -fingerprint -sha256)" ]; then say "differs port $1"; fi
}

say "now $(date +%s)"
while IFS= read -r line; do
    value=${line#* }
    kind=${value%% *}
    path=${value#* }
    case $line in
    "certificate "*) look_at "$kind" x509 enddate subject "$path" ;;
    "folder "*)
        for file in "$path"/*.pem "$path"/*.crt "$path"/*.0; do
            case $file in *key* | *.crl.pem) continue ;; esac
            if [ -f "$file" ]; then look_at "$kind" x509 enddate subject "$file"; fi
        done
        ;;
    "lists "*)
        read_at=$(apache_read_at)
        for file in "$value"/*.r[0-9]* "$value"/*.crl "$value"/*.crl.pem; do
            [ -f "$file" ] || continue
            look_at revocations crl nextupdate issuer "$file"
            if [ -n "$read_at" ] && awk -v changed="$(changed_at "$file")" -v at="$read_at" 'BEGIN { exit changed <= at }'; then
                say "unread $file"
            fi
        done
        ;;
    "served "*) look_at_served "$kind" "$path" ;;
    end) break ;;
    esac
done
say end
