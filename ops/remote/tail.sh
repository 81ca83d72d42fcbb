# tail.sh: the last lines of logs, and then the new ones for as long as the operator's side is there.
# Asked:    "lines N", "follow yes", "pattern TEXT" (a basic regular expression for grep), "log PATH" ..., end;
#           while following, an empty line every few seconds says that somebody still reads
# Answers:  "line N TEXT" for the Nth log; "missing N"; "unreadable N"; "beat" while following; end
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

matching() { # lines from standard input that match, at once
    if [ -n "$pattern" ]; then grep --line-buffered -e "$pattern" || :; else cat; fi
}

last_lines() {
    if [ -n "$pattern" ]; then grep -e "$pattern" -- "$1" | tail -n "$lines"; else tail -n "$lines" -- "$1"; fi
}

number=0
for log; do
    number=$((number + 1))
    if [ ! -e "$log" ]; then
        say "missing $number"
    elif [ ! -r "$log" ]; then
        say "unreadable $number"
    elif [ "$follow" = no ]; then
        last_lines "$log" | sed "s/^/line $number /" >&3
    fi
    if [ "$follow" = yes ]; then
        tail -n "$lines" -F -- "$log" 2>/dev/null | matching | sed -u "s/^/line $number /" >&3 &
    fi
done
if [ "$follow" = no ]; then
    say end
    exit
fi

# Everything started here is in this process's group, which sshd made for it; "kill 0" ends them all and this too. The
# watchdog does so when the operator's side has been silent for 10 seconds; the end of the input does so at once.
heard=$(mktemp)
(
    while sleep 10; do
        [ -s "$heard" ] || break
        : >"$heard"
        say beat
    done
    rm -f "$heard"
    kill 0
) &
while IFS= read -r _; do echo >"$heard"; done
rm -f "$heard"
kill 0
