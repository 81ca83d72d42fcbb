# Start the agent with the first Python that is 3.6 or newer. Standard input has, behind this text: a line with the
# operator's `activate`, the package, the requests (main.py). Standard output gets a greeting, then messages; all else goes to standard
# error. Nothing that the account exports changes what Python does; main.py reads the account's environment of this shell.
umask 077
exec 3>&1 1>&2
printf 'poms-ops agent %s\n' PROTOCOL >&3
load='
import sys
if sys.version_info < (3, 6):  # Python 2 reads this line, too
    sys.exit(127)
import json, os, zlib
class Package:  # finds and loads modules; one that it lacks, it asks for
    def __init__(self, size):
        self.modules = {}
        self.read(size)
    def read(self, size):
        self.modules.update(json.loads(zlib.decompress(sys.stdin.buffer.read(size)).decode()))
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "ops":
            return type(sys.__spec__)(name, self, is_package=name in ("ops", "ops.agent"))
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        name = module.__name__
        if name not in self.modules:
            os.write(3, json.dumps({"type": "ModuleWanted", "name": name}).encode() + b"\n")
            self.read(int(sys.stdin.buffer.readline() or 0))
        exec(compile(self.modules[name], name, "exec"), vars(module))
if "activate" not in sys.argv:
    sys.stdin.buffer.readline()
sys.meta_path.insert(0, Package(PACKAGE_BYTES))
from ops.agent.main import main
main()
'
start() { # Python $1; it ends with 127 if it is none or too old
    /usr/bin/env -i HOME="$HOME" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 SHLVL=2 \
        ${library_path:+LD_LIBRARY_PATH="$library_path"} "$1" -I -S -c "$load" ${2:+"$2"} && exit 0
    ended=$?
    case $ended in 126 | 127) ;; *) exit "$ended" ;; esac
}
library_path=
# shellcheck disable=SC2043 # ops/ssh/agent_start.py puts several names here
for python in PYTHONS; do start "$python"; done
# The last resort is the products' Python. The text of `activate` stays off the command line, which every account can read.
IFS= read -r activate
found=$(printf '%s\n' "$activate" | /bin/bash --norc --noprofile -c '
    IFS= read -r text
    eval "$text" </dev/null >/dev/null 2>&1
    type -P python3 && printf "%s\n" "$LD_LIBRARY_PATH"') || found=
{ IFS= read -r python && IFS= read -r library_path; } <<NAMES || :
$found
NAMES
if [ -n "$python" ]; then start "$python" activate; fi
printf '{"type":"NoPython","tried":"%s, python3 of the products"}\n' 'PYTHONS' >&3
