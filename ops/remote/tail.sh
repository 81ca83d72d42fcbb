# tail.sh: the last lines of logs, and then the new ones for as long as the operator's side is there.
# Asked:    "lines N", "follow yes", "pattern TEXT" (a basic regular expression for grep), "log PATH" ..., end;
#           while following, an empty line every few seconds says that somebody still reads
# Answers:  "line N TEXT" for the Nth log, after a "part N TEXT" for each earlier piece of a long line; "missing N";
#           "unreadable N"; "nofile N"; "ended N": it is followed no more; "refused MESSAGE" of grep on the pattern;
#           "beat" while following; end
say poms-ops tail
lines=20 follow=no pattern=
set --
while IFS= read -r line; do
    value=${line#* }
    case $line in
    "lines "*) lines=$value ;;
    "follow "*) follow=$value ;;
    "pattern "*) pattern=$value ;;
    "log "*) set -- "$@" "$value" ;;
    end) break ;;
    esac
done

if [ -n "$pattern" ]; then
    status=0
    message=$(grep -a -e "$pattern" </dev/null 2>&1) || status=$?
    if [ "$status" -gt 1 ]; then
        say "refused $(printf '%s' "$message" | tr '\n' ' ')"
        exit
    fi
fi

matching() { # lines from standard input that match, at once
    if [ -n "$pattern" ]; then grep -a --line-buffered -e "$pattern" || :; else cat; fi
}

last_lines() {
    if [ -n "$pattern" ]; then grep -a -e "$pattern" -- "$1" | tail -n "$lines"; else tail -n "$lines" -- "$1"; fi
}

# Standard input as facts about log $1. All logs are written to one descriptor, where only a short write goes out
# whole: so a long line goes in pieces, cut between two characters of UTF-8, each in one write (G, so that P writes a line break
# also where the log has none; line-buffered, since sed -u reads byte by byte: 20 times slower). 500, since longer
# ones make sed 200 times slower.
labelled() {
    LC_ALL=C stdbuf -oL sed -e ':more' -e 's/^.\{500\}[\x80-\xbf]\{0,3\}/&\n/' -e "/\\n/!{s/^/line $1 /;G;P;d}" \
        -e "s/^/part $1 /;P;s/[^\\n]*\\n//;b more" >&3
}

follow_log() { # log number $1 at path $2, from line $3 on as tail counts, once there is such a log
    until [ -e "$2" ]; do
        kill -0 $$ 2>/dev/null || return 0
        sleep 1
    done
    tail --pid=$$ -n "$3" -F -- "$2" 2>/dev/null | matching | labelled "$1"
    say "ended $1"
}

# Everything started here is in this process's group, which sshd made for it; "kill 0" ends them all and this too. Where
# this is killed before it can do that, tail notices (--pid), and what reads from it ends with it.
if [ "$follow" = yes ]; then trap 'kill 0' EXIT; fi

number=0
for log; do
    number=$((number + 1))
    from=$lines
    if [ ! -e "$log" ]; then
        say "missing $number"
        from=+1
    elif [ ! -f "$log" ]; then
        say "nofile $number"
        continue
    elif [ ! -r "$log" ]; then
        say "unreadable $number"
    elif [ "$follow" = no ]; then
        last_lines "$log" | labelled "$number"
    fi
    if [ "$follow" = yes ]; then follow_log "$number" "$log" "$from" & fi
done
if [ "$follow" = no ]; then
    say end
    exit
fi

while sleep 3 && kill -0 $$ 2>/dev/null; do say beat; done &

# Until the operator's side has been silent for 10 seconds, or is gone.
while [ "$(timeout --foreground 10 head -c 1 | wc -c)" -gt 0 ]; do :; done
