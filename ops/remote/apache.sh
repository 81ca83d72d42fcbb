# apache.sh: test Apache's configuration and, if a command is given, restart or reload it.
# Asked:    "state_dir PATH" and "by WHO, FOR WHAT" where a command is given, for which the host's lock is taken; the words
#           of the commands, "configtest WORD", "apache WORD", "apache_start WORD"; "listens PORT"; "validate", for a trial
#           start before the command, with "apache_root PATH", "apache_run", "apache_logs" (prove.sh), and "optional" where
#           the command is run although that fails; "log_file PATH"; "cost" where the command restarts; "password" and a line; end
# Answers:  "locked TEXT", where another task holds the lock; "unlockable WHY", where none can be had; "configtest ok" or "configtest failed" with "evidence BASE64";
#           "trial failed" with evidence, or "unvalidated WHAT"; "restart_cost …" (apache_unit.sh); the same as for "configtest" for "apache" and "answers", and
#           where one of them failed "apache up|down" now. Where a reload has ended an Apache whose files are well:
#           "started ok|failed|barred", with "evidence BASE64": it was started again, could not, or no rule grants that; end
say poms-ops apache
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# shellcheck disable=SC2034 # by prove.sh
pending=$work app='' validate='' optional='' cost=''
touch "$work/ports" "$work/log_files" "$work/files"

attempt() { # run $1, keep its output, and report the result
    what=$1
    shift
    if "$@" >"$work/output" 2>&1; then
        say "$what ok"
    else
        tell_failure "$what"
        exit 1
    fi
}

tell_failure() { # of step $1, with the file "output" as evidence
    say "$1 failed"
    case $1 in
    apache | answers)
        tell_why "$work/apache" "$work/log_files" "$work/began" >>"$work/output" 2>&1
        if has_apache_ended; then say "apache down"; else say "apache up"; fi
        ;;
    esac
    say "evidence $(encoded_tail 60 "$work/output")"
}

has_apache_ended() {
    # shellcheck disable=SC2046 # a list of ports
    apache_has_ended $(cat "$work/ports")
}

# A trial start with the current files: the ports that answer now must answer in the trial. If none answers now, or the host
# is known to allow no trial, a failure is only reported.
validate_live() {
    if ! namespaces_work; then
        unvalidated "no trial start: $(tail -n 1 "$work/obstacle")"
        return
    fi
    while read -r port; do
        if tls_answers "$port"; then echo "$port"; fi
    done <"$work/ports" >"$work/listens"
    if [ ! -s "$work/listens" ]; then
        optional=yes
        cp "$work/ports" "$work/listens"
    fi
    lay_out live
    if try_apache "$trial_as_account" >"$work/output" 2>&1 && check_closed_pairs >>"$work/output" 2>&1; then return; fi
    if [ -n "$optional" ]; then
        unvalidated "the trial start fails: $(tail -n 1 "$work/output")"
        return
    fi
    tell_failure trial
    exit 1
}

# The reload has ended a running Apache. Its files pass the test, so start it with the restart command.
start_again() {
    run_command "$work/configtest" >"$work/output" 2>&1 || return 0
    if ! may_run "$work/apache_start" >"$work/output" 2>&1; then
        say "started barred"
    elif run_apache "$work/apache_start" >"$work/output" 2>&1 && ! has_apache_ended; then
        say "started ok"
    else
        say "started failed"
        tell_why "$work/apache_start" "$work/log_files" "$work/began" >>"$work/output" 2>&1
    fi
    say "evidence $(encoded_tail 60 "$work/output")"
}

is_other_command() { [ -s "$work/apache_start" ] && ! cmp -s "$work/apache" "$work/apache_start"; }

run_apache() { # run the command in file $1, and wait until Apache answers
    since=$(now_in_ticks)
    # shellcheck disable=SC2046 # a list of ports
    run_command "$1" && await_apache "$since" $(cat "$work/ports")
}

while IFS= read -r line; do
    case $line in
    "configtest "* | "apache "* | "apache_start "* | "apache_root "* | "apache_run "* | "apache_logs "*)
        printf '%s\n' "${line#* }" >>"$work/${line%% *}"
        ;;
    "listens "*) printf '%s\n' "${line#* }" >>"$work/ports" ;;
    "log_file "*) printf '%s\n' "${line#* }" >>"$work/log_files" ;;
    validate) validate=yes ;;
    cost) cost=yes ;;
    optional) optional=yes ;;
    "state_dir "*) state_dir=${line#* } ;;
    "by "*)
        take_lock "${line#* }"
        trap 'rm -rf "$work"; release_lock' EXIT
        ;;
    password) IFS= read -r sudo_password ;;
    end) break ;;
    esac
done
attempt configtest run_command "$work/configtest"
if [ -e "$work/apache" ]; then
    if [ -n "$validate" ]; then validate_live; fi
    if has_apache_ended; then ran=''; else ran=yes; fi
    if [ -n "$cost" ]; then
        cost=$(restart_cost "$(cat "$work/apache_root")" <"$work/apache")
        say "restart_cost ${cost:-0}" # 0: no unit of systemd's, so no signal that spares requests
    fi
    : >"$work/began"
    since=$(now_in_ticks)
    what=apache
    if run_command "$work/apache" >"$work/output" 2>&1; then
        say "apache ok"
        what=answers
        # shellcheck disable=SC2046 # a list of ports
        if await_apache "$since" $(cat "$work/ports") >"$work/output" 2>&1; then what=''; fi
    fi
    if [ -n "$what" ]; then
        tell_failure "$what"
        if [ -n "$ran" ] && is_other_command && has_apache_ended; then start_again; fi
        exit 1
    fi
    say "answers ok"
fi
say end
