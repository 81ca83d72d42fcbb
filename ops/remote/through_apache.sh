# Part of the scripts that check the web service: does Apache reach the app? The host requests a page from Apache that only
# the host itself may request (templates/httpd/conf.d/ssl.conf.j2), and Apache requests it from the app.
# Request: a line "through_apache PORT PAGE NAME ACCOUNT LISTEN": Apache's port, the page, the server's name, Apache's
# account, and where the app listens. None of them contains a blank.

# One request, by line $1. Sets $through to "ok", "failed" or "unknown" (Apache does not answer, or its files do not have
# the page yet), and $through_found to the message.
ask_through_apache() {
    # shellcheck disable=SC2086 # five words
    set -- $1
    # shellcheck disable=SC2034 # by ask_tls
    said=$(visited="$3 $2" && ask_tls "$1") || :
    status=$(printf '%s\n' "$said" | sed -n '/^HTTP\/1/ { s/^[^ ]* \([0-9]*\).*/\1/p; q; }')
    through=failed through_found="status $status"
    case $said in
    *"BEGIN CERTIFICATE"*) ;;
    *)
        through=unknown through_found="Apache does not answer on port $1"
        return 0
        ;;
    esac
    if [ -z "$status" ]; then
        through_found="no answer within 5 seconds"
    elif printf '%s\n' "$said" | grep -qi '^X-Poms-Ops-App: *answered'; then
        through=ok
        return 0
    elif ! printf '%s\n' "$said" | grep -qi '^X-Poms-Ops: *asked'; then
        through=unknown through_found="Apache does not know $2 yet (status $status): the next deploy brings it"
        return 0
    fi
    through_found="Apache cannot reach the app on $5: $through_found; $(why_unreached "$4" "$5")"
}

# The same, with retries if the app is not reached: Apache may have just been reloaded.
ask_through_apache_patiently() { # $2: seconds
    since=$(date +%s)
    tries=0
    while :; do
        ask_through_apache "$1"
        tries=$((tries + 1))
        if [ "$through" = ok ] || [ "$through$tries" = unknown4 ]; then return 0; fi
        if [ $(($(date +%s) - since)) -ge "$2" ]; then return 0; fi
        sleep 0.5
    done
}

# Why account $1 does not reach a socket at $2, as far as this account can see.
why_unreached() {
    case $2 in
    /*) ;;
    *)
        echo "see Apache's error log"
        return 0
        ;;
    esac
    case $2 in
    /tmp/* | /var/tmp/*)
        if has_private_tmp; then
            echo "Apache has its own ${2%"${2#/*tmp/}"} (PrivateTmp of its unit): set app.listen to another folder"
            return 0
        fi
        ;;
    esac
    if ! id "$1" >/dev/null 2>&1; then
        echo "this host has no account $1: set apache.account to the account that runs Apache"
        return 0
    fi
    left=${2#/} folder=
    while :; do
        case $left in */*) ;; *) break ;; esac
        folder=$folder/${left%%/*} left=${left#*/}
        if ! may "$1" x "$folder"; then
            echo "$1 cannot enter $folder"
            return 0
        fi
    done
    if [ ! -e "$2" ]; then
        echo "the socket does not exist"
    elif ! may "$1" w "$2"; then
        echo "$1 cannot write to it"
    else
        echo "see Apache's error log"
    fi
}

has_private_tmp() { # by the unit of Apache's first process; if this account cannot see it, by the usual names
    command -v systemctl >/dev/null || return 1
    parent=$(apache_parent) || parent=self
    for unit in $(sed -n 's|.*/\([^/]*\.service\)$|\1|p' "/proc/$parent/cgroup" 2>/dev/null) httpd.service apache2.service; do
        case $(timeout 10 systemctl show -p PrivateTmp -- "$unit" </dev/null 2>/dev/null) in
        PrivateTmp=yes | PrivateTmp=disconnected) return 0 ;;
        esac
    done
    return 1
}

# Whether account $1 has permission $2 (x or w) on $3; yes if unknown. Source: acl(5), "Access check algorithm".
may() {
    owner=$(stat -c %U "$3" 2>/dev/null) || return 0
    {
        getfacl -cp -- "$3" 2>/dev/null ||
            stat -c %A "$3" | sed 'y/stST/xx--/; s/^.\(...\)\(...\)\(...\).*/user::\1\ngroup::\2\nother::\3/'
    } | ACCOUNT=$1 RIGHT=$2 OWNER=$owner GROUP=$(stat -c %G "$3") GROUPS_OF=$(id -nG "$1") awk -F : '
        BEGIN {
            count = split(ENVIRON["GROUPS_OF"], names, " ")
            for (i = 1; i <= count; i++) member[names[i]] = 1
            mask = "rwx"
        }
        { sub(/[ \t]*#.*/, "") }
        $1 == "mask" { mask = $3 }
        $1 == "user" && $2 == "" { own = $3 }
        $1 == "user" && $2 == ENVIRON["ACCOUNT"] { named = $3; is_named = 1 }
        $1 == "group" && (($2 == "" && member[ENVIRON["GROUP"]]) || ($2 != "" && member[$2])) { ours = ours $3; in_group = 1 }
        $1 == "other" { other = $3 }
        END {
            right = ENVIRON["RIGHT"]
            if (ENVIRON["ACCOUNT"] == ENVIRON["OWNER"]) granted = index(own, right)
            else if (is_named) granted = index(named, right) && index(mask, right)
            else if (in_group) granted = index(ours, right) && index(mask, right)
            else granted = index(other, right)
            exit !granted
        }'
}
