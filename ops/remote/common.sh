# Shared by the scripts that run on a host; it precedes each of them.
# The operator's side writes to standard input and reads descriptor 3, one fact per line. All other output, of a greeting
# login shell or of a tool, goes to standard error, so that it cannot be mistaken for a fact.
set -eu
umask 077
exec 3>&1 1>&2
trap '' PIPE

# Tools run in an environment of ours: nothing that the account's profile exports (a proxy, TZ, OPENSSL_CONF, TMPDIR,
# LD_LIBRARY_PATH, BASH_ENV, a function named curl) changes what they do or say. PATH has the sbin folders, which Red Hat
# leaves out for an SSH command. The account's own environment is read once more for `activate`, from the kernel.
# HOME stays: it says where the account's things are. "command" keeps a shell from ending where a name is read-only.
# In bash, functions come along with the environment, and they go before the commands of their names.
account_environment=/proc/$$/environ
# shellcheck disable=SC3044 # bash's alone
if [ -n "${BASH_VERSION-}" ]; then
    for name in $(declare -F); do unset -f "$name" 2>/dev/null || :; done
fi
while IFS= read -r line; do
    name=${line#export }
    name=${name#declare -x }
    name=${name%%=*}
    case $name in HOME | *[!A-Za-z0-9_]* | '') ;; *) command unset "$name" 2>/dev/null || : ;; esac
done <<END
$(export -p)
END
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
SHLVL=2 # a bash that takes itself for the first of an SSH login reads .bashrc, greeting and all
export PATH LC_ALL SHLVL
unset name line

COMMAND_LIMIT=300 # seconds for a command of the inventory's

# Values from the request that the functions below use.
state_dir='' activate='' supervisor_socket='' sudo_password=''

say() { printf '%s\n' "$*" >&3 || :; }

# The folder of the running release; empty before the first. After a power cut, the newer link counts.
running_release() {
    for link in "$state_dir/current.new" "$state_dir/current"; do
        if [ -r "$link/manifest" ]; then
            (cd -P "$link" && printf '%s\n' "$state_dir/releases/${PWD##*/}")
            return
        fi
    done
}

# Does somebody hold the lock of file $1? Fails if nobody does, and with $unlockable set if that is unknown. Uses a shared
# lock, so that two checks do not take each other for a deploy.
is_locked() {
    ended=0 unlockable=
    unlockable=$(flock -n -s "$1" true 2>&1) || ended=$?
    case $ended-$unlockable in
    0-*) unlockable= ;;
    1-) return 0 ;;
    *) unlockable="flock: exit code $ended: $unlockable" ;;
    esac
    return 1
}

# The last lines of a file as one word, for the operator; a line may be as long as the file.
encoded_tail() { tail -n "$1" "$2" | tail -c 20000 | base64 | tr -d '\n'; }

# Run a command of the inventory: its words are the lines of file $1. A leading "sudo" does not prompt for a password; one
# that the operator gave is only written to sudo's standard input. sudo's ticket belongs to this shell, so the command
# itself runs without input.
run_command() {
    command_file=$1
    set --
    while IFS= read -r word; do set -- "$@" "$word"; done <"$command_file"
    if [ "$1" != sudo ]; then
        timeout "$COMMAND_LIMIT" "$@" </dev/null 3>&- 4<&- 5>&- 9>&-
        return
    fi
    shift
    [ -z "$sudo_password" ] || printf '%s\n' "$sudo_password" | sudo -S -p '' -v
    if [ -z "$sudo_password" ] || sudo -n -v 2>/dev/null; then
        sudo -n -- "$@" </dev/null 3>&- 4<&- 5>&- 9>&- &
    else # a site that keeps no ticket
        printf '%s\n' "$sudo_password" | sudo -S -p '' -- "$@" 3>&- 4<&- 5>&- 9>&- &
    fi
    wait_for_root $! "$*"
}

# Wait for root's process $1, `$2`. This account cannot end it, so after the limit it goes on alone.
wait_for_root() {
    tries=0
    while is_alive "$1"; do
        if [ "$tries" -gt $((COMMAND_LIMIT * 10)) ]; then
            echo "'$2' has not ended after $COMMAND_LIMIT seconds; process $1 still runs"
            return 1
        fi
        sleep 0.1
        tries=$((tries + 1))
    done
    wait "$1"
}

is_alive() { # child $1; a zombie (Z) is dead
    read -r _ _ process_state _ 2>/dev/null <"/proc/$1/stat" && [ "$process_state" != Z ]
}

# Run a command with the products set up. `activate` is the operator's own shell text and may be rude: it redefines
# variables and functions, calls exit, prints. So it runs in a bash of its own, in the account's environment, and only the
# environment that it leaves is taken over, by another bash in which nothing of it has run. What it prints is shown
# where it gave nothing.
# UWSGI_* goes no further: uWSGI takes each such variable for an option, and UPS exports UWSGI_DIR for a product uwsgi.
# Usage: bash -c TEXT poms-ops ENVIRONMENT ACTIVATE RUN SECONDS COMMAND [WORD ...]; ENVIRONMENT is a file with a NUL behind
# each NAME=VALUE, RUN is ACTIVATED; the command may take so many seconds, 0 for any.
# shellcheck disable=SC2016 # expanded by that bash
WITH_PRODUCTS='
    take_over() { # the environment on standard input in place of ours, but for functions
        entries=()
        while IFS= read -r -d "" entry; do entries+=("$entry"); done
        for name in $(compgen -e); do unset -v "$name"; done
        for entry in "${entries[@]}"; do
            case ${entry%%=*} in
            "") activate_ended=${entry#=} ;; # said behind what it leaves
            UWSGI_* | SHLVL | _ | [0-9]* | *[!A-Za-z0-9_]*) ;;
            *) export "$entry" ;;
            esac
        done
        export SHLVL=3 # as above, with what exec takes off
    }
    activate() { BASH_ENV= exec /usr/bin/timeout -k 2 60 "$BASH" --norc --noprofile -c "$run" activate "$text"; }
    account=$1 text=$2 run=$3 limit=$4
    shift 4
    take_over <"$account" 2>/dev/null
    activate_ended=
    take_over < <({ (activate >/dev/null 2>&1); printf "=%s\0" "$?"; } 8>&1) 2>/dev/null
    if ! command -v "$1" >/dev/null; then
        take_over <"$account" 2>/dev/null
        if [ "$activate_ended" = 124 ]; then echo "activate did not end within 60 seconds" >&2; else (activate 8>/dev/null >&2); fi
        echo "the products give no $1 after: $text" >&2
        exit 127
    fi
    [ "$limit" = 0 ] || exec /usr/bin/timeout -k 5 "$limit" "$@"
    exec "$@"
'
# Run `activate` in a bash of its own, and tell of the environment that it leaves, on descriptor 8.
# shellcheck disable=SC2016 # expanded by that bash
ACTIVATED='
    exec 7>&8 8>&-
    eval "$1" </dev/null 7>&-
    unset -v BASH_ENV
    /usr/bin/env -0 >&7
'
with_products() { with_products_within 0 "$@"; }
with_products_within() { # end the command after $1 seconds
    seconds=$1
    shift
    bash --norc --noprofile -c "$WITH_PRODUCTS" poms-ops "$account_environment" "$activate" "$ACTIVATED" "$seconds" "$@" \
        3>&- 4<&- 5>&- 9>&-
}

# The system's own Python: it is there when the products are broken, and needs nothing of the account's. It runs in /, for
# Python looks for modules in the folder that it runs in.
HOST_PYTHONS='python3 /usr/libexec/platform-python python2 python'
host_python() {
    for python in $HOST_PYTHONS; do
        if command -v "$python" >/dev/null; then
            (cd / && exec "$python" -E -s "$@")
            return
        fi
    done
    echo "this host has no Python: none of $HOST_PYTHONS"
    return 127
}

# The interpreter that runs supervisorctl has supervisor's own library, so it can ask supervisord as a program does.
# The program is on the standard input. Which interpreter that is shows in supervisorctl's file: by its "#!" line, or by
# what a shell's script runs in its place, as pip writes one for a long path (a line that begins with three quotes and
# "exec") and UPS for its products. Such a script is read by a bash of its own, which is asked before each command
# ("DEBUG" in bash(1)): the one that is given the script's own words runs supervisorctl, or another script that does.
# Python writes no compiled files ("-B"): this looks, too.
# Usage: bash -c TEXT SCRIPT TEXT DEPTH COUNT OUR-WORDS ... SCRIPT-WORDS ...; SCRIPT is read where DEPTH is not 0.
# shellcheck disable=SC2016 # expanded by that bash
SUPERVISOR_PYTHON='
    text=$1 depth=$2 count=$3
    ours=("${@:4:count}")
    shift "$((3 + count))"
    follow() { # the words of a command that runs supervisorctl
        while [ $# -gt 0 ]; do
            case $1 in
            [A-Za-z_]*=*) export "$1" ;;
            exec | command)
                while [[ ${2-} == -* ]]; do
                    if [ "$2" = -a ]; then shift; fi
                    shift
                done
                ;;
            env | */env)
                while [[ ${2-} == -* ]]; do
                    if [ "$2" = -u ]; then
                        unset -v "$3"
                        shift
                    fi
                    shift
                done
                ;;
            *) break ;;
            esac
            shift
        done
        [ "$(type -t -- "${1-}")" = file ] || return 0
        found=$(type -P -- "$1") first=
        shift
        { IFS= read -r first <"$found"; } 2>/dev/null
        case "$first|${found##*/}" in
        "#!"*python*"|"* | "#!"*pypy*"|"*) follow_first "$@" ;;
        *"|"*python* | *"|"*pypy*) run "$found" "$@" ;;
        *"|"sh | *"|"bash | *"|"dash | *"|"ksh)
            while [[ ${1-} == -* ]]; do shift; done
            [ -r "${1-}" ] && [ "$depth" -lt 9 ] || return 0
            found=$1
            shift
            trap - DEBUG
            case $found in */*) ;; *) found=./$found ;; esac
            exec bash --norc --noprofile -c "$text" "$found" "$text" "$((depth + 1))" "$count" "${ours[@]}" "$@"
            ;;
        "#!"*) follow_first "$@" ;;
        esac
    }
    follow_first() { # the words of the "#!" line of $found
        read -ra words <<<"${first#??}"
        if [ "$found" != "${words[0]}" ]; then follow "${words[@]}" "$found" "$@"; fi
    }
    follow_command() { # $1, as it is written in a script, whose words stand behind it
        written=$1
        shift
        case $written in *"\$@"* | *"\$*"* | *"\${@"*) ;; *) return 0 ;; esac
        words=()
        eval "words=($written)" 2>/dev/null || eval "words=(${written%%[<>]*})" 2>/dev/null || return 0
        if [ "${words[0]}" != . ] && [ "${words[0]}" != source ]; then follow "${words[@]}"; fi
        return 0
    }
    run() { # Python $1 with the words behind it: our program in place of its script
        trap - DEBUG
        set +eu
        python=$1 script= options=()
        shift
        while [ $# -gt 0 ]; do
            case $1 in
            -m* | -c* | -) break ;;
            -[A-Za-z]*[mc])
                options+=("${1%?}")
                break
                ;;
            -W | -X)
                options+=("$1" "$2")
                shift
                ;;
            -*) options+=("$1") ;;
            *)
                script=$1
                case $script in /*) ;; *) script=$PWD/$script ;; esac
                break
                ;;
            esac
            shift
        done
        cd /
        exec "$python" -B "${options[@]}" - "$script" "${ours[@]}" <&7 >&6 6>&- 7<&-
    }
    if [ "$depth" = 0 ]; then
        tool=$(type -P supervisorctl) || { echo "the products give no supervisorctl" >&2; exit 127; }
        exec 6>&1 7<&0 </dev/null >&2
        follow "$tool" --help
        for python in python3 python python2; do
            if "$python" -B -c "import supervisor.xmlrpc" >/dev/null 2>&1; then run "$python" "$tool"; fi
        done
    else
        tool=$0
        shopt -s extdebug
        trap "follow_command \"\$BASH_COMMAND\" \"\$@\" || :" DEBUG
        . "$0" "$@"
        trap - DEBUG
    fi
    echo "no Python found for $tool: it is neither a Python script nor a shell script that runs one" >&2
    exit 127
'
supervisor_python() {
    with_products_within 1800 bash --norc --noprofile -c "$SUPERVISOR_PYTHON" poms-ops "$SUPERVISOR_PYTHON" 0 $# "$@"
}

# Ask supervisord to do $1 with the programs named after it; supervise.py notes under "taken" what took in its files.
ask_supervisord() {
    action=$1
    shift
    if [ "$action" != states ]; then mkdir -p "$state_dir/taken"; fi # that only looks
    supervise "$action" "$supervisor_socket" "$state_dir/taken" "$@" >&3
}

# The memory of the largest process with file $1 in its command, and the free memory, in kB.
memory_of() {
    files=$(grep -lz -F -e "$1" /proc/[0-9]*/cmdline 2>/dev/null | sed 's/cmdline$/status/') || :
    # shellcheck disable=SC2086 # names of files, which hold no blank; the one that looks has the name, too, and is gone
    each=$(cat $files /dev/null 2>/dev/null | awk '/^VmRSS/ && $2 > most { most = $2 } END { print most + 0 }') || :
    echo "${each:-0} $(awk '/^MemAvailable/ { print $2 }' /proc/meminfo)"
}

# Something accepts connections on local port $1.
accepts() {
    # shellcheck disable=SC2016 # expanded by that bash
    bash -c 'exec 4<>"/dev/tcp/127.0.0.1/$1"' poms-ops "$1" 2>/dev/null
}
