# doctor.sh: check everything that a first deploy needs, by trying it. Changes nothing.
# Asked:    as the others: state_dir, supervisord_conf, supervisor_socket, activate; "httpd PATH", "ca_dir PATH", "write PATH",
#           "sudo NAME" followed by "word TEXT" for each word behind sudo, "listens PORT"; "lists PATH", "reload_words TEXT",
#           Apache's reload without sudo; "app_listen ADDRESS", where Apache is to reach the app (selinux.sh);
#           "restart_word WORD" ..., Apache's restart, where there is no reload (apache_unit.sh); for the trial start what transaction.sh is asked: file, content, configtest,
#           apache_root, apache_run, apache_logs, door, door_ca, door_list, no_probe;
#           "app NAME VALUE" ... and "through_apache …", where Apache is asked for the app's page (through_apache.sh);
#           "password" followed by a line with sudo's password; end
# Answers:  "fact NAME VALUE", one for each thing looked at; end
say poms-ops doctor

fact() { say "fact $*"; }

first_line() { "$@" 2>&1 </dev/null | head -n 1; }

look_at_place() { # may the account create a file at $1?
    folder=$(dirname "$1")
    while [ ! -e "$folder" ]; do folder=$(dirname "$folder"); done
    if [ -w "$1" ] || [ -w "$folder" ]; then fact "write yes $1"; else fact "write no $1"; fi
}

ask_sudo() { # whether sudo grants the words, without running them; what it says where it does not
    if said=$(sudo -n -l -- "$@" 2>&1); then
        fact "sudo yes $sudo_name"
        return
    fi
    granted=no
    if [ -n "$sudo_password" ]; then
        if said=$(printf '%s\n' "$sudo_password" | sudo -S -p '' -l -- "$@" 2>&1); then granted=yes; fi
    else
        case $said in *password*) granted=password ;; esac # or none at all: sudo does not say which
    fi
    fact "sudo $granted $sudo_name"
    [ "$granted" = yes ] || fact "sudo_said $sudo_name $(printf '%s' "$said" | tail -n 1)"
}

look_at_httpd() {
    if [ ! -x "$1" ]; then
        fact "httpd absent $1"
        return
    fi
    fact "httpd $("$1" -v </dev/null | sed -n 's|.*Apache/\([0-9.]*\).*|\1|p') $1"
    # The modules of the live configuration; if that is broken, Apache prints an error instead.
    if modules=$("$1" -M </dev/null 2>&1); then
        fact "modules $(printf '%s\n' "$modules" | sed -n 's/^ *\([a-z0-9_]*\) (.*/\1/p' | tr '\n' ' ')"
    else
        fact "modules_unknown $(printf '%s\n' "$modules" | head -n 1)"
    fi
}

look_at_shibd() {
    fact "shibd_version $(first_line shibd -v)"
    if pgrep -x shibd >/dev/null 2>&1; then
        fact "shibd runs"
    elif grep -q ' 00010000 .*/shibd\.sock$' /proc/net/unix 2>/dev/null; then
        fact "shibd listens"
    elif command -v pgrep >/dev/null && IFS= read -r _ 2>/dev/null </proc/1/stat; then
        fact "shibd down"
    else
        fact "shibd hidden"
    fi
}

runs() { # with the products; their Python writes no compiled files
    with_products_within 30 env PYTHONDONTWRITEBYTECODE=1 "$@" >/dev/null 2>&1 </dev/null
}

look_at_products() {
    for tool in supervisord supervisorctl uwsgi; do
        if runs "$tool" --version || runs "$tool" --help; then
            fact "product yes $tool"
        else
            fact "product no $tool"
        fi
    done
}

look_at_supervisors_python() { # run the Python that a deploy uses to ask supervisord
    if said=$(supervisor_version - 2>&1); then
        fact "supervisor_python yes $(printf '%s\n' "$said" | tail -n 1)"
    else
        fact "supervisor_python no $(printf '%s\n' "$said" | tail -n 1)"
    fi
}

look_at_lists() { # what makes Apache read changed revocation lists?
    [ -n "$lists" ] && [ -n "$(find -L "$lists" -name '*.r[0-9]*' 2>/dev/null | head -n 1)" ] || return 0
    if [ -n "$reload_words" ] && crontab -l 2>/dev/null | in_force | grep -qF -e "$reload_words"; then
        fact "lists_reloaded the account's crontab"
        return
    fi
    for file in /etc/cron.d/* /etc/cron.hourly/* /etc/cron.daily/* /etc/crontab /etc/fetch-crl.conf /etc/fetch-crl.d/* \
        /etc/systemd/system/*.service; do
        case ${file##*/} in httpd*.service | apache2*.service) continue ;; esac # says how, not that somebody does
        if [ -r "$file" ] && [ -f "$file" ] && in_force <"$file" | grep -Eq '(httpd|apache2).*(graceful|reload|restart)|(graceful|reload|restart).*(httpd|apache2)'; then
            fact "lists_reloaded $file"
            return
        fi
    done
    fact "lists_reloaded nobody"
}

look_at_lock() { # on the lock's own file system
    place=$state_dir/lock
    while [ ! -e "$place" ]; do place=$(dirname "$place"); done
    if is_locked "$place" || [ -z "$unlockable" ]; then fact "lock yes"; else fact "lock no $unlockable"; fi
}

look_at_temporary_files() {
    if said=$(mktemp 2>&1); then
        rm -f "$said"
        fact "temporary yes"
    else
        fact "temporary no $said"
    fi
}

# Do every step of a deploy of Apache's files before they are live, with the files of the inventory.
try_validation() {
    if [ ! -s "$pending/files" ] || [ ! -x "$(head -n 1 "$pending/configtest")" ]; then return 0; fi
    echo apache >"$pending/reloads"
    (
        exec >"$pending/log" 2>&1
        set +e
        (
            set -e
            find_taken_ports
        )
        status=$?
        [ "$status" = 0 ] || fact "taken $(tail -n 1 "$pending/log")"
        (
            set -e
            validate_apache
            fact "validation $reached"
            [ -z "$obstacle" ] || fact "obstacle $obstacle"
        )
        status=$?
        [ "$status" = 0 ] || fact "fault $(encoded_tail 20 "$pending/log")"
    )
}

look_through_apache() { # only if the app answers on its own socket
    [ -s "$pending/through_apache" ] && ask_app "$pending/asked" "$(sed -n 's/^listen //p' "$pending/asked")" 5 none || return 0
    ask_through_apache_patiently "$(cat "$pending/through_apache")" 2
    fact "through_apache $through $through_found"
}

look_at_selinux() { # for every port in the wanted files, if they were read
    if [ ! -e "$pending/listen.wanted" ]; then cp "$pending/listens" "$pending/listen.wanted"; fi
    ask_selinux "$app_listen" <"$pending/listen.wanted" >"$pending/selinux"
    while IFS= read -r line; do fact "selinux $line"; done <"$pending/selinux"
}

sudo_name='' lists='' reload_words='' app='' app_listen='' number=0 doors=0
look_at_temporary_files
# Where /tmp takes no file, which is a finding of its own, the rest is looked at all the same: in the account's home only
# where no other place is left.
pending=$(mktemp -d 2>/dev/null || mktemp -d /dev/shm/poms-ops.XXXXXX 2>/dev/null ||
    mktemp -d /var/tmp/poms-ops.XXXXXX 2>/dev/null || mktemp -d "$HOME/.poms-ops.XXXXXX")
trap 'rm -rf "$pending"' EXIT
: >"$pending/files"
: >"$pending/listens"
set --
while IFS= read -r line; do
    value=${line#* }
    if [ -n "$sudo_name" ] && [ "$line" = "${line#word }" ]; then
        ask_sudo "$@"
        sudo_name=
        set --
    fi
    case $line in
    "state_dir "*) state_dir=$value ;;
    "supervisord_conf "*) supervisord_conf=$value ;;
    "supervisor_socket "*) supervisor_socket=$value ;;
    "activate "*) activate=$value ;;
    "httpd "*) look_at_httpd "$value" ;;
    "ca_dir "*)
        if [ -r "$value" ]; then fact "ca_dir $(find -L "$value" -name '*.0' | wc -l) $value"; else fact "ca_dir absent $value"; fi
        ;;
    "write "*) look_at_place "$value" ;;
    "sudo "*) sudo_name=$value ;;
    "word "*) set -- "$@" "$value" ;;
    password) IFS= read -r sudo_password ;;
    "listens "*)
        printf '%s\n' "$value" >>"$pending/listens"
        if tls_answers "$value"; then
            fact "port open $value"
        elif [ -n "$(listeners "$value")" ]; then
            fact "port silent $value"
        else
            fact "port closed $value"
        fi
        ;;
    "lists "*) lists=$value ;;
    "reload_words "*) reload_words=$value ;;
    "app_listen "*) app_listen=$value ;;
    "restart_word "*) printf '%s\n' "$value" >>"$pending/restart" ;;
    "configtest "* | "apache_root "* | "apache_run "* | "apache_logs "* | "no_probe "* | \
        "door_issuer "*)
        printf '%s\n' "$value" >>"$pending/${line%% *}"
        ;;
    "app "*) printf '%s\n' "$value" >>"$pending/asked" ;;
    "through_apache "*) printf '%s\n' "$value" >"$pending/through_apache" ;;
    "file "*)
        number=$((number + 1))
        printf '%s %s\n' "$number" "$value" >>"$pending/files"
        ;;
    content) : >"$pending/new.$number" ;;
    "content "*) printf '%s\n' "$value" | base64 -d >"$pending/new.$number" ;;
    "door "*) printf '%s\n' "$value" | base64 -d >"$pending/door" ;;
    "door_ca "* | "door_list "*)
        doors=$((doors + 1))
        printf '%s\n' "$value" | base64 -d >"$pending/${line%% *}.$doors"
        ;;
    end) break ;;
    esac
done
fact "now $(date +%s)"
fact "account $(id -un)"
fact "shell $(getent passwd "$(id -un)" | cut -d : -f 7)"
for tool in setfacl openssl flock base64 sha256sum unshare ip; do
    if command -v "$tool" >/dev/null; then fact "tool yes $tool"; else fact "tool no $tool"; fi
done
look_at_lock
supervisord=$(supervisord_state)
fact "supervisord $supervisord"
if [ "$supervisord" = down ]; then fact "orphans $(orphaned_programs)"; fi
tell_standbys 'fact standby'
look_at_lists
try_validation
look_at_shibd
look_at_products
look_at_supervisors_python
tell_boot 'fact survival'
fact "boot $boot"
case $supervisord in
up*) fact "survival lives $(place_of "${supervisord#up }")" ;;
down) fact "start $(way_to_start)" ;;
esac
look_through_apache
look_at_selinux
if [ -e "$pending/restart" ]; then fact "restart_cost $(restart_cost "$(cat "$pending/apache_root")" <"$pending/restart")"; fi
fact "disk $(df -Pk "$HOME" | awk 'NR == 2 { print $4 }')"
fact "inodes $(df -Pi "$HOME" | awk 'NR == 2 { print $4 }')"
say end
