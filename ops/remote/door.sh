# Part of transaction.sh: try the doors of the staged Apache, on trial, before any file of it is live.
# Reads $pending: door, the questions, and door_ca.N and door_list.N, throwaway CAs under the names of the inventory's and
# their revocation lists (ops/deploy/identity_probe.py); and what prove.sh laid out. The requests themselves are door.py's.

# What the account does in the trial behind the start (see prove.sh): the app's place is taken by a stand-in.
# shellcheck disable=SC2016 # expanded by the shell that runs it
door_as_account='
for python in '"$HOST_PYTHONS"'; do
    if command -v "$python" >/dev/null; then exec "$python" -E -s door.py "$PWD" "$(cat door.socket)"; fi
done
echo "this host has no Python of its own to ask with"
exit 4
'

# Does the host trust a CA that is none of those in $pending/door_issuer, nor stands above one? What it issues under
# their names is believed where certificates may come from below a CA. Source: openssl's names of files, HASH.N.
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

# The folder of CAs for the trial, and what it covers: wherever the configuration looks for CAs and lists, it finds these.
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
    # An app that listens on a socket of the file system is within reach from everywhere: the stand-in has another.
    socket=$(readlink -f "$(cat "$pending/apache_run")")/poms-ops-app.sock
    printf '%s\n' "$socket" >"$pending/door.socket"
    sed -i "s|unix:[^|\"]*[|]|unix:$(printf '%s' "$socket" | sed 's/[|&\\]/\\&/g')\\||" "$pending"/folder.*/*.conf
    door_text >"$pending/door.py"
}

cover() { # what directive $2 of file $conf names, with $1 of $pending
    named "$2" "$conf" | while IFS= read -r path; do
        case $path in /*) ;; *) path=$apache_root/$path ;; esac
        if [ -e "$path" ]; then printf '%s %s\n' "$1" "$path" >>"$pending/door.covers"; fi
    done
}

# The tree as lay_out left it: 0, nobody got in as somebody else; 3, somebody did; 4, somebody did not who must.
try_door() {
    lay_out_door
    tried=0
    try_apache "$trial_as_account$door_as_account" || tried=$?
    rm -f "$pending/door.covers"
    return "$tried"
}

probe_identity() { # fails where the new files are at fault; else it sets $reached
    if [ ! -e "$pending/door" ]; then
        obstacle=$(cat "$pending/no_probe" 2>/dev/null) || obstacle="no identity probe was asked for"
        return 0
    fi
    tried=0
    try_door || tried=$?
    case $tried in
    0)
        reached=identity-probe
        say "probed $(cat "$pending/door.asked")"
        while IFS= read -r question; do
            unvalidated "left out of the identity probe: $question. This host trusts no other CA; with one more, it" \
                "would let in as anybody"
        done <"$pending/door.left_out"
        ;;
    3)
        echo "The new files would open the door (GOT IN, above)."
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
        # As it is, the trial lets them in no more: this host's Apache cannot be asked so.
        obstacle="no identity probe: it fails with the files as they are now, too: $(tail -n 1 "$pending/door.live")"
        ;;
    esac
}
