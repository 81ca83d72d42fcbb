# workers.sh: uWSGI's workers, from its stats server and its log. Changes nothing.
# Asked:    activate; "stats PATH", the stats server's socket; "log PATH" and "pattern FIELD REGEX" ..., where the log
#           is to be read too, or "end_of_log PATH" where only why workers were replaced of late is wanted; end
# Answers:  workers.py's one line of JSON; end
say poms-ops workers
set --
while IFS= read -r line; do
    case $line in
    "activate "*) activate=${line#* } ;;
    "stats "* | "log "* | "end_of_log "* | "pattern "*) set -- "$@" "$line" ;;
    end) break ;;
    esac
done
workers "$@" >&3
say end
