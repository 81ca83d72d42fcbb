# apache.sh: test Apache's configuration and, where a command is given, restart or reload it.
# Asked:    "state_dir PATH" and "by WHO, FOR WHAT" where a command is given, for which the host's lock is taken; the words of the commands, "configtest WORD", "apache WORD"; "listens PORT"; "password" and a line; end
# Answers:  "locked TEXT", where another task holds the lock; "configtest ok" or "configtest failed" with "evidence BASE64"; then the same for "apache"; end
say poms-ops apache
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

attempt() { # do what $1 says, keep what it prints, and tell how it ended
    what=$1
    shift
    if "$@" >"$work/output" 2>&1; then
        say "$what ok"
    else
        say "$what failed"
        say "evidence $(encoded_tail 40 "$work/output")"
        exit 1
    fi
}

while IFS= read -r line; do
    case $line in
    "configtest "* | "apache "* | "listens "*) printf '%s\n' "${line#* }" >>"$work/${line%% *}" ;;
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
    since=$(now_in_ticks)
    attempt apache run_command "$work/apache"
    # shellcheck disable=SC2046 # a list of ports
    attempt answers await_apache "$since" $(cat "$work/listens")
fi
say end
