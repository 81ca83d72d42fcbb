"""The written form of uWSGI's ini: `KEY = VALUE` lines that it reads back as the inventory has them.

Source: the uWSGI documentation, "Configuring uWSGI" (magic variables, placeholders); what it leaves open,
`core/ini.c` and `core/utils.c` of 2.0.31. The file is read in two steps:
- every `%` and the character after it are replaced, in comments too; `%%` is a percent sign;
- in the values of most options `$(NAME)` is then replaced by an environment variable, `@(FILE)` by a file and
  `%(NAME)` by the value of an option or placeholder of that name; there is no escape for these. Other `%(NAME)` stay,
  for example the variables of log-format. Of these, the inventory may have placeholders: that is what they are for.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ops.agent.uwsgi_ini import options_of
from ops.formats.apps import MAIN
from ops.program_tables import Program
from ops.schema import Host, Uwsgi
from ops.text import closest
from ops.value_types import UwsgiValue

# The options that the template writes, and how to set them instead.
WRITTEN_BY_TEMPLATE = {
    "strict": "every file is validated with --strict; at run time a variable UWSGI_… of the host would stop uWSGI",
    "socket": "set app.listen",
    "uwsgi-socket": "set app.listen",
    "workers": "set uwsgi.workers",
    "processes": "set uwsgi.workers",
    "threads": "set uwsgi.threads",
    "cheaper": "set uwsgi.cheaper",
    "cheaper-initial": "set uwsgi.cheaper-initial",
    "reload-on-as": "set uwsgi.reload-on-as",
    "evil-reload-on-as": "set uwsgi.evil-reload-on-as",
    "zerg-server": "a reload needs it at a fixed path",
}
APPS_IN_PYTHON = {"module", "wsgi", "wsgi-file", "file", "eval", "paste", "pyrun", "callable"}
_SOCKET_BYTES = 102  # bind_to_unix in core/socket.c


PLACEHOLDERS = ("set-placeholder", "set-ph")  # uWSGI replaces %(NAME) by the value, wherever it stands
SOCKETS = re.compile(r"(.+-)?socket|https?|listen|chmod|(socket-)?protocol")


def is_uwsgi(program: Program) -> bool:
    """Whether the program's command starts uWSGI."""
    words = program.command.split()  # empty for a command of non-ASCII blanks
    return bool(words) and words[0].rpartition("/")[2] == "uwsgi"


def ini_path(host: Host) -> str:
    """The path of the file of the app's uWSGI."""
    return host.uwsgi.file


def handover_socket(host: Host) -> str:
    """The zerg server socket, over which uWSGI shares its sockets during a reload, with the account alone."""
    return f"{host.state_dir}/uwsgi{_of_app(host)}.zerg"


def serving_file(host: Host) -> str:
    """The file that uWSGI touches when it begins to accept requests."""
    return f"{host.state_dir}/uwsgi{_of_app(host)}.serving"


def _of_app(host: Host) -> str:
    return "" if host.app_name == MAIN else f"-{host.app_name}"


def needs_restart(before: str, after: str) -> bool:
    """Whether the change of the file needs a restart: a reload does not change uWSGI's sockets."""
    return _sockets(before) != _sockets(after)


def describe_reload(host: Host, memory: tuple[int, int] | None) -> str:
    """What a reload does, and what it needs. `memory`: a worker's memory now and the free memory, in kB.

    As in agent/uwsgi_standby.py: a fifth of the free memory is not used, one connection to the database is for the
    request that validates, and the second uWSGI may have fewer workers and threads.
    """
    workers, threads, spare = host.uwsgi.workers, host.uwsgi.threads, host.spare_requests
    own, database = workers * threads, ""
    if spare is not None:
        threads = min(threads, max(0, spare - 1))
        if not spare:
            return (
                "restart in place: requests wait until it serves again, and nothing tries the file or the app "
                "before: fleet.database_connections leaves no connection for that"
            )
        if not threads:
            return "reload; requests wait until it ends: fleet.database_connections leaves none for a second uWSGI"
        workers = min(workers, (spare - 1) // threads)
        database = f"; both may open {own} + {workers * threads + 1} connections to the database"
    words = "reload without losing a request: a second uWSGI serves during the reload"
    if memory is None or not memory[0]:
        return words + database
    each, free = memory
    room = min(workers, free * 8 // 10 // (each + 1))
    if room < 1:
        return f"reload; requests wait until it ends: {free // 1024} MB free are too few for a second uWSGI"
    return f"{words}{database} ({room} workers, up to {room * each // 1024} MB; {free // 1024} MB are free)"


def pairs_of(ini: str) -> list[tuple[str, str]]:
    """The options of a uWSGI file: key and value."""
    return options_of(ini)


def _sockets(ini: str) -> list[tuple[str, str]]:
    return [pair for pair in pairs_of(ini) if SOCKETS.fullmatch(pair[0])]


def runs_python(uwsgi: Uwsgi) -> bool:
    """Whether the options load an app in Python, and do not say how Python is called."""
    named = {"py-programname", "programname"} & uwsgi.options.keys()
    return not named and not APPS_IN_PYTHON.isdisjoint(uwsgi.options)


def ini_lines(uwsgi: Uwsgi) -> list[tuple[str, str]]:
    """`[uwsgi]` without the socket, as (key, text in the file); a list repeats its key.

    uWSGI reads back the inventory's values only if `unwritable` yields nothing.
    """
    numbers: dict[str, int] = {"workers": uwsgi.workers, "threads": uwsgi.threads}
    if uwsgi.cheaper:  # 0: all workers run from the start, so cheaper-initial is left out too
        numbers |= {"cheaper": uwsgi.cheaper, "cheaper-initial": uwsgi.cheaper_initial}
    limits = {"reload-on-as": uwsgi.reload_on_as, "evil-reload-on-as": uwsgi.evil_reload_on_as}
    numbers |= {key: limit for key, limit in limits.items() if limit is not None}
    lines = [(key, str(number)) for key, number in numbers.items()]
    return lines + [(name, _text(item)) for name, value in uwsgi.options.items() for item in items_of(value)]


def unwritable(uwsgi: Uwsgi) -> Iterator[tuple[str, str]]:
    """(key, rule) for every option that the ini does not support, that uWSGI misreads or that the template writes."""
    present = {key for key, _ in ini_lines(uwsgi)} | {
        "ini",
        "strict",
        "socket",
        "chmod-socket",
        "buffer-size",
        "socket-timeout",
        "no-orphans",
        "zerg-server",
        "reload-mercy",
        "worker-reload-mercy",
    }
    texts = [str(item) for value in uwsgi.options.values() for item in items_of(value)]
    used = {name for text in texts for name in _tags(text, "%")}
    for name, value in uwsgi.options.items():
        rules = list(_name_rules(name, is_used=name in used))
        if name in PLACEHOLDERS:
            rules += [rule for item in items_of(value) for rule in _placeholder_rules(str(item))]
        for item in items_of(value):
            rules += _switch_rules(name, item) if isinstance(item, bool) else _text_rules(str(item), present)
        yield from ((f"options.{name}", rule) for rule in dict.fromkeys(rules))


def unwritable_listen(listen: str) -> Iterator[str]:
    """The rules that the address in `app.listen` breaks as uWSGI's socket."""
    yield from _text_rules(listen, set())
    if any(_tags(listen, "%")):
        yield "must not contain %(NAME), in whose place uWSGI would put a placeholder of that name"
    if listen.startswith("/") and ":" in listen:
        yield "must not contain a colon: uWSGI reads the text after it as a port"
    if len(os.fsencode(listen)) > _SOCKET_BYTES:
        yield f"is too long for a unix socket: the limit is {_SOCKET_BYTES} bytes"


def unwritable_handover(host: Host) -> Iterator[str]:
    """The rules that `state_dir` breaks as the folder of uWSGI's files for a reload."""
    if ":" not in host.home:  # which breaks a rule of its own
        yield from unwritable_listen(f"{host.state_dir}/standby.sock")  # the longest path (agent/uwsgi_standby.py)
    if " " in host.state_dir:
        yield "must not contain a blank: uWSGI's hook reads the text after it as the text to write"


@cache
def known_options() -> dict[str, str]:
    """The name of each option of uWSGI, and its mark; see uwsgi_options.txt."""
    text = Path(__file__).with_name("uwsgi_options.txt").read_text(encoding="ascii")
    parts = (line.partition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: mark for name, _, mark in parts}


def _placeholder_rules(item: str) -> Iterator[str]:
    name, equals, _ = item.partition("=")
    if not (name and equals):
        yield "must be NAME=VALUE"
    elif name in known_options():
        yield f"must have another name than {name}, which is an option of uWSGI"


def _name_rules(name: str, *, is_used: bool) -> Iterator[str]:
    if name in WRITTEN_BY_TEMPLATE:
        yield f"is written by the template: {WRITTEN_BY_TEMPLATE[name]}"
    elif name not in known_options() and is_used:
        yield f'is no option of uWSGI, and %({name}) uses it: make it a placeholder, set-placeholder = "{name}=…"'
    elif name not in known_options():
        near = closest(name, known_options(), cutoff=0.85)
        if near:  # otherwise it may be a plugin's option; uWSGI checks it at the trial start (--strict)
            yield f"is no option of uWSGI; nearest: {near[0]}"


def _switch_rules(name: str, value: bool) -> Iterator[str]:
    mark = known_options().get(name, "switch")
    if not mark:
        yield "needs a value: it reads true and false as text, or as the number 0"
    elif mark == "on" and not value:
        yield "is not switched off by false: leave it out"


def _text_rules(text: str, options: set[str]) -> Iterator[str]:
    if "\n" in text or "\0" in text:
        yield "must be one line"
    if text != text.strip(" \t\r"):
        yield "must not begin or end with a blank: uWSGI drops it"
    if any(_tags(text, "$")):
        yield "must not contain $(NAME), which uWSGI replaces by an environment variable; in a shell, use `NAME`"
    if any(_tags(text, "@")):
        yield "must not contain @(NAME), which uWSGI replaces by the content of a file"
    for name in _tags(text, "%"):
        if " " in name:
            yield f"must not contain %({name}), which uWSGI calculates"
        elif name in options:
            yield f"must not contain %({name}), which uWSGI replaces by the value of its option"


def _tags(text: str, symbol: str) -> Iterator[str]:
    """Each NAME, empty or not, in `symbol(NAME)`: up to the closing bracket, or up to another symbol."""
    for start in (match.end() for match in re.finditer(re.escape(symbol) + r"\(", text)):
        depth = 0
        for end in range(start, len(text)):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            if depth < 0:
                yield text[start:end]
            if depth < 0 or text[end] == symbol:
                break


def items_of(value: UwsgiValue) -> list[bool | int | str]:
    """The values of an option that may be repeated."""
    return value if isinstance(value, list) else [value]


def _text(value: bool | int | str) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value).replace("%", "%%")
