"""The rules of supervisord's words: accounts, kinds of programs, expansions, logs, and the doors that it opens."""

from collections.abc import Iterator

from ops.formats import processes
from ops.formats import supervisor_expansion as expansion
from ops.formats.protected import is_protected, protected_places
from ops.formats.supervisor import LOGS, server_text_rules
from ops.formats.uwsgi import is_uwsgi
from ops.program_tables import Program
from ops.schema import Host
from ops.text import did_you_mean

Rule = tuple[tuple[str, ...], str]
LISTENER, FCGI = "eventlistener", "fcgi-program"
EVENTS = (  # EventTypes of supervisor/events.py
    *("EVENT", "PROCESS_STATE", "PROCESS_STATE_STOPPED", "PROCESS_STATE_EXITED", "PROCESS_STATE_STARTING"),
    *("PROCESS_STATE_STOPPING", "PROCESS_STATE_BACKOFF", "PROCESS_STATE_FATAL", "PROCESS_STATE_RUNNING"),
    *("PROCESS_STATE_UNKNOWN", "PROCESS_COMMUNICATION", "PROCESS_COMMUNICATION_STDOUT"),
    *("PROCESS_COMMUNICATION_STDERR", "PROCESS_LOG", "PROCESS_LOG_STDOUT", "PROCESS_LOG_STDERR", "PROCESS_GROUP"),
    *("PROCESS_GROUP_ADDED", "PROCESS_GROUP_REMOVED", "REMOTE_COMMUNICATION", "SUPERVISOR_STATE_CHANGE"),
    *(
        "SUPERVISOR_STATE_CHANGE_RUNNING",
        "SUPERVISOR_STATE_CHANGE_STOPPING",
        "TICK",
        "TICK_5",
        "TICK_60",
        "TICK_3600",
    ),
)
_OF_KIND = {"events": LISTENER, "buffer_size": LISTENER} | dict.fromkeys(
    ("socket", "socket_owner", "socket_mode", "socket_backlog"), FCGI
)
_SUPERVISORD = ("socket", "pidfile", "logfile", "directory")


def rules(host: Host) -> Iterator[Rule]:
    """(path of keys, rule) for each broken one."""
    own = host.supervisor
    yield from _account(host, ("supervisor", "user"), own.user)
    if own.nodaemon:
        rule = "must be false: a deploy and start-at-boot start supervisord as a daemon, or by a unit with --nodaemon"
        yield ("supervisor", "nodaemon"), rule
    for key in _SUPERVISORD:
        yield from _plain_path(("supervisor", key), getattr(own, key))
    for number, pattern in enumerate(own.include):
        yield from _plain_path(("supervisor", "include", str(number)), pattern)
    if own.expand:
        for variable, value in own.environment.items():
            for rule in expansion.problems(value, expansion.OF_SUPERVISORD):
                yield ("supervisor", "environment", variable), rule
    yield from _inet_server(host)
    for name, program in host.programs.items():
        for key, rule in [*_of_kind(program), *_expansions(program), *_logs(program)]:
            yield ("programs", name, *key.split(".", 1)), rule
        for key in ("user", "socket_owner"):
            yield from _account(host, ("programs", name, key), getattr(program, key))
        if program.socket:
            yield from _socket(host, name, program)


def _inet_server(host: Host) -> Iterator[Rule]:
    server, loc = host.supervisor.inet_http_server, ("supervisor", "inet_http_server")
    if server is None:
        return
    if server.password not in host.secrets:
        rule = f"must be the name of a secret; the inventory has {', '.join(host.secrets) or 'none'}"
        yield (*loc, "password"), rule
    for rule in server_text_rules(server.username):
        yield (*loc, "username"), rule
    if ":" in server.username:
        yield (*loc, "username"), "must not contain a colon: the password follows it"


def _account(host: Host, loc: tuple[str, ...], user: str | None) -> Iterator[Rule]:
    if user not in (None, host.account):
        rule = f"must be {host.account} or be left out: supervisord runs as the account and cannot change to another"
        yield loc, rule


def _of_kind(program: Program) -> Iterator[tuple[str, str]]:
    for key, kind in _OF_KIND.items():
        if program.kind != kind and getattr(program, key):
            yield key, f'needs kind = "{kind}"'
    if program.kind == LISTENER and not program.events:
        yield "kind", "needs events: those of which supervisord tells it"
    for number, event in enumerate(program.events):
        if event not in EVENTS:
            yield f"events.{number}", f"is no event of supervisord{did_you_mean(event, EVENTS)}"
    if program.kind == LISTENER and program.redirect_stderr:
        yield "redirect_stderr", "must be false: its standard output is how an eventlistener answers supervisord"
    if program.kind == FCGI and program.socket is None:
        yield "kind", "needs socket: the one that supervisord opens for its processes"


def _expansions(program: Program) -> Iterator[tuple[str, str]]:
    if not program.expand:
        for key in ("directory", *LOGS, "socket"):
            yield from ((key, rule) for (_, rule) in _plain_path((key,), getattr(program, key)))
        return
    texts = {key: getattr(program, key) or "" for key in ("command", "directory", *LOGS, "socket")}
    texts |= {f"environment.{name}": value for name, value in program.environment.items()}
    for key, text in texts.items():
        known = expansion.OF_PROCESS if key != "socket" else ("here", "program_name")
        yield from ((key, rule) for rule in expansion.problems(text, known))
    for key in (*LOGS, "socket"):
        for name in sorted(expansion.variables(texts[key]) - {*expansion.KNOWN_HERE}):
            yield key, f"must not contain %({name})s: only the host knows it, and the path has to be known here"
    if "%(" in (program.command.split() or [""])[0].rpartition("/")[2]:
        yield "command", "must begin with the name of a program: what runs is checked here"
    for name in sorted(expansion.variables(program.command) - {*expansion.KNOWN_HERE}):
        if is_uwsgi(program):
            yield "command", f"must not contain %({name})s: uWSGI's options are checked here, so write it out"


def _plain_path(loc: tuple[str, ...], path: str | None) -> Iterator[Rule]:
    if found := expansion.looks_expanded(path or ""):
        rule = f"contains {found} and would be a path of that very name: write it out"
        yield loc, rule if loc[0] == "supervisor" else f"{rule}, or set expand = true"


def _logs(program: Program) -> Iterator[tuple[str, str]]:
    for key in LOGS:
        path = getattr(program, key) or ""
        is_device = bool(processes.DEVICE.fullmatch(path))
        if is_device and path != "/dev/null" and getattr(program, f"{key}_maxbytes") != "0":
            yield key, f'needs {key}_maxbytes = "0": {path} is a device, which supervisord cannot rotate'
        is_file = path not in ("", *processes.KEPT_ELSEWHERE) and not is_device
        if is_file and program.numprocs > 1 and "process_num" not in expansion.variables(path):
            yield key, "must contain %(process_num)02d, with expand = true: each process needs a log of its own"


def _socket(host: Host, name: str, program: Program) -> Iterator[Rule]:
    """Whoever reaches the socket is whoever he says, as with the sockets of uWSGI."""
    address = processes.socket_of(host, name)
    if not is_protected(host, address):
        places = ", ".join(protected_places(host))
        rule = f"must be a loopback address and port, or a path in a folder of the account ({places})"
        yield ("programs", name, "socket"), f"{rule}: whoever reaches it can impersonate anyone"
    if program.socket_mode and not address.startswith("/"):
        yield ("programs", name, "socket_mode"), "needs a socket with a path"
    if program.socket_mode and program.socket_mode[-1] not in "0145":
        yield ("programs", name, "socket_mode"), "must not let others write: who may write a socket may connect"
