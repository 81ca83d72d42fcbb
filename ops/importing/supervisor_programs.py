"""A program, listener or fcgi-program of supervisord's as values of the inventory."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ops.formats.process_names import DEFAULT, DEFAULT_OF_SEVERAL
from ops.formats.processes import DEVICE, KEPT_ELSEWHERE
from ops.formats.supervisor import WITHOUT_UWSGI_VARIABLES
from ops.formats.supervisor_expansion import variables
from ops.importing.imported import Imported
from ops.importing.supervisor_daemon import Key, octal_text, size_text
from ops.importing.supervisor_sections import FCGI, LISTENER, PROGRAM, Section
from ops.importing.supervisor_settings import Process, signal_name
from ops.importing.supervisor_texts import NUMBER, Text, put_environment, put_texts, raw_environment, text_of

_RESTARTS = {"RestartUnconditionally": True, "RestartWhenExitUnexpected": "unexpected"}
_NAME = re.compile(r"(?!all\Z)[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
_PROCESS_NAME = re.compile(r"(?:[^%\s:/]|%%|%\((?:program|group)_name\)s|%\(process_num\)(?:0?[1-9])?[sd])+")
_HANDLERS = ("supervisor.dispatchers:default_handler", "default_handler")  # supervisord's own
_SOCKET_MODE, _BUFFER_SIZE = 0o700, 10  # supervisord's own

# Settings of a program, by the name that supervisor's parser has for each; `default` is the inventory's.
KEYS = {
    "autostart": Key("autostart", True),
    "autorestart": Key("autorestart", "unexpected", lambda kind: _RESTARTS.get(kind, False)),
    "startsecs": Key("startsecs", 1),
    "startretries": Key("startretries", 3),
    "exitcodes": Key("exitcodes", [0], sorted),
    "stopsignal": Key("stopsignal", "TERM", signal_name),
    "stopwaitsecs": Key("stopwaitsecs", 10),
    "stopasgroup": Key("stopasgroup", False),
    "umask": Key("umask", None, octal_text),
    "redirect_stderr": Key("redirect_stderr", True),
    "stdout_logfile_maxbytes": Key("stdout_logfile_maxbytes", "50MB", size_text),
    "stdout_logfile_backups": Key("stdout_logfile_backups", 10),
    "stderr_logfile_maxbytes": Key("stderr_logfile_maxbytes", "50MB", size_text),
    "stderr_logfile_backups": Key("stderr_logfile_backups", 10),
    "stdout_events_enabled": Key("stdout_events_enabled", False, bool),
    "stderr_events_enabled": Key("stderr_events_enabled", False, bool),
}
# What a program must have for the inventory to hold it: the parser's name, and the values.
PLAIN: dict[str, tuple[object, ...]] = {
    "stdout_capture_maxbytes": (0, None),
    "stderr_capture_maxbytes": (0, None),
    "serverurl": (None, "AUTO"),
}
Texts = dict[tuple[str, ...], Text]


def is_sayable(one: Section, conf: str, number: int) -> bool:
    """Whether the inventory can say all of it; `conf` is supervisord's file, `number` the account's user id."""
    if not _NAME.fullmatch(one.name) or (one.of_group and one.kind == FCGI) or one.group["socket_owner"]:
        return False
    is_plain = all(
        each["uid"] in (None, number) and all(each.get(name) in values for name, values in PLAIN.items())
        for each in one.processes
    )
    has_own_handler = one.kind == LISTENER and one.group["result_handler"] not in _HANDLERS
    named = bool(one.processes) and _process_name(one) is not None
    return is_plain and named and not has_own_handler and _texts(one, conf, {}) is not None


def read(one: Section, conf: str, shared: Mapping[str, str], into: Imported) -> None:
    """Add a section that `is_sayable`; `shared`: supervisord's variables, which the parser gives each program."""
    place, first = ("programs", one.name), one.processes[0]
    if one.kind != PROGRAM:
        into.put(one.kind, *place, "kind")
    texts = _texts(one, conf, shared) or {}
    variables = {key[1]: text for key, text in texts.items() if key[0] == "environment"}
    plain = put_environment(variables, place, into)
    texts = {key: text for key, text in texts.items() if key[0] != "environment" or key[1] in plain}
    put_texts(texts, place, into)
    for name, value in [*_numbers(one), *_of_kind(one)]:
        into.put(value, *place, name)
    for attribute, key in KEYS.items():
        value = key.read(first[attribute])
        default = key.default if (attribute, one.kind) != ("redirect_stderr", LISTENER) else False
        if value != default and not (attribute.startswith("stderr_") and first["redirect_stderr"]):
            into.put(value, *place, key.name)
    if first["killasgroup"] != first["stopasgroup"]:
        into.put(first["killasgroup"], *place, "killasgroup")


def _process_name(one: Section) -> str | None:
    """The format of its processes' names; None for one that the inventory does not have."""
    raw = one.raw.get("process_name", DEFAULT)
    if _PROCESS_NAME.fullmatch(raw):
        return raw
    return str(one.processes[0]["name"]).replace("%", "%%") if len(one.processes) == 1 else None


def _numbers(one: Section) -> Iterator[tuple[str, Any]]:
    """How many processes there are, with which names, and when they start."""
    count, start = len(one.processes), one.raw.get("numprocs_start", "0")
    if count > 1:
        yield "numprocs", count
    if start.isdigit() and int(start):
        yield "numprocs_start", int(start)
    if (name := _process_name(one)) != (DEFAULT_OF_SEVERAL if count > 1 else DEFAULT):
        yield "process_name", name
    priority = one.processes[0]["priority"] if one.of_group else one.group["priority"]
    if priority != (-1 if one.kind == LISTENER else 999):
        yield "priority", priority


def _of_kind(one: Section) -> Iterator[tuple[str, Any]]:
    group = one.group
    if one.kind == LISTENER:
        yield "events", group["events"]
        if group["buffer_size"] != _BUFFER_SIZE:
            yield "buffer_size", group["buffer_size"]
    elif one.kind == FCGI:
        if group["socket_mode"] not in (None, _SOCKET_MODE):
            yield "socket_mode", f"{group['socket_mode']:04o}"
        if group["socket_backlog"]:
            yield "socket_backlog", group["socket_backlog"]


def _texts(one: Section, conf: str, shared: Mapping[str, str]) -> Texts | None:
    """The texts by their keys; None if the inventory cannot say one of them."""
    known = {"here": posixpath.dirname(conf), "program_name": one.name, "group_name": one.group["name"]}
    known["numprocs"] = str(len(one.processes))
    commands = [str(each["command"]).removeprefix(WITHOUT_UWSGI_VARIABLES) for each in one.processes]
    starts_uwsgi = posixpath.basename((commands[0].split() or [""])[0]) == "uwsgi"
    raw = one.raw.get("command", "").removeprefix(WITHOUT_UWSGI_VARIABLES)
    # The options in a command of uWSGI are checked, so they are written out.
    found: dict[tuple[str, ...], Text | None] = {("command",): text_of(commands, raw, known, is_path=starts_uwsgi)}
    if one.processes[0]["directory"]:
        folders = [each["directory"] for each in one.processes]
        found["directory",] = text_of(folders, one.raw.get("directory", ""), known)
    if one.group["socket"]:
        found["socket",] = Text(one.group["socket"])
    for key in ("stdout_logfile", *(() if one.processes[0]["redirect_stderr"] else ("stderr_logfile",))):
        found[key,] = _log(one, key, known)
    written = raw_environment(one.raw.get("environment", ""))
    for variable, value in one.processes[0]["environment"].items():
        if shared.get(variable) != value:
            values = [each["environment"][variable] for each in one.processes]
            found["environment", variable] = text_of(values, written.get(variable, ""), known)
    texts = {key: text for key, text in found.items() if text}
    return texts if len(texts) == len(found) else None


def _log(one: Section, key: str, known: Mapping[str, str]) -> Text | None:
    """A log: of several processes, each has a file of its own."""
    places = [_place(each, key) for each in one.processes]
    if not all(places):
        return None
    text = text_of([*map(str, places)], one.raw.get(key, ""), known, is_path=True)
    is_file = places[0] not in KEPT_ELSEWHERE and not DEVICE.fullmatch(str(places[0]))
    if text and is_file and len(places) > 1 and NUMBER not in variables(text.value):
        return None
    return text


def _place(process: Process, key: str) -> str | None:
    """The place of a log in the words of the inventory; None for one that it has no word for."""
    path, is_syslog = process[key], process.get(key.replace("logfile", "syslog"))
    if is_syslog:
        return None if path else "syslog"
    place = {None: "NONE", "Automatic": "AUTO"}.get(path, path)
    return str(place) if place in KEPT_ELSEWHERE or str(place).startswith("/") else None
