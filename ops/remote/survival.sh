# Part of the scripts that need supervisord: what ends it after the logout, what starts it at boot, and how to start it so
# that it stays alive. Reads the system's state without root. Changes nothing.
#
# With KillUserProcesses, logind ends a session's processes with the session, lingering or not. What the account's user
# manager (user@UID.service) runs ends some seconds after the last logout, unless the account lingers.

own_account=$(id -un)
runtime_dir=/run/user/$(id -u) # of the account's user manager

has_systemd() { [ -d /run/systemd/system ]; }

ask_systemd() { # systemctl of manager $1: "system" or "user"
    manager=$1
    shift
    case $manager in
    user) XDG_RUNTIME_DIR=$runtime_dir timeout 60 systemctl --user --no-ask-password "$@" </dev/null ;;
    system) timeout 60 systemctl --no-ask-password "$@" </dev/null ;;
    esac
}

is_in_session() { grep -q '/session-[^/]*\.scope' /proc/self/cgroup 2>/dev/null || [ ! -r /proc/self/cgroup ]; }

kills_sessions() { # does logind end this account's processes with their session? "yes", "no" or "unknown"
    if ! has_systemd; then
        echo no
        return
    fi
    told=$(timeout 10 busctl get-property org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager \
        KillUserProcesses KillOnlyUsers KillExcludeUsers 2>/dev/null </dev/null) || told=
    printf '%s\n' "$told" | ACCOUNT="\"$own_account\"" awk '
        NR == 1 { set = $2 }
        NR == 2 { some = $2 > 0; named = index($0, ENVIRON["ACCOUNT"]) }
        NR == 3 { spared = index($0, ENVIRON["ACCOUNT"]) }
        END {
            if (set == "false") print "no"
            else if (set != "true" || NR < 3) print "unknown"
            else if (spared || (some && !named)) print "no"
            else print "yes"
        }'
}

lingers() { # does the account's user manager run without a login? "yes", "no" or "unknown"
    if [ -e "/var/lib/systemd/linger/$own_account" ]; then
        echo yes
    elif ! has_systemd || [ -x /var/lib/systemd/linger ] || { [ -x /var/lib/systemd ] && [ ! -e /var/lib/systemd/linger ]; }; then
        echo no
    else
        told=$(timeout 10 loginctl show-user "$own_account" -p Linger 2>/dev/null </dev/null) || told=
        case $told in Linger=yes) echo yes ;; Linger=no) echo no ;; *) echo unknown ;; esac
    fi
}

# The units of manager $1 whose files name supervisord; of a template, its instances.
candidates() {
    case $1 in
    system) set -- system /etc/systemd/system /run/systemd/system /usr/local/lib/systemd/system /usr/lib/systemd/system ;;
    user) set -- user "$HOME/.config/systemd/user" "$HOME/.local/share/systemd/user" /etc/systemd/user \
        /usr/local/lib/systemd/user /usr/lib/systemd/user ;;
    esac
    manager=$1
    shift
    for folder; do
        grep -ls supervisord "$folder"/*.service "$folder"/*.service.d/*.conf 2>/dev/null | while IFS= read -r file; do
            case $file in *.service.d/*) file=${file%.d/*} ;; esac
            name=${file##*/}
            case $name in
            *@.service)
                for link in "$folder"/*.wants/"${name%.service}"*.service; do
                    if [ -L "$link" ]; then printf '%s\n' "${link##*/}"; fi
                done
                ask_systemd "$manager" list-units --all --plain --no-legend "${name%.service}*.service" 2>/dev/null |
                    awk '{ print $1 }'
                ;;
            *) printf '%s\n' "$name" ;;
            esac
        done
    done | sort -u
}

# Does command $1 run supervisord with our file? $2: its account, if the command does not name one.
runs_ours() {
    case $1 in
    *"$supervisord_conf"*) return 0 ;;
    *supervisord*"-c /"* | *supervisord*"-c/"* | *supervisord*"--configuration /"* | *supervisord*"--configuration=/"*) return 1 ;;
    esac
    case " $2 $1 " in *[!A-Za-z0-9_.-]"$own_account"[!A-Za-z0-9_.-]*) return 0 ;; esac
    return 1
}

# A line "MANAGER ENABLED ACTIVE RESTART NAME" for each systemd unit that runs supervisord with our file. ACTIVE is
# systemd's ActiveState, or "exited" if the unit counts as active and has no process.
supervisord_units() {
    has_systemd || return 0
    for manager in system user; do
        candidates "$manager" | while IFS= read -r name; do
            command='' user='' enabled='' active='' exited='' restart=''
            if ! told=$(ask_systemd "$manager" show "$name" -p ExecStart -p User -p UnitFileState -p ActiveState -p SubState \
                -p Restart 2>/dev/null); then
                # The user manager is not running: links show which units are enabled.
                case $manager in user) told="ExecStart=supervisord" ;; *) continue ;; esac
                for link in "$HOME"/.config/systemd/user/*.wants/"$name"; do
                    if [ -L "$link" ]; then enabled=enabled; fi
                done
            fi
            while IFS= read -r line; do
                value=${line#*=}
                case $line in
                ExecStart=*) command=$command$value ;;
                User=*) user=$value ;;
                UnitFileState=*) enabled=$value ;;
                ActiveState=*) active=$value ;;
                SubState=exited) exited=yes ;;
                Restart=*) restart=$value ;;
                esac
            done <<END
$told
END
            if [ "$manager" = user ]; then user=$own_account; fi
            if [ -n "$command" ] && runs_ours "$command" "$user"; then
                case $active-$exited in active-yes) active=exited ;; esac
                echo "$manager ${enabled:-unknown} ${active:-unknown} ${restart:-unknown} $name"
            fi
        done
    done
}

cron_runs() { # "yes", "no" or "unknown"
    if pgrep -x 'cron|crond|fcron' >/dev/null 2>&1; then
        echo yes
    elif has_systemd && ask_systemd system -q is-active cron.service crond.service 2>/dev/null; then
        echo yes
    elif command -v pgrep >/dev/null && IFS= read -r _ 2>/dev/null </proc/1/stat; then
        echo no
    else
        echo unknown # other accounts' processes are hidden
    fi
}

in_force() { # the text of a crontab, unit or script without comments
    sed -e 's/^[[:space:]]*[#;].*//' -e 's/[[:space:]]#.*//'
}

crontab_starts() { # does the account's crontab start it at boot? "yes", "no" or "unknown"
    if ! command -v crontab >/dev/null; then
        echo no
    elif table=$(crontab -l 2>&1 </dev/null); then
        lines=$(printf '%s\n' "$table" | in_force | grep '^[[:space:]]*@reboot.*supervisord') || :
        if [ -n "$lines" ] && runs_ours "$lines" "$own_account"; then echo yes; else echo no; fi
    else
        case $table in *"no crontab"*) echo no ;; *) echo unknown ;; esac
    fi
}

cron_opens_sessions() { # are cron jobs logind sessions, which logind ends, too? "yes" or "no"
    for file in /etc/pam.d/cron /etc/pam.d/crond; do
        [ -r "$file" ] || continue
        for name in "${file##*/}" $(in_force <"$file" | awk '/^@include/ { print $2 }
            $1 ~ /^-?session$/ && $2 ~ /^(include|substack)$/ { print $3 }'); do
            if in_force <"/etc/pam.d/$name" 2>/dev/null | grep -q '^-*session.*pam_systemd'; then
                echo yes
                return
            fi
        done
    done
    echo no
}

# Lines about what starts supervisord at boot, each with the prefix $1: "crontab", "cron", "linger", "kills" and
# "cron_sessions", each with its answer, and "unit ..." for each unit. Sets $boot: "the account's crontab", the first file
# that names supervisord, or "nobody".
tell_boot() {
    boot=$(crontab_starts)
    say "$1 crontab $boot"
    say "$1 cron $(cron_runs)"
    say "$1 linger $(lingers)"
    say "$1 kills $(kills_sessions)"
    say "$1 cron_sessions $(cron_opens_sessions)"
    supervisord_units | while IFS= read -r line; do say "$1 unit $line"; done
    if [ "$boot" = yes ]; then boot="the account's crontab"; else boot=$(file_that_starts); fi
}

file_that_starts() { # supervisord at boot, other than units and the account's crontab; or "nobody"
    for file in /etc/rc.local /etc/rc.d/rc.local /etc/init.d/* /etc/crontab /etc/cron.d/*; do
        if [ ! -r "$file" ] || [ ! -f "$file" ]; then continue; fi
        said=$(in_force <"$file")
        case $file in
        *~ | *.rpmsave | *.rpmorig | *.rpmnew | *.dpkg-*) continue ;; # left by a package; nobody reads them
        /etc/cron*) said=$(printf '%s\n' "$said" | sed -n '/^[[:space:]]*[A-Za-z_]*[[:space:]]*=/d; /supervisord/p') ;;
        esac
        if printf '%s\n' "$said" | grep -q supervisord &&
            printf '%s\n' "$said" | grep -q -F -e "$own_account" -e "$supervisord_conf"; then
            echo "$file"
            return
        fi
    done
    echo nobody
}

# The place of process $1, by its control group: "session NAME", "manager NAME" (in the account's user manager), "system
# NAME" (a system unit) or "unknown".
place_of() {
    path=$(sed -n -e 's/^0:://p' -e 's/^[0-9]*:name=systemd://p' "/proc/$1/cgroup" 2>/dev/null | grep -v '^/$' | head -n 1) || :
    case $path in
    */user@*.service/*) echo "manager ${path##*/}" ;;
    */session-*.scope*)
        session=${path##*/session-}
        session=${session%%.scope*}
        # Nobody ends a session that a logout has left open.
        if grep -qsx 'STATE=closing' "/run/systemd/sessions/$session" || [ ! -e "/run/systemd/sessions/$session" ]; then
            echo "left session-$session.scope"
        else
            echo "session session-$session.scope"
        fi
        ;;
    *.service | *.service/*)
        path=${path%%.service*}
        echo "system ${path##*/}.service"
        ;;
    *) echo unknown ;;
    esac
}

# Lines about what may end the running supervisord, process $2, each with the prefix $1: "lives PLACE NAME", and "linger
# ANSWER" or "kills ANSWER" if it matters.
tell_survival() {
    place=$(place_of "$2")
    say "$1 lives $place"
    case $place in
    manager*) say "$1 linger $(lingers)" ;;
    session*) say "$1 kills $(kills_sessions)" ;;
    esac
}

# How to start supervisord so that it stays: "plain"; "scope", in a scope of the user manager; "unit NAME" of the user
# manager; "await NAME", a system unit that is about to start it. Or "refused WHY [NAME]": "killed" at logout; "lingerless":
# a user unit, which ends at logout; "system-unit", which root starts.
way_to_start() {
    units=$(supervisord_units)
    linger=$(lingers)
    while read -r manager enabled active _ name; do
        case $manager-$active-$enabled in
        system-activating-* | system-active-* | system-reloading-*)
            echo "await $name"
            return
            ;;
        system-exited-* | system-*-enabled | system-*-enabled-runtime)
            echo "refused system-unit $name"
            return
            ;;
        user-active-* | user-activating-* | user-*-enabled | user-*-enabled-runtime)
            if [ "$linger" = no ]; then echo "refused lingerless $name"; else echo "unit $name"; fi
            return
            ;;
        esac
    done <<END
$units
END
    if ! is_in_session; then
        echo plain
        return
    fi
    case $(kills_sessions)-$linger in
    no-*) echo plain ;;
    yes-no) echo "refused killed" ;;
    yes-yes | unknown-yes) if [ -d "$runtime_dir" ]; then echo scope; else echo plain; fi ;;
    *) echo plain ;;
    esac
}

start_as_unit() { # the user unit $1
    if ! ask_systemd user start "$1"; then
        ask_systemd user status --no-pager -l -n 20 "$1" || :
        return 1
    fi
    await_supervisord "$1"
}

await_supervisord() { # wait until the supervisord of unit $1 answers
    tries=0
    until case $(supervisord_state) in up*) ;; *) false ;; esac do
        if [ "$tries" -gt 150 ]; then
            echo "unit $1 has not started supervisord within 30 seconds"
            return 1
        fi
        sleep 0.2
        tries=$((tries + 1))
    done
}

# Outside the login's session, which logind ends with all its processes. If the kernel kills one process for lack of
# memory, the others go on, which is a scope's default only since systemd 253.
start_in_scope() {
    set --
    version=$(systemctl --version | awk 'NR == 1 { print $2 + 0 }')
    if [ "${version:-0}" -ge 253 ]; then set -- -p OOMPolicy=continue; fi
    with_products env XDG_RUNTIME_DIR="$runtime_dir" systemd-run --user --scope -q "$@" -- \
        supervisord -c "$supervisord_conf" </dev/null
}

# The unit of process $1, if it runs supervisord: "MANAGER RESTART NAME".
unit_of_process() {
    place=$(place_of "$1")
    case $place in manager*) owner=user ;; system*) owner=system ;; *) return 0 ;; esac
    supervisord_units | while read -r manager _ _ restart name; do
        if [ "$manager $name" = "$owner ${place#* }" ]; then echo "$manager $restart $name"; fi
    done
}
