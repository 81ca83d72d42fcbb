# Part of the scripts that the agent (ops/agent/) answers: run it with the first Python that can.
AGENT_PYTHONS='python3 /usr/libexec/platform-python'

# The request is the line of JSON before "end"; a line "activate TEXT" before it says how to reach the products' Python, the
# last one that is tried. It is not on a command line, which every account can read.
answer_by_agent() {
    request=''
    while IFS= read -r line; do
        case $line in
        "activate "*) activate=${line#* } ;;
        end) break ;;
        *) request=$line ;;
        esac
    done
    for python in $AGENT_PYTHONS; do
        command -v "$python" >/dev/null || continue
        ended=0
        agent_text | (cd / && LC_ALL=C.UTF-8 exec "$python" -I -S - 7<<END
$request
END
        ) >&3 || ended=$?
        if [ "$ended" != 127 ]; then return "$ended"; fi
    done
    agent_text | with_products_within 1800 python3 -I -S - >&3 7<<END && return
$request
END
    say '{"type":"NoPython","tried":"'"$AGENT_PYTHONS"', python3 of the products"}'
}
