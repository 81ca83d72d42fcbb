# Part of transaction.sh: the identity probe of the staged Apache files, before they are live.
# Reads $pending: door (the requests), door_ca.N and door_list.N (throwaway CAs with the names of the inventory's CAs, and
# their revocation lists: ops/deploy/identity_probe.py), and the tree of prove.sh. door.py sends the requests.

# What the account runs in the trial after the start (see prove.sh): a stand-in replaces the app.
# shellcheck disable=SC2016 # expanded by the shell that runs it
door_as_account='
for python in '"$HOST_PYTHONS"'; do
    if command -v "$python" >/dev/null; then exec "$python" -E -s door.py "$PWD" "$(cat door.socket)"; fi
done
echo "this host has no Python for the identity probe"
exit 4
'

# Whether the host trusts a CA that is neither in $pending/door_issuer nor above one of them. It could issue certificates
# under their names that Apache accepts, if intermediate CAs are allowed. Source: openssl's file names, HASH.N.
trusts_another_ca() {
    for conf in "$pending"/folder.*/*.conf; do
        named sslcacertificatepath "$conf"
    done | sort -u | while IFS= read -r folder; do
        case $folder in /*) ;; *) folder=$apache_root/$folder ;; esac
        for file in "$folder"/*.[0-9]; do
            openssl x509 -in "$file" -noout -subject -issuer -nameopt RFC2253 2>/dev/null | sed 's/^[a-z]*= *//' | paste - - || :
        done
    done | awk -F '\t' '
        FILENAME != "-" { good[$0] = 1; next }
        { above[$1] = $2 }
        END {
            do {
                more = 0
                for (name in above) if (good[name] && !good[above[name]]) { good[above[name]] = 1; more = 1 }
            } while (more)
            for (name in above) if (!good[name]) other = 1
            exit !other
        }' "$pending/door_issuer" -
}

# Make the trial's folder of CAs, and list the paths that it replaces: wherever the configuration looks for CAs and lists.
lay_out_door() {
    rm -rf "$pending/door.cas"
    mkdir "$pending/door.cas"
    for file in "$pending"/door_ca.*; do
        cp "$file" "$pending/door.cas/$(openssl x509 -noout -hash -in "$file").0"
    done
    for file in "$pending"/door_list.*; do
        cp "$file" "$pending/door.cas/$(openssl crl -noout -hash -in "$file").r0"
    done
    cat "$pending"/door_ca.* >"$pending/door.cas.pem"
    cat "$pending"/door_list.* >"$pending/door.lists.pem"
    if [ -z "$(number_of "$apache_root/conf.d")" ]; then
        printf 'door %s\n' "$apache_root/conf.d" >>"$pending/folders"
        cp -RL "$apache_root/conf.d" "$pending/folder.door"
    fi
    rm -f "$pending/door.others"
    if trusts_another_ca; then : >"$pending/door.others"; fi
    : >"$pending/door.covers"
    for conf in "$pending"/folder.*/*.conf; do
        cover door.cas sslcacertificatepath
        cover door.cas sslcarevocationpath
        cover door.cas.pem sslcacertificatefile
        cover door.lists.pem sslcarevocationfile
    done
    # A Unix socket of the real app could be reached from inside the trial: the stand-in uses another path.
    socket=$(readlink -f "$(cat "$pending/apache_run")")/poms-ops-app.sock
    printf '%s\n' "$socket" >"$pending/door.socket"
    sed -i "s|unix:[^|\"]*[|]|unix:$(printf '%s' "$socket" | sed 's/[|&\\]/\\&/g')\\||" "$pending"/folder.*/*.conf
    door_text >"$pending/door.py"
}

cover() { # replace the paths that directive $2 of file $conf names, with $1 of $pending
    named "$2" "$conf" | while IFS= read -r path; do
        case $path in /*) ;; *) path=$apache_root/$path ;; esac
        if [ -e "$path" ]; then printf '%s %s\n' "$1" "$path" >>"$pending/door.covers"; fi
    done
}

# Probe the tree of lay_out: 0, all forged requests are rejected; 3, one is accepted; 4, a valid request is rejected.
try_door() {
    lay_out_door
    tried=0
    try_apache "$trial_as_account$door_as_account" || tried=$?
    rm -f "$pending/door.covers"
    return "$tried"
}

probe_identity() { # fails if the new files are at fault; otherwise it sets $reached
    if [ ! -e "$pending/door" ]; then
        obstacle=$(cat "$pending/no_probe" 2>/dev/null) || obstacle="no identity probe was requested"
        return 0
    fi
    tried=0
    try_door || tried=$?
    case $tried in
    0)
        reached=identity-probe
        say "probed $(cat "$pending/door.asked")"
        while IFS= read -r question; do
            unvalidated "left out of the identity probe: $question. This host trusts no other CA; another one could" \
                "impersonate anybody"
        done <"$pending/door.left_out"
        ;;
    3)
        echo "The new configuration accepts forged identities (GOT IN, above)."
        return 1
        ;;
    *)
        lay_out live
        tried=0
        try_door >"$pending/door.live" 2>&1 || tried=$?
        case $tried in
        0 | 3)
            echo "The new configuration rejects users who are accepted today."
            return 1
            ;;
        esac
        # The current files fail in the trial, too: this host's Apache cannot be probed.
        obstacle="no identity probe: it fails with the current files, too: $(tail -n 1 "$pending/door.live")"
        ;;
    esac
}
