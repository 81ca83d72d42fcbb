# logs.sh: the lines of logs, those to come, or whole logs, for as long as the operator's side is there.
# Asked:    what log_reader.py is asked, a line each, end; then an empty line every few seconds says that somebody reads
# Answers:  log_reader.py's, which says what they are; "no_python"; "failed" where it ended on the way
say poms-ops logs
set --
while IFS= read -r line; do
    [ "$line" != end ] || break
    set -- "$@" "$line"
done

# Everything started here is in this process's group, which sshd made for it; "kill 0" ends them all and this too. Where
# this is killed before it can do that, the reader notices ("alive"). What the shell says of ended children is noise.
trap 'exec 2>/dev/null; kill 0' EXIT
{
    status=0
    log_reader "alive $$" "$@" >&3 || status=$?
    case $status in 0) ;; 127) say no_python ;; *) say failed ;; esac
} &

# Until the operator's side has been silent for 10 seconds, or is gone.
while [ "$(timeout --foreground 10 head -c 1 | wc -c)" -gt 0 ]; do :; done 2>/dev/null
