# run.sh: run the operator's command as the account, with the products set up, until it ends or the operator is gone.
# Asked:    activate TEXT; command, in base64; end; then an empty line every few seconds says that somebody is there
# Answers:  the command's own output and its own exit code. Its standard error stands behind the line "poms-ops run", for
#           what the login shell said stands before it
say poms-ops run
command=''
while IFS= read -r line; do
    case $line in
    "activate "*) activate=${line#* } ;;
    "command "*) command=$(printf %s "${line#* }" | base64 -d && echo .) ;; # the . keeps the line breaks at its end
    end) break ;;
    esac
done
exec 5<&0 </dev/null

# The command's text comes on a descriptor, for the words of a process are for every account to read.
# shellcheck disable=SC2016 # expanded by that bash
# Where activate fails so that it leaves nothing, the command has the account's own environment.
READ_AND_RUN='
    if [[ "$(declare -p PATH)" != "declare -x "* ]]; then
        while IFS= read -r -d "" entry; do
            case ${entry%%=*} in "" | [0-9]* | *[!A-Za-z0-9_]*) ;; *) export "$entry" ;; esac
        done <"$1"
        echo "the products are not set up: activate leaves no PATH" >&2
    fi
    shift
    IFS= read -r -d "" text <&6
    exec 6<&-
    eval "${text%.?}"
'
echo poms-ops run
with_products /bin/bash -c "$READ_AND_RUN" run "$account_environment" >&3 6<<END &
$command
END
running=$!

# Everything started here is in this process's group, which sshd made for it. Where the operator's side has been silent
# for 10 seconds, or is gone, the group is ended: nicely, then not.
{
    trap '' TERM
    while [ "$(timeout --foreground 10 head -c 1 | wc -c)" -gt 0 ]; do :; done
    kill -TERM 0
    sleep 3
    kill -KILL 0
} <&5 >/dev/null 2>&1 3>&- 5<&- &
watcher=$!
exec 2>/dev/null 3>&- 5<&- # what this shell says of an ended child is noise

status=0
wait "$running" || status=$?
kill -KILL "$watcher"
(exit "$status")
