# Shared by the scripts that run on a host; ops/remote.py puts it before each of them.
# The operator's side talks over standard input and reads descriptor 3, one fact a line. Whatever else is printed,
# by a greeting login shell or by a tool, goes to standard error, so nothing can be taken for a fact.
set -eu
umask 077
exec 3>&1 1>&2
trap '' PIPE
export SHLVL=2 # a bash that takes itself for the first of an SSH login reads .bashrc, greeting and all

COMMAND_LIMIT=300 # seconds for a command of the inventory's

# What the scripts are told and the functions below use.
state_dir='' activate='' supervisor_socket='' sudo_password=''

say() { printf '%s\n' "$*" >&3 || :; }

# The folder of the release that this host runs; empty before the first. A power cut may have left the newer link.
running_release() {
    for link in "$state_dir/current.new" "$state_dir/current"; do
        if [ -r "$link/manifest" ]; then
            (cd -P "$link" && printf '%s\n' "$state_dir/releases/${PWD##*/}")
            return
        fi
    done
}

# The last lines of a file as one word, for the operator's eyes.
encoded_tail() { tail -n "$1" "$2" | base64 | tr -d '\n'; }

# Run an inventory's command: its words are the lines of file $1. A leading "sudo" asks for no password of its own;
# one that the operator gave goes to sudo's standard input and nowhere else.
# The ticket that sudo gives for it is of this shell, so the command itself runs with nothing on its input.
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

# Wait for process $1, `$2`, which is root's: this account could not end it, so after the limit it is left to itself.
wait_for_root() {
    tries=0
    while is_alive "$1"; do
        if [ "$tries" -gt $((COMMAND_LIMIT * 10)) ]; then
            echo "'$2' has not ended after $COMMAND_LIMIT seconds and goes on, as process $1"
            return 1
        fi
        sleep 0.1
        tries=$((tries + 1))
    done
    wait "$1"
}

is_alive() { # child $1: a dead one that nobody has waited for is still listed, as Z
    read -r _ _ process_state _ 2>/dev/null <"/proc/$1/stat" && [ "$process_state" != Z ]
}

# Run a command with the products set up. `activate` is the operator's own shell text and may be rude: it runs in a
# bash without -e or -u, which keeps what is ours out of its reach, and what it prints is shown only when it gave nothing.
# shellcheck disable=SC2016 # expanded by that bash
WITH_PRODUCTS='
    products=("$@")
    set --
    eval "${products[0]}" </dev/null >/dev/null 2>&1
    if ! command -v "${products[1]}" >/dev/null; then
        eval "${products[0]}" </dev/null >&2
        echo "the products give no ${products[1]} after: ${products[0]}" >&2
        exit 127
    fi
    exec "${products[@]:1}"
'
with_products() { bash -c "$WITH_PRODUCTS" poms-ops "$activate" "$@" 3>&- 4<&- 5>&- 9>&-; }

# The interpreter that runs supervisorctl has supervisor's own library, so it can ask supervisord as a program does.
# The program is on the standard input.
# shellcheck disable=SC2016 # expanded by the shell with the products
SUPERVISOR_PYTHON='
    tool=$(command -v supervisorctl) || { echo "the products give no supervisorctl" >&2; exit 127; }
    IFS= read -r first <"$tool"
    case $first in "#!"*python*) exec ${first#??} - "$tool" "$@" ;; esac
    exec python - "$tool" "$@"
'
supervisor_python() { with_products sh -c "$SUPERVISOR_PYTHON" poms-ops "$@"; }

# Ask supervisord to do $1 with the programs named after it; supervise.py notes under "taken" what took in its files.
ask_supervisord() {
    action=$1
    shift
    mkdir -p "$state_dir/taken"
    supervise "$action" "$supervisor_socket" "$state_dir/taken" "$@" >&3
}

# The memory that a process with file $1 in its command has at the most, and what is free, both in kB.
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

# The same, within 10 seconds.
answers() {
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        if accepts "$1"; then return 0; fi
        sleep 0.5
    done
    echo "nothing accepts connections on port $1"
    return 1
}
