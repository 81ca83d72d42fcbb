"""The Python that supervisorctl runs under, which has supervisor's own library, and programs of ours in it.

Which interpreter that is shows in supervisorctl's file: by its "#!" line, or by what a shell's script runs in its
place, as pip writes one for a long path (a line that begins with three quotes and "exec") and UPS for its products.
Such a script is read by a bash of its own, which is asked before each command ("DEBUG" in bash(1)): the one that is
given the script's own words runs supervisorctl, or another script that does.
"""

from ops.agent.products import run_with_products

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.processes import Ended

# bash -c FIND SCRIPT FIND DEPTH COUNT OUR-WORDS ... SCRIPT-WORDS ...; SCRIPT is read where DEPTH is not 0. Python
# writes no compiled files ("-B"): this looks, too.
FIND = r"""
text=$1 depth=$2 count=$3
ours=("${@:4:count}")
shift "$((3 + count))"
follow() { # the words of a command that runs supervisorctl
    while [ $# -gt 0 ]; do
        case $1 in
        [A-Za-z_]*=*) export "$1" ;;
        exec | command)
            while [[ ${2-} == -* ]]; do
                if [ "$2" = -a ]; then shift; fi
                shift
            done
            ;;
        env | */env)
            while [[ ${2-} == -* ]]; do
                if [ "$2" = -u ]; then
                    unset -v "$3"
                    shift
                fi
                shift
            done
            ;;
        *) break ;;
        esac
        shift
    done
    [ "$(type -t -- "${1-}")" = file ] || return 0
    found=$(type -P -- "$1") first=
    shift
    { IFS= read -r first <"$found"; } 2>/dev/null
    case "$first|${found##*/}" in
    "#!"*python*"|"* | "#!"*pypy*"|"*) follow_first "$@" ;;
    *"|"*python* | *"|"*pypy*) run "$found" "$@" ;;
    *"|"sh | *"|"bash | *"|"dash | *"|"ksh)
        while [[ ${1-} == -* ]]; do shift; done
        [ -r "${1-}" ] && [ "$depth" -lt 9 ] || return 0
        found=$1
        shift
        trap - DEBUG
        case $found in */*) ;; *) found=./$found ;; esac
        exec bash --norc --noprofile -c "$text" "$found" "$text" "$((depth + 1))" "$count" "${ours[@]}" "$@"
        ;;
    "#!"*) follow_first "$@" ;;
    esac
}
follow_first() { # the words of the "#!" line of $found
    read -ra words <<<"${first#??}"
    if [ "$found" != "${words[0]}" ]; then follow "${words[@]}" "$found" "$@"; fi
}
follow_command() { # $1, as it is written in a script, whose words stand behind it
    written=$1
    shift
    case $written in *"\$@"* | *"\$*"* | *"\${@"*) ;; *) return 0 ;; esac
    words=()
    eval "words=($written)" 2>/dev/null || eval "words=(${written%%[<>]*})" 2>/dev/null || return 0
    if [ "${words[0]}" != . ] && [ "${words[0]}" != source ]; then follow "${words[@]}"; fi
    return 0
}
run() { # Python $1 with the words behind it: our program in place of its script
    trap - DEBUG
    set +eu
    python=$1 script= options=()
    shift
    while [ $# -gt 0 ]; do
        case $1 in
        -m* | -c* | -) break ;;
        -[A-Za-z]*[mc])
            options+=("${1%?}")
            break
            ;;
        -W | -X)
            options+=("$1" "$2")
            shift
            ;;
        -*) options+=("$1") ;;
        *)
            script=$1
            case $script in /*) ;; *) script=$PWD/$script ;; esac
            break
            ;;
        esac
        shift
    done
    cd /
    exec "$python" -B "${options[@]}" - "$script" "${ours[@]}" <&7 >&6 6>&- 7<&-
}
if [ "$depth" = 0 ]; then
    tool=$(type -P supervisorctl) || { echo "the products give no supervisorctl" >&2; exit 127; }
    exec 6>&1 7<&0 </dev/null >&2
    follow "$tool" --help
    for python in python3 python python2; do
        if "$python" -B -c "import supervisor.xmlrpc" >/dev/null 2>&1; then run "$python" "$tool"; fi
    done
else
    tool=$0
    shopt -s extdebug
    trap "follow_command \"\$BASH_COMMAND\" \"\$@\" || :" DEBUG
    . "$0" "$@"
    trap - DEBUG
fi
echo "no Python found for $tool: it is neither a Python script nor a shell script that runs one" >&2
exit 127
"""
# Only the launcher may know where its library is: then it prints its help into nowhere, and the library is looked for
# again. Python 2.7 runs it, too.
LIBRARY = """import os, sys
try:
    from supervisor.xmlrpc import SupervisorTransport
except ImportError:
    import runpy

    arguments, output = sys.argv, sys.stdout
    sys.argv, sys.stdout = [arguments[1], "--help"], open(os.devnull, "w")
    try:
        runpy.run_path(arguments[1], run_name="__main__")
    except SystemExit:
        pass
    sys.argv, sys.stdout = arguments, output
    from supervisor.xmlrpc import SupervisorTransport
"""
VERSION = """import sys
print("%s, Python %d.%d" % ((sys.executable,) + sys.version_info[:2]))
"""
# The candidate is read as if it were in its place: %(here)s and the patterns of [include] are relative to that.
PARSE = """from supervisor.options import ServerOptions

try:
    from StringIO import StringIO
except ImportError:
    from io import StringIO


class Options(ServerOptions):
    def read_config(self, fp):
        with open(sys.argv[2]) as candidate:
            text = StringIO(candidate.read())
        text.name = sys.argv[3]
        self.here = os.path.dirname(text.name)
        return ServerOptions.read_config(self, text)


options = Options()
options.realize(["-c", sys.argv[2]])
if not options.process_group_configs:
    sys.exit("supervisor finds no program in %s" % sys.argv[2])
"""


def run_in_supervisors_python(activate: str, program: str, words: "list[str]", seconds: float) -> "Ended":
    """Run a program of ours there; its arguments are supervisorctl's path, then the words."""
    bash = ["bash", "--norc", "--noprofile", "-c", FIND, "poms-ops", FIND, "0", str(len(words)), *words]
    return run_with_products(activate, bash, program.encode(), seconds)


def supervisors_python(activate: str) -> "tuple[str, str]":
    """Which Python that is, as "PATH, Python 3.11", or why it cannot be used."""
    ended = run_in_supervisors_python(activate, LIBRARY + VERSION, [], 60.0)
    last = (ended.text.splitlines() or [""])[-1]
    return ("", last or f"exit code {ended.code}") if ended.code else (last, "")


def check_configuration(activate: str, path: str, place: str) -> str:
    """Let supervisor's own parser read `path`, which is for `place`: what it finds wrong, or ""."""
    ended = run_in_supervisors_python(activate, LIBRARY + PARSE, [path, place], 60.0)
    return (ended.text or f"exit code {ended.code}") if ended.code else ""
