# transaction.sh: apply a whole change to the host, or leave the host as it was.
# lock, stage, recover, keep, prove, look, swap, reload, check, verdict, then commit or roll back.
#
# Request, one line each, then end:
#   state_dir, supervisord_conf, supervisor_socket, activate; "by WHO, FOR WHAT": the lock's text;
#   "home PATH", where a note names the state_dir with the releases; "host JSON": the values for a rollback to this
#   release (ops/deploy/release_host.py); "keep NUMBER" of releases; "limit SECONDS" of silence; "meta TEXT" for the
#   record; "directory PATH";
#   "file MODE SEEN WANTED PATH", then "content BASE64", and "parser supervisord|uwsgi" if one of them parses it; SEEN is
#   the digest in the plan's snapshot ("absent": no file); with WANTED "absent" there is no content: the file is removed;
#   "manifest DIGEST MODE PATH" for every managed file; "reload apache", "reload supervisord start|apply|restart",
#   "reload program HOW NAME"; "apply GROUP" ...: the only groups for "supervisord apply";
#   commands, one word per line: "configtest WORD", "apache WORD", "apache_start WORD" (starts an Apache that has ended);
#   "listens PORT"; "log_file PATH"; "apache_root PATH", "apache_run", "apache_logs";
#   "minimum LEVEL" of validation, and "waived" if less is allowed;
#   "no_probe WHY" instead of an identity probe; "door_issuer NAME": the CAs that identify users; "door_ca BASE64",
#   "door_list BASE64" and "door BASE64" for the identity probe (door.sh);
#   "app NAME VALUE" ... (uwsgi.sh); "app_access ACCOUNT" that needs access to the app's socket;
#   "through_apache …" for a check of the app through Apache (through_apache.sh); "uwsgi_program NAME": the app's program
#   that can be reloaded; "web_program NAME": the app's program (empty: none, and no check of the app); the end reports
#   its state: "service answers", "service fails STATE BASE64", or "service unreached BASE64" (Apache does not reach it);
#   "password", then a line with sudo's password.
# Then an empty line every few seconds; after "verdict": "meta TEXT" for the record, "commit". Any other line at any
# time, the end of the input, and silence beyond the limit cause a rollback.
#
# $state_dir/pending has everything for a rollback before the first file changes, so that a later run can do it.
say poms-ops transaction

tell_failure() { # "failed STEP" or "unwanted WHY", and the last output of the tools and services
    if [ -e "$pending/reloading" ]; then gather_evidence || :; fi
    say "$1 $2"
    tell_full_disk
    say "evidence $(encoded_tail 60 "$pending/log")"
}

tell_full_disk() { # nothing else can be recorded on a full disk
    free=$(df -Pk "$state_dir" | awk 'NR == 2 { print $4 }')
    if [ "${free:-0}" -lt 64 ]; then say "note no space is left on the disk of $state_dir"; fi
}

gather_evidence() { # before the rollback restores the old state
    echo "== supervisord's programs"
    supervise describe "$supervisor_socket" "$state_dir/taken" || :
    # Apache's own state is evidence only if its command has failed.
    command=/dev/null
    if [ "$(sed -n '$s/.* //p' "$pending/journal")" = reload-apache ]; then command=$pending/apache; fi
    tell_why "$command" "$pending/log_files" "$pending/reloading"
}

journal() { # fails if there is no space for the line; never during a rollback, which needs no space
    noted=0
    printf '%s %s\n' "$(date +%s)" "$1" >>"$pending/journal" || noted=1
    sync "$pending/journal" 2>/dev/null || sync
    say "step $1"
    [ -n "$way_back" ] || return "$noted"
}

# Into a folder of its own, without the lock: a connection that dies during the request blocks nobody.
read_request() {
    number=0 doors=0 uwsgi_program='' web_program=''
    while IFS= read -r line; do
        kind=${line%% *}
        value=${line#* }
        case $kind in
        state_dir)
            state_dir=$value
            made=$(mkdir -p "$state_dir" 2>&1) || unlockable "$made"
            read -r boot </proc/sys/kernel/random/boot_id
            incoming=$(mktemp -d "$state_dir/incoming.$$-$(start_time $$)-$boot.XXXXXX" 2>&1) || unlockable "$incoming"
            trap 'tell_full_disk; rm -rf "$incoming"' EXIT
            trap 'exit 1' INT TERM HUP
            (be_impatient) >/dev/null 2>&1 3>&- & # in parentheses: dash keeps copies of the descriptors otherwise
            impatient=$!
            ;;
        by) by=$value ;;
        supervisord_conf) supervisord_conf=$value ;;
        supervisor_socket) supervisor_socket=$value ;;
        activate) activate=$value ;;
        uwsgi_program) uwsgi_program=$value ;;
        web_program) web_program=$value ;;
        limit) limit=$value ;;
        keep) keep=$value ;;
        home) home=$value ;;
        host | meta | manifest | apply | configtest | apache | apache_start | listens | app | app_access | through_apache | apache_root | apache_run | \
            apache_logs | minimum | no_probe | waived | door_issuer)
            printf '%s\n' "$value" >>"$incoming/$kind"
            ;;
        directory) printf '%s\n' "$value" >>"$incoming/directories" ;;
        reload) printf '%s\n' "$value" >>"$incoming/reloads" ;;
        file)
            number=$((number + 1))
            printf '%s %s\n' "$number" "$value" >>"$incoming/files"
            ;;
        content) if [ "$line" = content ]; then : >"$incoming/new.$number"; else
            printf '%s\n' "$value" | base64 -d >"$incoming/new.$number"
        fi ;;
        door) printf '%s\n' "$value" | base64 -d >"$incoming/door" ;;
        door_ca | door_list)
            doors=$((doors + 1))
            printf '%s\n' "$value" | base64 -d >"$incoming/$kind.$doors"
            ;;
        log_file) printf '%s\n' "$value" >>"$incoming/log_files" ;;
        parser) printf '%s %s\n' "$value" "$number" >>"$incoming/parsers" ;;
        password) IFS= read -r sudo_password ;;
        end)
            for name in directories files listens log_files manifest meta parsers reloads; do touch "$incoming/$name"; done
            kill -9 "$impatient"
            return 0
            ;;
        esac
    done
    exit 1 # the connection was lost before the end of the request
}

be_impatient() { # end this process, and remove what it has staged, unless the request is complete in time
    seconds=0
    while [ "$seconds" -lt "$REQUEST_LIMIT" ]; do
        sleep 1
        kill -0 $$
        seconds=$((seconds + 1))
    done
    rm -rf "$incoming"
    kill -9 $$
}

verify_staged() { # the received files have the digests that were sent
    while read -r number _ _ wanted path; do
        if [ "$wanted" != absent ] && [ "$(digest_of "$pending/new.$number")" != "$wanted" ]; then
            echo "the content of $path is incomplete; is there space in $state_dir?"
            exit 1
        fi
    done <"$pending/files"
}

ended() { # however this process ends, it first rolls back an incomplete change
    stop_listening
    end_standbys 0 spare
    if [ -e "$state_dir/pending/swapping" ]; then
        pending=$state_dir/pending
        put_back_files || :
    fi
    rm -rf "$incoming"
    release_lock
}

# What deploys that died had received. The folder's name contains its process, so that a power cut cannot separate them;
# a folder of an earlier version has no such name, and is removed after ten minutes.
remove_staged_by_the_dead() {
    read -r this_boot </proc/sys/kernel/random/boot_id
    for staged in "$state_dir"/incoming.*; do
        whose=${staged#"$state_dir/incoming."}
        case $whose in
        *-*-*.*)
            began=${whose#*-}
            if [ "${began#*-}" != "$this_boot.${whose##*.}" ] || ! is_process "${whose%%-*}" "${began%%-*}"; then
                rm -rf "$staged"
            fi
            ;;
        *) find "$state_dir" -maxdepth 1 -name "incoming.$whose" -mmin +10 -exec rm -rf {} + ;;
        esac
    done
}

recover() { # from a deploy that was killed after its first file changed
    finish_link
    end_standbys 0 leave # it serves the files that are restored now
    remove_staged_by_the_dead
    if [ -e "$state_dir/pending/swapping" ] || [ -e "$state_dir/pending/reloading" ]; then
        pending=$state_dir/pending app=$state_dir/pending/app
        # An earlier version wrote the values without names: use those of this request.
        if [ -e "$app" ] && ! grep -q '^listen ' "$app"; then app=$incoming/app; fi
        # The command that starts an Apache that has ended comes from today's inventory.
        if [ -e "$incoming/apache_start" ]; then cp "$incoming/apache_start" "$pending/apache_start" || :; fi
        exec 2>>"$pending/log" >&2
        rm -f "$pending/reserve"
        way_back=yes
        journal recover
        if ! put_back_files; then
            say "ended broken"
            exit 1
        fi
        : >"$pending/reloading" # since then, a boot or somebody's reload may have loaded some of the new files
        take_in_again
        say "note rolled back a deploy that was killed: $(head -n 1 "$pending/meta")"
        note_end "rolled-back killed before its end"
        file_away
        way_back=''
    elif [ -e "$state_dir/pending" ]; then
        say "note removed the staged files of a deploy that was killed before it changed anything: $(head -n 1 "$state_dir/pending/meta")"
        rm -rf "$state_dir/pending"
    fi
}

# Run $1 in a subshell and set $status. Never call it before "||" or inside "if": there the shell ignores "set -e", and
# a step would go on after its first failure.
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

take_in_again() { # the old files are restored: reload the services that may have read the new ones
    status=0
    if [ -e "$pending/reloading" ]; then
        attempt undo_reloads
        if failed; then
            say "note a service was not reloaded after the rollback; its reload is pending"
            return 0
        fi
        attempt look_again
        if failed; then say "note the old files are restored, but a check fails: $(tail -n 1 "$pending/log")"; fi
    elif [ -e "$pending/owed.before" ]; then
        cp "$pending/owed.before" "$state_dir/owed" || : # on failure, an unneeded reload stays pending
    fi
}

refuse() { # nothing has changed yet, and step $2 failed ("failed"), or $2 says why to stop ("unwanted")
    stop_listening
    tell_failure "$1" "$2"
    rm -rf "$pending"
    say "ended unchanged"
    exit 1
}

give_up() { # the same after something has changed
    stop_listening
    tell_failure "$1" "$2"
    rm -f "$pending/reserve"
    way_back=yes
    journal put-back
    if ! put_back_files; then
        say "ended broken"
        exit 1
    fi
    take_in_again
    note_end "rolled-back $1 $2" || :
    file_away
    if failed; then say "ended files-back"; else say "ended rolled-back"; fi
    exit 1
}

# The sequence number gives the order of releases, independent of the clocks of operators and host.
note_end() {
    last=$(cat "$state_dir"/releases/*/meta 2>/dev/null | sed -n 's/^sequence //p' | sort -n | tail -n 1)
    printf 'ended %s\nat %s\nsequence %s\n' "$1" "$(date +%s)" "$((${last:-0} + 1))" >>"$pending/meta"
}

file_away() { # turn the pending change, with its result and the old files, into a release
    mkdir -p "$state_dir/releases"
    name=$(sed -n 's/^release //p' "$pending/meta")
    folder=$state_dir/releases/${name:-unknown}
    rm -rf "$folder"
    mv "$pending" "$folder" # from here on, there is nothing to recover
    finish_link
    sync "$state_dir/releases" "$state_dir" 2>/dev/null || sync # before the result is reported
    rm -rf "$folder"/new.* "$folder"/folder.* "$folder"/named.* "$folder"/closed.* "$folder"/trial.* "$folder"/door*
    rm -f "$folder"/listen.* "$folder"/obstacle "$folder"/mapped "$folder"/minimum "$folder"/waived "$folder"/no_probe
    rm -f "$folder/reserve" "$folder/reloading" "$folder/swapping" "$folder/swapped" "$folder/word" "$folder/heard" "$folder/said"
}

finish_link() { # make the last recorded release the running one
    if [ -e "$state_dir/current.new" ]; then
        mv -fT "$state_dir/current.new" "$state_dir/current"
    else
        rm -f "$state_dir/current.new"
    fi
}

commit() {
    if [ ! -s "$pending/manifest" ]; then # this run only recovered, or did pending reloads
        rm -rf "$pending"
        say "ended committed"
        return 0
    fi
    after_swap commit keep_release
    forget_aside
    file_away
    attempt prune
    attempt note_place
    say "ended committed"
}

keep_release() { # so that a rollback can restore it
    mkdir -p "$state_dir/objects"
    while read -r digest _ path; do keep_content; done <"$pending/manifest"
    note_end committed
    # Before the final rename, because a power cut may follow it: until then the link has no target.
    ln -sfn "releases/$(sed -n 's/^release //p' "$pending/meta")" "$state_dir/current.new"
    sync
}

note_place() { # record where the releases are, in case the inventory's state_dir changes
    [ -n "$home" ] || return 0
    note=$home/$PLACE_NOTE
    if [ "$state_dir" = "$home/$USUAL_PLACE" ]; then
        rm -f "$note"
    elif [ "$(cat "$note" 2>/dev/null)" != "$state_dir" ]; then
        printf '%s\n' "$state_dir" >"$note.new"
        mv -f "$note.new" "$note"
    fi
}

keep_content() { # store the content of $path, which was deployed with $digest
    object=$state_dir/objects/$digest
    [ ! -e "$object" ] || return 0
    if [ "$(digest_of "$path")" = "$digest" ]; then
        cp "$path" "$state_dir/object.new"
        mv -f "$state_dir/object.new" "$object"
    else
        say "note $path was changed right after the deploy: a rollback to this release cannot restore it"
    fi
}

# Remove the oldest releases: beyond $keep of those that were live, beyond $KEEP_FAILED of failed ones, never the running
# one; and the contents that no release uses.
prune() {
    running=$(basename "$(readlink "$state_dir/current")")
    for folder in "$state_dir"/releases/*/; do
        number=$(sed -n 's/^sequence //p' "$folder/meta" 2>/dev/null | tail -n 1)
        if grep -qx 'ended committed' "$folder/meta" 2>/dev/null; then kind=live; else kind=failed; fi
        printf '%s %s %s\n' "$kind" "${number:-0}" "$(basename "$folder")"
    done | sort -k 2,2nr -k 3r >"$state_dir/releases.listed"
    {
        sed -n 's/^live [0-9]* //p' "$state_dir/releases.listed" | tail -n "+$((keep + 1))"
        sed -n 's/^failed [0-9]* //p' "$state_dir/releases.listed" | tail -n "+$((KEEP_FAILED + 1))"
    } | while read -r old; do
        [ "$old" = "$running" ] || forget_release "$old"
    done
    rm -f "$state_dir/releases.listed"
    cat "$state_dir"/releases/*/manifest | cut -d ' ' -f 1 | sort -u >"$state_dir/objects.named"
    for object in "$state_dir"/objects/*; do
        grep -qxF -e "${object##*/}" "$state_dir/objects.named" || rm -f "$object"
    done
    rm -f "$state_dir/objects.named"
}

# Remove release $1. Its backups of other people's work (files from before the first deploy, and hand edits) move to
# $state_dir/kept, with the record that names the files.
forget_release() {
    folder=$state_dir/releases/$1
    kept=$state_dir/kept/$1
    number=0
    sed -n 's/^changed //p' "$folder/meta" 2>/dev/null >"$folder/changed" || :
    while read -r kind _; do
        number=$((number + 1))
        case $kind in
        take-over | edited-by-hand) keep_for_good "old.$number" ;;
        create) if grep -qx 'ended committed' "$folder/meta"; then keep_record; fi ;; # the file did not exist before
        esac
    done <"$folder/changed"
    for file in "$folder"/edited.*; do
        if [ -e "$file" ]; then keep_for_good "${file##*/}"; fi
    done
    rm -rf "$folder"
}

keep_record() {
    if [ ! -e "$kept/meta" ]; then
        mkdir -p "$kept"
        cp "$folder/meta" "$kept/meta" 2>/dev/null || :
    fi
}

keep_for_good() { # file $1 of that release; a failed deploy has restored its old files
    [ -e "$folder/$1" ] || return 0
    case $1 in old.*) grep -qx 'ended committed' "$folder/meta" || return 0 ;; esac
    keep_record
    mv -f "$folder/$1" "$kept/$1"
}

# ---- the operator's side ----------------------------------------------------------------------------------------------

# One process reads the input, another watches the time. A received line, the end of the input, and silence beyond the
# limit each become a line in $pending/said, which each step checks, and in the pipe that wait_for_verdict reads. The
# first line counts.
listen() {
    mkfifo "$pending/word"
    exec 5<>"$pending/word"
    : >"$pending/heard"
    : >"$pending/said"
    (
        while IFS= read -r line; do
            case $line in
            '') : >"$pending/heard" ;;
            "meta "*) printf '%s\n' "${line#meta }" >>"$pending/meta" || : ;;
            *) hear "$line" ;;
            esac
        done <&4
        hear "the connection to the operator was lost"
    ) 3>&- 9>&- &
    listener=$!
    (
        while sleep 1; do
            now=$(date +%s)
            if [ $((now - $(stat -c %Y "$pending/heard"))) -gt "$limit" ]; then
                hear "nothing was heard from the operator for $limit seconds"
                break
            fi
            kill -0 $$ # end with the main process
        done
    ) 3>&- 4<&- 9>&- &
    watchdog=$!
}

hear() { # the pipe first: it works on a full disk, too
    printf '%s\n' "$1" >&5
    printf '%s\n' "$1" >>"$pending/said" || :
}

stop_listening() {
    # By -9: a child that is just starting still has this process's traps, and would roll back a committed change.
    [ -z "$listener" ] || kill -9 "$listener" "$watchdog" 2>/dev/null || :
    listener=
}

unwanted() { # has the operator's side sent anything but "commit", or fallen silent?
    [ -s "$pending/said" ] && [ "$(head -n 1 "$pending/said")" != commit ]
}

# ---- the steps --------------------------------------------------------------------------------------------------------

before_swap() { # step $1 does $2: a failure has changed nothing
    if unwanted; then refuse unwanted "$(head -n 1 "$pending/said")"; fi
    journal "$1" || refuse failed "$1"
    attempt "$2"
    if failed; then refuse failed "$1"; fi
}

after_swap() { # step $1 does $2: a failure causes a rollback
    journal "$1" || give_up failed "$1"
    attempt "$2"
    if failed; then give_up failed "$1"; fi
    if unwanted; then give_up unwanted "$(head -n 1 "$pending/said")"; fi
}

note_what_is_owed() { # record the pending reloads on disk before the first file changes
    touch "$state_dir/owed"
    cp "$state_dir/owed" "$pending/owed.before"
    cp "$pending/reloads" "$pending/owed"
    mv "$pending/owed" "$state_dir/owed"
    : >"$pending/swapped"
    : >"$pending/swapping"
    sync
}

reload_services() {
    : >"$pending/reloading"
    attempt reload_all
    if unwanted; then give_up unwanted "$(head -n 1 "$pending/said")"; fi
    if failed; then give_up failed "$(sed -n '$s/.* //p' "$pending/journal")"; fi
}

wait_for_verdict() {
    journal verdict || give_up failed verdict
    say verdict
    IFS= read -r verdict <&5
    if [ "$verdict" != commit ]; then give_up unwanted "$verdict"; fi
    stop_listening
}

REQUEST_LIMIT=60 # seconds within which the request must arrive
KEEP_FAILED=5    # failed deploys to keep, in addition to the releases that were live
home='' incoming='' pending='' app='' by='' limit=60 keep=20 sudo_password='' listener='' way_back=''
read_request
exec 4<&0 </dev/null
take_lock "$by"
trap ended EXIT
recover
mv "$incoming" "$state_dir/pending"
pending=$state_dir/pending app=$state_dir/pending/app
exec 2>>"$pending/log" >&2
listen

before_swap stage verify_staged
before_swap directories make_directories
before_swap keep keep_all
before_swap prove prove_all
before_swap look look_before
if unwanted; then refuse unwanted "$(head -n 1 "$pending/said")"; fi
attempt note_what_is_owed
if failed; then refuse failed look; fi
after_swap swap swap_all
if grep -qx apache "$pending/reloads"; then after_swap configtest configtest; fi
reload_services
after_swap check look_after
wait_for_verdict
commit
