# transaction.sh: change the host as a whole, or leave it as it was.
# lock, stage, recover, keep, prove, look, swap, reload, check, verdict, then commit or put back.
#
# Asked, a line each, then end:
#   state_dir, supervisord_conf, supervisor_socket, activate; "by WHO, FOR WHAT" (the lock's text, second line);
#   "keep NUMBER" of releases, "limit SECONDS" of silence; "meta TEXT" for the record;
#   "directory PATH"; "file MODE SEEN WANTED PATH" followed by "content BASE64", where SEEN is the digest that
#   the plan was made from ("absent" where there was none), and by "parser supervisord|uwsgi" where one reads it;
#   "manifest DIGEST MODE PATH" for every managed file; "reload apache", "reload supervisord start|apply|restart",
#   "reload program HOW NAME"; the words of commands, "configtest WORD", "apache WORD"; "listens PORT"; "log_file PATH";
#   "apache_root PATH", "apache_run", "apache_logs"; "app LISTEN" and "app PATH";
#   "password" followed by a line with sudo's password.
# Then an empty line every few seconds; and when "verdict" was said: "commit", or another word to put back. The end of
# the input, and silence beyond the limit, put back too.
#
# Everything needed to put back lies in $state_dir/pending before the first file changes, so that a later run can.
say poms-ops transaction

tell_failure() { # "failed STEP" or "unwanted WHY", and the last lines of what the tools and services said
    if [ -e "$pending/reloading" ]; then gather_evidence || :; fi
    say "$1 $2"
    say "evidence $(encoded_tail 60 "$pending/log")"
}

gather_evidence() { # before the old files are back, and with them the old state
    echo "== supervisord's programs"
    with_products supervisorctl -s "unix://$supervisor_socket" status </dev/null || :
    while IFS= read -r path; do
        if [ -r "$path" ] && [ -n "$(find "$path" -newer "$pending/reloading")" ]; then
            echo "== the end of $path"
            tail -n 6 "$path"
        fi
    done <"$pending/log_files"
}

journal() {
    printf '%s %s\n' "$(date +%s)" "$1" >>"$pending/journal"
    sync "$pending/journal" 2>/dev/null || sync
    say "step $1"
}

read_request() { # into $pending, which is the request's own folder until what went before is recovered
    number=0
    while IFS= read -r line; do
        kind=${line%% *}
        value=${line#* }
        case $kind in
        state_dir) state_dir=$value ;;
        by)
            take_lock "$value"
            trap ended EXIT
            trap 'exit 1' INT TERM HUP
            pending=$state_dir/incoming
            rm -rf "$pending"
            mkdir "$pending"
            ;;
        supervisord_conf) supervisord_conf=$value ;;
        supervisor_socket) supervisor_socket=$value ;;
        activate) activate=$value ;;
        limit) limit=$value ;;
        keep) keep=$value ;;
        meta | manifest | configtest | apache | listens | app | apache_root | apache_run | apache_logs)
            printf '%s\n' "$value" >>"$pending/$kind"
            ;;
        directory) printf '%s\n' "$value" >>"$pending/directories" ;;
        reload) printf '%s\n' "$value" >>"$pending/reloads" ;;
        file)
            number=$((number + 1))
            printf '%s %s\n' "$number" "$value" >>"$pending/files"
            ;;
        content) if [ "$line" = content ]; then : >"$pending/new.$number"; else
            printf '%s\n' "$value" | base64 -d >"$pending/new.$number"
        fi ;;
        log_file) printf '%s\n' "$value" >>"$pending/log_files" ;;
        parser) printf '%s %s\n' "$value" "$number" >>"$pending/parsers" ;;
        password) IFS= read -r sudo_password ;;
        end)
            for name in directories files listens log_files manifest meta parsers reloads; do touch "$pending/$name"; done
            whole=yes
            break
            ;;
        esac
    done
}

verify_staged() { # what arrived is what was sent
    while read -r number _ _ wanted path; do
        if [ "$(digest_of "$pending/new.$number")" != "$wanted" ]; then
            echo "the content of $path did not arrive whole; is there space in $state_dir?"
            exit 1
        fi
    done <"$pending/files"
}

ended() { # however this process ends, a host that was changed half-way is put back first
    if [ -e "$state_dir/pending/swapping" ]; then
        pending=$state_dir/pending
        put_back_files || :
    fi
    rm -rf "$state_dir/incoming"
    release_lock
}

recover() { # from a deploy that was killed after its first file changed
    if [ -e "$state_dir/pending/swapping" ] || [ -e "$state_dir/pending/reloading" ]; then
        pending=$state_dir/pending
        exec 2>>"$pending/log" >&2
        if ! put_back_files; then
            say "ended broken"
            exit 1
        fi
        take_in_again
        say "note a deploy that was killed before its end was put back first: $(head -n 1 "$pending/meta")"
        if failed; then say "note a service did not take the old files in: it is owed a reload"; fi
        record "rolled-back killed before its end"
    fi
    rm -rf "$state_dir/pending"
}

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

take_in_again() { # the old files are back; services that had begun to take the new ones in are to follow
    status=0
    if [ -e "$pending/reloading" ]; then
        attempt undo_reloads
    elif [ -e "$pending/owed.before" ]; then
        cp "$pending/owed.before" "$state_dir/owed"
    fi
}

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
    take_in_again
    record "rolled-back $1 $2"
    if failed; then say "ended files-back"; else say "ended rolled-back"; fi
    exit 1
}

record() { # keep how it ended, "$1", and what was there before, as a release
    printf 'ended %s\nat %s\n' "$1" "$(date +%s)" >>"$pending/meta"
    mkdir -p "$state_dir/releases"
    name=$(sed -n 's/^release //p' "$pending/meta")
    folder=$state_dir/releases/${name:-unknown}
    rm -rf "$folder"
    mv "$pending" "$folder" # from here on nothing is half-done
    case $1 in committed) ln -sfn "releases/$name" "$state_dir/current" ;; esac
    rm -rf "$folder"/new.* "$folder"/folder.* "$folder"/named.* "$folder"/closed.* "$folder"/proof.*
    rm -f "$folder/reloading" "$folder/swapping"
}

commit() {
    if [ ! -s "$pending/manifest" ]; then # only what was half-done or owed was mended
        rm -rf "$pending"
        say "ended committed"
        return 0
    fi
    journal commit
    mkdir -p "$state_dir/objects"
    while read -r digest _ path; do # the contents, so that this release can be had back
        [ -e "$state_dir/objects/$digest" ] || cp "$path" "$state_dir/objects/$digest" || :
    done <"$pending/manifest"
    record committed
    prune
    say "ended committed"
}

prune() { # the oldest releases beyond $keep, but never the running one, and contents that no release names
    running=$(basename "$(readlink "$state_dir/current")")
    find "$state_dir/releases" -mindepth 1 -maxdepth 1 -type d | sed 's|.*/||' | sort -r | tail -n "+$((keep + 1))" |
        while IFS= read -r name; do
            [ "$name" = "$running" ] || rm -rf "$state_dir/releases/$name"
        done
    cat "$state_dir"/releases/*/manifest | cut -d ' ' -f 1 | sort -u >"$state_dir/objects.named"
    for object in "$state_dir"/objects/*; do
        grep -qxF -e "${object##*/}" "$state_dir/objects.named" || rm -f "$object"
    done
    rm -f "$state_dir/objects.named"
}

# Wait for a word from the operator's side and set $verdict. One process listens and one watches the time; both write
# to the pipe that this one reads.
wait_for_verdict() {
    mkfifo "$pending/word"
    exec 5<>"$pending/word"
    : >"$pending/heard"
    (
        while IFS= read -r line; do
            if [ -n "$line" ]; then printf '%s\n' "$line" >&5; else : >"$pending/heard"; fi
        done <&4
        echo "the line to the operator was lost" >&5
    ) 3>&- 9>&- &
    listener=$!
    (
        while sleep 1; do
            now=$(date +%s)
            if [ $((now - $(stat -c %Y "$pending/heard"))) -gt "$limit" ]; then
                echo "nothing was heard from the operator for $limit seconds" >&5
                break
            fi
            kill -0 $$ # this process outlives none that it works for
        done
    ) 3>&- 9>&- &
    watchdog=$!
    say verdict
    IFS= read -r verdict <&5
    # By -9: a child that is still being born has this process's traps, and would put back what is to be kept.
    kill -9 "$listener" "$watchdog" 2>/dev/null || :
    wait 2>/dev/null || :
    rm -f "$pending/word" "$pending/heard"
}

pending='' limit=60 keep=20 sudo_password='' whole=''
read_request
[ -n "$whole" ] || exit 1 # the line was cut before the request was whole
exec 4<&0 </dev/null
incoming=$pending
recover
mv "$incoming" "$state_dir/pending"
pending=$state_dir/pending
exec 2>>"$pending/log" >&2

journal stage
attempt verify_staged
if failed; then refuse stage; fi
journal directories
attempt make_directories
if failed; then refuse directories; fi
journal keep
attempt keep_all
if failed; then refuse keep; fi
journal prove
attempt prove_all
if failed; then refuse prove; fi
journal look
attempt look_before
if failed; then refuse look; fi
touch "$state_dir/owed"
cp "$state_dir/owed" "$pending/owed.before"
cp "$pending/reloads" "$state_dir/owed"
: >"$pending/swapping"
sync
journal swap
attempt swap_all
if failed; then give_up failed swap; fi
if grep -qx apache "$pending/reloads"; then
    journal configtest
    attempt configtest
    if failed; then give_up failed configtest; fi
fi
: >"$pending/reloading"
attempt reload_all
if failed; then give_up failed "$(sed -n '$s/.* //p' "$pending/journal")"; fi
journal check
attempt look_after
if failed; then give_up failed check; fi
wait_for_verdict
if [ "$verdict" != commit ]; then give_up unwanted "$verdict"; fi
commit
