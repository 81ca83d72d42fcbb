# transaction.sh: change the host as a whole, or leave it as it was.
# lock, recover, stage, keep, swap, prove, reload, check, verdict, then commit or put back.
#
# Asked, a line each, then end: state_dir, supervisord_conf, supervisor_socket, activate, release ID, who, purpose,
#   "meta TEXT" for the record; "directory PATH"; "file MODE SEEN PATH" followed by "content BASE64", where SEEN
#   is the digest that the plan was made from ("absent" where there was none); the words of the commands
#   "configtest WORD", "apache WORD"; "listens PORT" for Apache's check; "supervisord start|apply|restart";
#   "program ACTION NAME"; "password" followed by a line with sudo's password.
# Then, when "verdict" was said: "commit", or anything else (the end of input too) to put back.
#
# Everything needed to put back lies in $state_dir/pending before the first file changes, so that a later run can.
say poms-ops transaction

tell_failure() { # "failed STEP" or "unwanted WHY", and the last lines of what the tools said
    say "$1 $2"
    say "evidence $(encoded_tail 40 "$pending/log")"
}

journal() {
    printf '%s %s\n' "$(date +%s)" "$1" >>"$pending/journal"
    say "step $1"
}

read_request() {
    number=0
    while IFS= read -r line; do
        value=${line#* }
        case $line in
        "state_dir "*)
            state_dir=$value
            pending=$state_dir/pending
            take_lock
            ;;
        "supervisord_conf "*) supervisord_conf=$value ;;
        "supervisor_socket "*) supervisor_socket=$value ;;
        "activate "*) activate=$value ;;
        "release "*) release=$value ;;
        "meta "*) printf '%s\n' "$value" >>"$pending/meta" ;;
        "directory "*) printf '%s\n' "$value" >>"$pending/directories" ;;
        "configtest "* | "apache "* | "listens "*) printf '%s\n' "$value" >>"$pending/${line%% *}" ;;
        "supervisord "* | "program "*) printf '%s\n' "$line" >>"$pending/reloads" ;;
        "file "*)
            number=$((number + 1))
            printf '%s %s\n' "$number" "$value" >>"$pending/files"
            ;;
        "content "*) printf '%s\n' "$value" | base64 -d >"$pending/new.$number" ;;
        content) : >"$pending/new.$number" ;;
        "manifest "*) printf '%s\n' "$value" >>"$pending/manifest" ;;
        password) IFS= read -r sudo_password ;;
        end) return 0 ;;
        esac
    done
    return 1 # the line was cut before the request was whole
}

# ---- lock -----------------------------------------------------------------------------------------------------------

started_at() { # of process $1, in clock ticks since boot: tells a process from a later one of the same number
    sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

lock_is_alive() {
    if read -r holder ticks 2>/dev/null <"$state_dir/lock/process"; then
        [ "$(started_at "$holder")" = "$ticks" ]
    else # its deploy writes its name within a moment, or has died before it could
        [ -z "$(find "$state_dir/lock" -maxdepth 0 -mmin +1)" ]
    fi
}

release_lock() { # whatever ended this process in the middle, the host is put back first
    if [ -e "$pending/swapping" ]; then put_back_files || :; fi
    rm -rf "$state_dir/lock"
}

take_lock() {
    mkdir -p "$state_dir"
    IFS= read -r who
    if ! mkdir "$state_dir/lock" 2>/dev/null; then
        if lock_is_alive; then
            say "locked $(cat "$state_dir/lock/owner" 2>/dev/null || echo 'by a deploy that has just begun')"
            exit 4
        fi
        gone=$(cat "$state_dir/lock/owner" 2>/dev/null || echo unknown)
        mv "$state_dir/lock" "$state_dir/lock.$$" # only one of two that see a dead lock can move it
        rm -r "$state_dir/lock.$$"
        mkdir "$state_dir/lock"
        say "note the lock of a deploy that is no longer running was taken over: $gone"
    fi
    printf '%s since %s\n' "$who" "$(date '+%Y-%m-%d %H:%M:%S %z')" >"$state_dir/lock/owner"
    printf '%s %s\n' $$ "$(started_at $$)" >"$state_dir/lock/process"
    trap 'release_lock' EXIT
    trap 'exit 1' INT TERM HUP
    recover
    rm -rf "$pending"
    mkdir "$pending"
    exec 2>>"$pending/log" >&2
}

recover() { # from a deploy that was killed after its first file changed
    if [ ! -e "$pending/swapping" ]; then return 0; fi
    if ! put_back_files; then exit 1; fi
    say "note a deploy that was killed before its end was put back first"
}

# ---- stage, keep, swap, put back --------------------------------------------------------------------------------------

digest_of() {
    if [ -e "$1" ]; then
        digest=$(sha256sum <"$1")
        echo "${digest%% *}"
    else
        echo absent
    fi
}

each_file() { # call $1 with number, mode, seen digest, path
    while read -r number mode seen path; do "$1"; done <"$pending/files"
}

keep_one() {
    if [ "$(digest_of "$path")" != "$seen" ]; then
        echo "$path was changed by somebody else since it was looked at"
        return 1
    fi
    if [ "$seen" = absent ]; then : >"$pending/absent.$number"; else cp -p "$path" "$pending/old.$number"; fi
}

keep_all() { each_file keep_one; }

place() { # file $1 at path $2 with mode $3: by rename where the directory allows it, else within the file
    folder=$(dirname "$2")
    if [ ! -w "$folder" ]; then
        cat "$1" >"$2"
        return
    fi
    fresh=$folder/.$(basename "$2").poms-ops-new # Apache loads *.conf, so never this
    cp "$1" "$fresh" && chmod "$3" "$fresh" && { sync "$fresh" 2>/dev/null || sync; } && mv -f "$fresh" "$2"
}

swap_one() { place "$pending/new.$number" "$path" "$mode"; }

swap_all() { each_file swap_one; }

put_back_one() { # goes on behind a failure: every other file shall still be put back
    rm -f "$(dirname "$path")/.$(basename "$path").poms-ops-new"
    if [ -e "$pending/absent.$number" ]; then
        rm -f "$path" || not_back="$not_back $path"
    elif ! place "$pending/old.$number" "$path" "$(stat -c %a "$pending/old.$number")"; then
        not_back="$not_back $path"
    fi
}

put_back_files() {
    not_back=
    each_file put_back_one
    if [ -n "$not_back" ]; then
        say "note could not be put back:$not_back; the old files are kept in $pending"
        return 1
    fi
    rm -f "$pending/swapping"
}

make_directories() {
    while IFS= read -r folder; do
        [ -d "$folder" ] || (umask 027 && mkdir -p "$folder")
    done <"$pending/directories"
}

# ---- reload and check -------------------------------------------------------------------------------------------------

configtest() { [ ! -e "$pending/configtest" ] || run_command "$pending/configtest"; }

reload_all() {
    if [ -e "$pending/apache" ]; then
        journal reload-apache
        run_command "$pending/apache"
    fi
    [ -e "$pending/reloads" ] || return 0
    while read -r what action name; do
        case $what-$action in
        supervisord-start)
            journal start-supervisord
            start_supervisord
            ask_supervisord await
            ;;
        supervisord-apply)
            journal apply-programs
            ask_supervisord apply
            ;;
        supervisord-restart)
            journal restart-supervisord
            ask_supervisord reload
            ;;
        program-*)
            journal "reload-$name"
            ask_supervisord "$action" "$name"
            ;;
        esac
    done <"$pending/reloads"
}

undo_reloads() {
    if [ -e "$pending/reloads" ] && grep -qx 'supervisord start' "$pending/reloads"; then
        case $(supervisord_state) in up*) ask_supervisord shutdown || : ;; esac
        sed -i '/^supervisord start$/d' "$pending/reloads"
    fi
    reload_all
}

check_all() {
    if [ -e "$pending/listens" ]; then
        while read -r port; do answers "$port"; done <"$pending/listens"
    fi
}

# ---- the steps --------------------------------------------------------------------------------------------------------

# Run $1 in a subshell of its own and set $status. Called plainly, never before "||" or inside "if": there the shell
# does not heed "set -e", and a step would go on behind its first failure.
attempt() {
    set +e
    (
        set -e
        "$1"
    )
    status=$?
    set -e
}

failed() { [ "$status" -ne 0 ]; }

refuse() { # nothing has changed yet, and step $1 failed
    tell_failure failed "$1"
    rm -rf "$pending"
    say "ended unchanged"
    exit 1
}

give_up() { # something has changed, and step $2 failed ("failed") or the result was not wanted ("unwanted")
    tell_failure "$1" "$2"
    journal put-back
    if ! put_back_files; then
        say "ended broken"
        exit 1
    fi
    status=0
    if [ -e "$pending/reloading" ]; then
        attempt undo_reloads
    fi
    printf '%s %s\n' "$(tr '\n' ' ' <"$pending/meta")" "$1 $2" >>"$state_dir/rolled-back"
    rm -f "$pending/reloading"
    if failed; then say "ended files-back"; else say "ended rolled-back"; fi
    exit 1
}

commit() {
    journal commit
    mkdir -p "$state_dir/releases"
    rm -f "$pending"/new.* "$pending/swapping" "$pending/reloading"
    mv "$pending" "$state_dir/releases/$release"
    ln -sfn "releases/$release" "$state_dir/current"
    say "ended committed"
}

if ! read_request; then exit 1; fi
touch "$pending/directories" "$pending/files" "$pending/meta" "$pending/manifest"
journal keep
attempt make_directories
if failed; then refuse directories; fi
attempt keep_all
if failed; then refuse keep; fi
: >"$pending/swapping"
sync
journal swap
attempt swap_all
if failed; then give_up failed swap; fi
journal prove
attempt configtest
if failed; then give_up failed prove; fi
: >"$pending/reloading"
attempt reload_all
if failed; then give_up failed "$(sed -n '$s/.* //p' "$pending/journal")"; fi
journal check
attempt check_all
if failed; then give_up failed check; fi
say verdict
IFS= read -r verdict || verdict="the line to the operator was lost"
if [ "$verdict" != commit ]; then give_up unwanted "$verdict"; fi
commit
