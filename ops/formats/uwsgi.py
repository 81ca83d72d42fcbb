"""The written form of uWSGI's ini: `KEY = VALUE` lines that it reads back as the inventory has them.

Source: the uWSGI documentation, "Configuring uWSGI" (magic variables, placeholders); what it leaves open,
`core/ini.c` and `core/utils.c` of 2.0.31. The file is read in two steps:
- every `%` and the character behind it are replaced, in comments too; `%%` is a percent sign;
- in the values of most options `$(NAME)` is then replaced by an environment variable, `@(FILE)` by a file and
  `%(NAME)` by the value of an option of that name, and nothing can be written to stop it. Other `%(NAME)` stay:
  the variables of log-format arrive as they are.
"""

import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ops.schema import Host, Program, Uwsgi, UwsgiValue
from ops.text import closest

# What the file holds already, and how else to set it.
WRITTEN_BY_TEMPLATE = {
    "strict": "every file is validated with --strict; at run time a variable UWSGI_… of the host would end the start",
    "socket": "set app.listen",
    "uwsgi-socket": "set app.listen",
    "workers": "set uwsgi.workers",
    "processes": "set uwsgi.workers",
    "threads": "set uwsgi.threads",
    "cheaper": "set uwsgi.cheaper",
    "cheaper-initial": "set uwsgi.cheaper-initial",
    "reload-on-as": "set uwsgi.reload-on-as",
    "evil-reload-on-as": "set uwsgi.evil-reload-on-as",
    "zerg-server": "it is always where a reload finds it",
}
_SOCKET_BYTES = 102  # bind_to_unix in core/socket.c


SOCKETS = re.compile(r"(.+-)?socket|https?|listen|chmod|(socket-)?protocol")


def is_uwsgi(program: Program) -> bool:
    """Whether the program's command starts uWSGI."""
    words = program.command.split()  # none in a command of blanks that are not ASCII
    return bool(words) and words[0].rpartition("/")[2] == "uwsgi"


def ini_path(host: Host) -> str:
    """uWSGI's own file, as in the production document."""
    return f"{host.config_dir}/uwsgi-service.ini"


def handover_socket(host: Host) -> str:
    """Where uWSGI hands out its sockets for the time of a reload: for the account alone."""
    return f"{host.state_dir}/uwsgi.zerg"


def needs_restart(before: str, after: str) -> bool:
    """Whether a reload would not do: uWSGI keeps the sockets that it has."""
    return _sockets(before) != _sockets(after)


def reload_in_words(workers: int, memory: tuple[int, int] | None) -> str:
    """What a reload does, and needs: `memory` is what a worker has now and what is free, in kB.

    As remote/uwsgi.sh decides: of what is free a fifth is left alone, and fewer workers will do for the time.
    """
    words = "reload without losing a request: a second uWSGI serves meanwhile"
    if memory is None or not memory[0]:
        return words
    each, free = memory
    room = min(workers, free * 8 // 10 // (each + 1))
    if room < 1:
        return f"reload; requests wait meanwhile: of {free // 1024} MB none are free for a second uWSGI"
    return f"{words} ({room} workers, up to {room * each // 1024} MB for it; {free // 1024} MB are free)"


def pairs_of(ini: str) -> list[tuple[str, str]]:
    """The options of a uWSGI file as they stand there: key and text."""
    lines = (line.partition("=") for line in ini.splitlines() if not line.startswith(("#", ";", "[")))
    return [(key.strip(), value.strip()) for key, equals, value in lines if equals]


def _sockets(ini: str) -> list[tuple[str, str]]:
    return [pair for pair in pairs_of(ini) if SOCKETS.fullmatch(pair[0])]


def ini_lines(uwsgi: Uwsgi) -> list[tuple[str, str]]:
    """`[uwsgi]` but for the socket, as (key, text in the file); a list repeats its key.

    Holds what the inventory says only where `unwritable` has nothing to say.
    """
    numbers: dict[str, int] = {"workers": uwsgi.workers, "threads": uwsgi.threads}
    if uwsgi.cheaper:  # 0: all workers from the start, and no number of first workers either
        numbers |= {"cheaper": uwsgi.cheaper, "cheaper-initial": uwsgi.cheaper_initial}
    numbers |= {"reload-on-as": uwsgi.reload_on_as, "evil-reload-on-as": uwsgi.evil_reload_on_as}
    lines = [(key, str(number)) for key, number in numbers.items()]
    return lines + [(name, _text(item)) for name, value in uwsgi.options.items() for item in items_of(value)]


def unwritable(uwsgi: Uwsgi) -> Iterator[tuple[str, str]]:
    """(key, rule) for every option that the ini cannot hold, that uWSGI misreads or that stands there already."""
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
    for name, value in uwsgi.options.items():
        rules = list(_name_rules(name))
        for item in items_of(value):
            rules += _switch_rules(name, item) if isinstance(item, bool) else _text_rules(str(item), present)
        yield from ((f"options.{name}", rule) for rule in dict.fromkeys(rules))


def unwritable_listen(listen: str) -> Iterator[str]:
    """The rules that the address in `app.listen` breaks as uWSGI's socket."""
    yield from _text_rules(listen, set())
    if listen.startswith("/") and ":" in listen:
        yield "must not hold a colon: uWSGI takes what follows it for a port"
    if len(os.fsencode(listen)) > _SOCKET_BYTES:
        yield f"is too long for a unix socket: uWSGI takes {_SOCKET_BYTES} bytes"


def unwritable_handover(host: Host) -> Iterator[str]:
    """The rules that `state_dir` breaks as the folder of what uWSGI needs for a reload."""
    if ":" not in host.home:  # of which its own rule tells
        yield from unwritable_listen(f"{host.state_dir}/standby.sock")  # the longest of them: remote/uwsgi.sh
    if " " in host.state_dir:
        yield "must not hold a blank: uWSGI's hook takes what follows it for the text to write"


@cache
def known_options() -> dict[str, str]:
    """The name of each option of uWSGI, and its mark; see uwsgi_options.txt."""
    text = Path(__file__).with_name("uwsgi_options.txt").read_text(encoding="ascii")
    parts = (line.partition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: mark for name, _, mark in parts}


def _name_rules(name: str) -> Iterator[str]:
    if name in WRITTEN_BY_TEMPLATE:
        yield f"is written by the template: {WRITTEN_BY_TEMPLATE[name]}"
    elif name not in known_options():
        near = closest(name, known_options(), cutoff=0.85)
        if near:  # with none it may be a plugin's own; uWSGI, which is strict, judges at the start
            yield f"is no option of uWSGI; nearest: {near[0]}"


def _switch_rules(name: str, value: bool) -> Iterator[str]:
    mark = known_options().get(name, "switch")
    if not mark:
        yield "takes a value: true and false are no more than text, or the number 0, to this option"
    elif mark == "on" and not value:
        yield "is not off when it is false: leave it out"


def _text_rules(text: str, options: set[str]) -> Iterator[str]:
    if "\n" in text or "\0" in text:
        yield "must be one line"
    if text != text.strip(" \t\r"):
        yield "must not begin or end with a blank: uWSGI drops it"
    if any(_tags(text, "$")):
        yield "must not hold $(NAME), which uWSGI replaces by an environment variable; a shell takes `NAME` as well"
    if any(_tags(text, "@")):
        yield "must not hold @(NAME), which uWSGI replaces by the content of a file"
    for name in _tags(text, "%"):
        if " " in name:
            yield f"must not hold %({name}), which uWSGI calculates"
        elif name in options:
            yield f"must not hold %({name}), which uWSGI replaces by the value of its option"


def _tags(text: str, symbol: str) -> Iterator[str]:
    """Each NAME, empty or not, in `symbol(NAME)`: up to the bracket that closes it, not over another symbol."""
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
