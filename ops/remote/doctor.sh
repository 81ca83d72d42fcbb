# doctor.sh: everything that must hold before the first deploy. Changes nothing.
# Asked:    as the others: state_dir, supervisord_conf, supervisor_socket, activate; "httpd PATH", "ca_dir PATH", "write PATH",
#           "sudo NAME" followed by "word TEXT" for each word behind sudo, "listens PORT"; "password" followed by a line with sudo's password; end
# Answers:  "fact NAME VALUE", one for each thing looked at; end
say poms-ops doctor
PATH=$PATH:/usr/sbin:/sbin

fact() { say "fact $*"; }

first_line() { "$@" 2>&1 </dev/null | head -n 1; }

look_at_place() { # may the account have a file at $1?
    folder=$(dirname "$1")
    while [ ! -e "$folder" ]; do folder=$(dirname "$folder"); done
    if [ -w "$1" ] || [ -w "$folder" ]; then fact "write yes $1"; else fact "write no $1"; fi
}

ask_sudo() { # whether sudo grants the words, without running them
    if sudo -n -l -- "$@" >/dev/null 2>&1; then
        fact "sudo yes $sudo_name"
    elif [ -z "$sudo_password" ]; then
        fact "sudo password $sudo_name" # or none at all: sudo does not say which
    elif printf '%s\n' "$sudo_password" | sudo -S -p '' -l -- "$@" >/dev/null 2>&1; then
        fact "sudo yes $sudo_name"
    else
        fact "sudo no $sudo_name"
    fi
}

look_at_httpd() {
    if [ ! -x "$1" ]; then
        fact "httpd absent $1"
        return
    fi
    fact "httpd $("$1" -v </dev/null | sed -n 's|.*Apache/\([0-9.]*\).*|\1|p') $1"
    # The list of modules is that of the live configuration; where it is broken, Apache says so instead.
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

look_at_products() {
    for tool in supervisord supervisorctl uwsgi; do
        if with_products "$tool" --version >/dev/null 2>&1 </dev/null || with_products "$tool" --help >/dev/null 2>&1 </dev/null; then
            fact "product yes $tool"
        else
            fact "product no $tool"
        fi
    done
}

look_at_boot() { # who starts supervisord then?
    if crontab -l 2>/dev/null | grep -q '^@reboot.*supervisord'; then
        fact "boot the account's crontab"
        return
    fi
    for file in "$HOME"/.config/systemd/user/*.service /etc/systemd/system/*.service /etc/rc.local /etc/rc.d/rc.local \
        /etc/init.d/* /etc/cron.d/*; do
        if [ -r "$file" ] && grep -q supervisord "$file" && grep -q -F -e "$(id -un)" -e "$supervisord_conf" "$file"; then
            fact "boot $file"
            return
        fi
    done
    fact "boot nobody"
}

look_at_selinux() {
    if command -v getenforce >/dev/null; then
        fact "selinux $(getenforce) $(getsebool httpd_can_network_connect 2>/dev/null)"
    else
        fact "selinux none"
    fi
}

sudo_name=
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
    "listens "*) if accepts "$value"; then fact "port open $value"; else fact "port closed $value"; fi ;;
    end) break ;;
    esac
done
fact "now $(date +%s)"
fact "account $(id -un)"
fact "shell $(getent passwd "$(id -un)" | cut -d : -f 7)"
if unshare --user --map-root-user --mount --net --pid --fork --kill-child true 2>/dev/null; then
    fact "namespaces yes"
else
    fact "namespaces no"
fi
for tool in curl setfacl openssl flock base64 sha256sum; do
    if command -v "$tool" >/dev/null; then fact "tool yes $tool"; else fact "tool no $tool"; fi
done
supervisord=$(supervisord_state)
fact "supervisord $supervisord"
if [ "$supervisord" = down ]; then fact "orphans $(orphaned_programs)"; fi
tell_standbys 'fact standby'
look_at_shibd
look_at_products
look_at_boot
look_at_selinux
fact "disk $(df -Pk "$HOME" | awk 'NR == 2 { print $4 }')"
fact "inodes $(df -Pi "$HOME" | awk 'NR == 2 { print $4 }')"
say end
