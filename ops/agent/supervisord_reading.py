"""supervisord's configuration as supervisor's own parser reads it, on this host and under its own Python.

Nothing of it is carried out: the parser opens no socket and no log; what it would import (plugins) and what it would
look for (folders) is left alone.
"""

import os
import re

from ops.agent.host_processes import environment_of, words_of
from ops.agent.processes import Ended, run
from ops.agent.supervisor_python import LIBRARY, run_in_supervisors_python
from ops.agent.supervisord_process import program_at

SECONDS = 60.0
BEGIN = "poms-ops begins here:"
# Python 2.7 runs it, too. Its arguments: supervisorctl or supervisord, the file, and the folder that %(here)s means.
READ = r"""
import io, json, os
from supervisor import datatypes, events, options

for module in (datatypes, options):
    for name in ("existing_dirpath", "existing_directory"):
        setattr(module, name, lambda value: value)
options.ServerOptions.import_spec = lambda self, spec: spec
read = []
own = options.UnhosedConfigParser
class Parser(own):
    def __init__(self, *given, **named):
        own.__init__(self, *given, **named)
        read.append(self)
options.UnhosedConfigParser = Parser

def plain(value):
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, dict):
        return dict((str(key), plain(one)) for key, one in value.items())
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return getattr(value, "__name__", None) or str(value)

def process(one):
    names = list(one.req_param_names) + list(one.optional_param_names)
    return dict((name, plain(getattr(one, name, None))) for name in names)

def group(one):
    found = {"kind": type(one).__name__, "name": one.name, "priority": one.priority}
    found["processes"] = [process(each) for each in one.process_configs]
    for name in ("buffer_size", "result_handler"):
        found[name] = plain(getattr(one, name, None))
    found["events"] = sorted(events.getEventNameByType(each) for each in getattr(one, "pool_events", ()))
    own = getattr(one, "socket_config", None)
    found["socket"] = str(getattr(own, "url", ""))
    for name in ("mode", "owner", "backlog"):
        found["socket_" + name] = plain(getattr(own, name, None))
    return found

server = options.ServerOptions()
server.configfile, server.here = sys.argv[2], sys.argv[3]
if os.path.isdir(server.here):
    os.chdir(server.here)
with io.open(server.configfile, encoding="utf-8") as file:
    server.read_config(io.StringIO(file.read()))  # without a name: further files count from here
daemon = server.configroot.supervisord
left_out = ("process_group_configs", "server_configs", "rpcinterface_factories", "eventlistener_pools")
settings = dict((name, plain(value)) for name, value in vars(daemon).items() if name not in left_out)
print("BEGIN" + json.dumps({
    "daemon": settings,
    "servers": [plain(dict(one, section=None)) for one in daemon.server_configs],
    "interfaces": [plain(one) for one in daemon.rpcinterface_factories],
    "groups": [group(one) for one in daemon.process_group_configs],
    "warnings": list(getattr(server, "parse_warnings", [])),
    "files": [text.split('"')[1] for text in getattr(server, "parse_infos", []) if text.count('"') > 1],
    "sections": [[name, [list(pair) for pair in read[-1].items(name)]] for name in read[-1].sections()],
}))
""".replace("BEGIN", BEGIN)


def parsed(conf: str, pid: int, activate: str, here: str = "") -> "tuple[str, str]":
    """The parsed file as JSON, and why it cannot be parsed, or "".

    Under the Python of the running supervisord `pid` and in its environment, for its file may use it; without one
    (0), under supervisorctl's.
    """
    here = here or os.path.dirname(os.path.abspath(conf))
    ended = _run(pid, activate, [conf, here])
    _, begins, text = ended.text.rpartition(BEGIN)
    if ended.code or not begins:
        lines = ended.text.splitlines()
        return "", (without_values(lines[-1]) if lines else f"exit code {ended.code}")
    return text.splitlines()[0], ""


def without_values(said: str) -> str:
    """What the parser says, without the value that it quotes: a whole environment, with its passwords."""
    return re.sub(r"ormat string '.*' for '", "ormat string (not shown) for '", said)


def _run(pid: int, activate: str, words: "list[str]") -> Ended:
    command = words_of(pid) if pid else []
    at = program_at(command)
    if not at:  # none runs, or it is no script
        return run_in_supervisors_python(activate, LIBRARY + READ, words, SECONDS)
    python = command[0] if command[0].startswith("/") else f"/proc/{pid}/exe"
    environment = {**environment_of(pid), "PYTHONIOENCODING": "utf-8"}
    return run([python, "-B", "-", command[at], *words], (LIBRARY + READ).encode(), SECONDS, environment)
