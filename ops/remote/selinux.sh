# Part of transaction.sh and doctor.sh: does SELinux allow Apache to reach the app, and to listen on its ports? The account
# asks the kernel before anything changes. Written from EL9's policy; never run on a host with SELinux.
# Source: selinux_check_access(3), sepolicy-network(8), seinfo(1); Linux, security/selinux/selinuxfs.c; EL9's
# selinux-policy, apache.te and corenetwork.te.in.

SELINUX_FOLDER=/sys/fs/selinux

selinux_mode() { # Enforcing, Permissive or Disabled; "none" if the kernel has no SELinux
    mode=$(getenforce 2>/dev/null) || mode=
    case $mode in
    Enforcing | Permissive | Disabled) echo "$mode" ;;
    *)
        enforce=none # getenforce is a tool of libselinux-utils; the kernel's own file needs none
        if [ -r "$SELINUX_FOLDER/enforce" ]; then enforce=$(cat "$SELINUX_FOLDER/enforce"); fi
        case $enforce in 1) echo Enforcing ;; 0) echo Permissive ;; *) echo none ;; esac
        ;;
    esac
}

# A line for each access that Apache needs: "MODE VERDICT KIND SOURCE TARGET HOW SUBJECT". Nothing if SELinux is not active.
# VERDICT is allowed, denied or unknown; KIND socket-file, socket-peer, app-port or listen-port; SOURCE and TARGET are
# types, "-" if unknown; SUBJECT is an address or a port. HOW the target's type is known: found, or expected (it does not
# exist yet, or is not visible); for an unknown verdict, why: no-tool, no-label, port-type or no-answer.
# $1 is where the app listens; Apache's ports are on standard input.
ask_selinux() {
    mode=$(selinux_mode)
    case $mode in Enforcing | Permissive) ;; *) return 0 ;; esac
    source=$(apache_label)
    case $1 in
    /*)
        find_socket_label "$1"
        tell_access socket-file sock_file write "$1"
        find_app_label
        tell_access socket-peer unix_stream_socket connectto "$1"
        ;;
    *:*)
        find_port_label "${1##*:}"
        tell_port_access app-port name_connect "$1"
        ;;
    esac
    while read -r port; do
        if serves_with_its_label "$port"; then
            echo "$mode allowed listen-port $(type_of "$source") - found $port"
        else
            find_port_label "$port"
            tell_port_access listen-port name_bind "$port"
        fi
    done
}

tell_access() { # of kind $1: may $source do $3 to class $2 of $target? $4: the subject
    ask_kernel "$source" "$target" "$2" "$3"
    echo "$mode $verdict $1 $(type_of "$source") $(type_of "$target") $how $4"
}

# Without a tool, $target of a port is the type in the delivered policy: root may have changed it since. That makes no
# difference if Apache may use no known port type.
tell_port_access() { # of kind $1: may $source do $2 to TCP ports of type $target? $3: the subject
    ask_kernel "$source" "$target" tcp_socket "$2"
    if [ "$verdict-$how" = denied-expected ] && [ "$(type_of "$target")" != http_port_t ]; then
        by_default=$target
        ask_kernel "$source" "$(port_label http_port_t)" tcp_socket "$2"
        target=$by_default
        if [ "$verdict" = allowed ]; then verdict=unknown how=port-type; fi
    fi
    echo "$mode $verdict $1 $(type_of "$source") $(type_of "$target") $how $3"
}

# ---- who and what ------------------------------------------------------------------------------------------------------

type_of() { # the type in security context $1
    of=${1#*:*:}
    printf '%s' "${of%%:*}"
    [ -n "$1" ] || printf %s -
}

is_label() { case $1 in *:*:*) ;; *) return 1 ;; esac }

label_of_process() {
    label=$(ps -o label= -p "$1" 2>/dev/null | tr -d ' ') || label=
    if is_label "$label"; then printf '%s' "$label"; fi
}

apache_label() { # of the running Apache; if none is visible, of its service
    label=
    if process=$(apache_parent); then label=$(label_of_process "$process"); fi
    printf '%s' "${label:-system_u:system_r:httpd_t:s0}"
}

label_of_file() {
    label=$(stat -c %C "$1" 2>/dev/null) || label=
    if is_label "$label"; then printf '%s' "$label"; fi
}

find_socket_label() { # of socket $1, or the label that a new socket would get there: usually its folder's type
    how=found
    target=$(label_of_file "$1")
    if [ -e "$1" ]; then return 0; fi
    how=expected place=$1
    while [ ! -e "$place" ]; do place=$(dirname "$place"); done
    target=$(label_of_file "$place" | sed -e 's/:user_home_dir_t/:user_home_t/' -e 's/:tmp_t/:user_tmp_t/')
}

# A connection is to the domain of the process that created the socket: uWSGI, which inherits it from supervisord. If
# neither runs, this account would start them.
find_app_label() {
    how=found
    process=$(pgrep -u "$(id -u)" -x uwsgi | head -n 1) || process=
    if [ -z "$process" ]; then
        state=$(supervisord_state)
        case $state in
        "up "*) process=${state#up } ;;
        *) how=expected process=$$ ;;
        esac
    fi
    target=$(label_of_process "$process")
}

# ---- ports -------------------------------------------------------------------------------------------------------------

port_label() { echo "system_u:object_r:$1:s0"; }

find_port_label() { # of TCP port $1: from the narrowest range of the loaded policy that contains it
    how=found
    found=$(timeout 20 sepolicy network -p "$1" 2>/dev/null </dev/null | awk '$2 == "tcp" { print $4, $3 }' | narrowest)
    if [ -z "$found" ]; then
        found=$(timeout 20 seinfo "--portcon=$1" 2>/dev/null </dev/null |
            awk '$1 == "portcon" && $2 == "tcp" { split($4, part, ":"); print $3, part[3] }' | narrowest)
    fi
    if [ -z "$found" ]; then
        how=expected
        case $1 in
        80 | 81 | 443 | 488 | 8008 | 8009 | 8443 | 9000) found=http_port_t ;;
        *) if [ "$1" -lt 512 ]; then
            found=reserved_port_t
        elif [ "$1" -lt 1024 ]; then
            found=hi_reserved_port_t
        elif [ "$1" -ge 32768 ] && [ "$1" -le 60999 ]; then
            found=ephemeral_port_t
        else
            found=unreserved_port_t
        fi ;;
        esac
    fi
    target=$(port_label "$found")
}

narrowest() { # from lines "RANGE TYPE", the type of the narrowest range
    awk '{
        last = split($1, end, "-") > 1 ? end[2] : end[1]
        if (NR == 1 || last - end[1] < width) { width = last - end[1]; found = $2 }
    } END { print found }'
}

serves_with_its_label() { # a confined Apache already listens on port $1: then it is allowed
    [ "$(listeners "$1")" = 0 ] && process=$(apache_parent) && [ "$(type_of "$(label_of_process "$process")")" = httpd_t ]
}

# ---- the kernel's answer -----------------------------------------------------------------------------------------------

# May context $1 do $4 to class $3 of context $2? Sets $verdict, and $how if it is unknown. While SELinux is permissive,
# selinux_check_access grants everything; then use the kernel's own file.
ask_kernel() {
    verdict=unknown
    if [ -z "$1" ] || [ -z "$2" ]; then
        how=no-label
    elif [ "$mode" = Permissive ]; then
        ask_kernels_file "$@"
    elif ! command -v selinux_check_access >/dev/null; then
        how=no-tool
    elif said=$(timeout 10 selinux_check_access "$@" 2>&1 </dev/null); then
        verdict=allowed
    else
        case $said in *"Permission denied"*) verdict=denied ;; *) how=no-answer ;; esac
    fi
}

# The kernel answers "ALLOWED DECIDED …"; the first is a hexadecimal mask of permissions.
ask_kernels_file() {
    mask=
    if index=$(cat "$SELINUX_FOLDER/class/$3/index" 2>/dev/null) &&
        place=$(cat "$SELINUX_FOLDER/class/$3/perms/$4" 2>/dev/null); then
        {
            printf '%s %s %s' "$1" "$2" "$index" >&8
            read -r mask _ <&8 || : # the answer has no line break
        } 8<>"$SELINUX_FOLDER/access" 2>/dev/null || mask=
    fi
    case $mask in
    '' | *[!0-9a-f]*) how=no-answer ;;
    *) if [ $((0x$mask >> (place - 1) & 1)) = 1 ]; then verdict=allowed; else verdict=denied; fi ;;
    esac
}

# ---- a deploy ----------------------------------------------------------------------------------------------------------

# Before anything changes: fails for an access that is denied for certain and is not in use already.
check_selinux() {
    if [ ! -e "$app" ] || [ ! -e "$pending/listen.wanted" ]; then return 0; fi
    ask_selinux "$(app_value listen)" <"$pending/listen.wanted" >"$pending/listen.selinux"
    barred=
    while read -r mode verdict kind source target how subject; do
        case $verdict-$mode in
        allowed-*) continue ;;
        *-Permissive) say "selinux $mode $verdict $kind $source $target $how $subject" ;;
        unknown-*) unvalidated "that SELinux lets Apache ($source) $(in_words "$kind") $subject ($target): $how; fab doctor says more" ;;
        *)
            if is_so_already "$kind" "$subject"; then
                say "selinux $mode denied-already $kind $source $target $how $subject"
            elif [ ! -e "$pending/minimum" ] || [ -e "$pending/waived" ]; then
                unvalidated "Apache ($source) may not $(in_words "$kind") $subject ($target): SELinux denies it"
            else
                say "selinux $mode denied $kind $source $target $how $subject"
                echo "SELinux does not let Apache ($source) $(in_words "$kind") $subject ($target)"
                barred=yes
            fi
            ;;
        esac
    done <"$pending/listen.selinux"
    [ -z "$barred" ]
}

in_words() {
    case $1 in
    socket-file) echo "write to the socket" ;;
    socket-peer) echo "connect to the program behind the socket" ;;
    app-port) echo "connect to" ;;
    listen-port) echo "listen on port" ;;
    esac
}

is_so_already() { # Apache's current files already need access of kind $1 to $2
    case $1 in
    listen-port) grep -qxF -e "$2" "$pending/listen.live" ;;
    *) grep -rqF -e "$2" "$apache_root/conf.d" 2>/dev/null ;;
    esac
}
