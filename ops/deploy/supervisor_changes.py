"""The effect of a supervisord.conf: two files that differ only in text or in explicit defaults are equal.

Source: `supervisor/options.py` and `supervisor/datatypes.py` of 4.3.0, which read the file: defaults, expansions
(`%(here)s`), numbers, sizes, booleans, signals, octal modes and environments. Unknown values, such as
`%(ENV_NAME)s` on the host, are compared as text.
"""

import configparser
import posixpath
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ops.agent.service_messages import Surroundings
from ops.deploy.supervisor_sources import texts_of
from ops.formats.supervisor import WITHOUT_UWSGI_VARIABLES
from ops.schema import Host

Settings = dict[str, Any]
Reader = Callable[[str], object]
MOST_PROCESSES = 10_000  # of one section; a file with more is not accepted
_TRUE, _FALSE = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
_SIZES = {"kb": 1024, "mb": 1024**2, "gb": 1024**3}
_SIGNALS = {"1": "HUP", "2": "INT", "3": "QUIT", "9": "KILL", "10": "USR1", "12": "USR2", "15": "TERM"}  # Linux
_PROGRAMS = ("program:", "fcgi-program:", "eventlistener:")


@dataclass(frozen=True)
class Effect:
    """One configuration as supervisord reads it.

    `daemon`: settings that need a restart of supervisord. `groups`: the settings of each group of processes by name
    (for most, the program's name). `processes`: all names as supervisord prints them ("web", or "group:process").
    `ports`: the ports of supervisord and of its programs' sockets. `includes`: the patterns of further files.
    """

    daemon: Settings
    groups: dict[str, Any]
    processes: frozenset[str]
    ports: frozenset[str]
    includes: tuple[str, ...]


class _Known(dict[str, object]):
    """Expansions; an unknown one stays as it is."""

    def __missing__(self, key: str) -> str:
        return f"\0{key}\0"


def read_effect(content: bytes, host: Host, around: Surroundings | None = None) -> Effect | None:
    """The effect of a file as the host's supervisord.conf; None if it cannot be parsed.

    `around`: the files that it includes and the variables that it uses, where they are known.
    """
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";", "#"))
    try:
        for text in texts_of(content.decode(), around or Surroundings()):
            parser.read_string(text)
        sections = {name: dict(parser[name]) for name in parser.sections()}
        return _effect(sections, host)
    except (configparser.Error, UnicodeDecodeError, ValueError):
        return None


def _effect(sections: Mapping[str, Mapping[str, str]], host: Host) -> Effect:
    daemon: Settings = {}
    for name, values in sections.items():
        if name == "supervisord":
            daemon[name] = _settings(values, _READERS, _DAEMON_DEFAULTS, host)
        elif name.startswith("unix_http_server"):
            daemon[name] = _settings(values, _UNIX, {"chmod": "0700", "chown": host.account}, host)
        elif name.startswith("inet_http_server"):
            daemon[name] = _settings(values, _INET, {}, host)
        elif name.startswith("rpcinterface:"):
            daemon[name] = _settings(values, {}, {}, host)
    groups, processes = _groups(sections, host)
    ports = {str(daemon[name].get("port", "?")) for name in daemon if name.startswith("inet_http_server")}
    ports |= {
        _address(values["socket"].removeprefix("tcp://"))
        for values in sections.values()
        if values.get("socket", "").startswith("tcp://")
    }
    files = sections.get("include", {}).get("files", "")
    includes = tuple(posixpath.join(_folder(host), word) for word in _expand(files, _known(host)).split())
    return Effect(daemon, groups, frozenset(processes), frozenset(ports), includes)


def _groups(sections: Mapping[str, Mapping[str, str]], host: Host) -> tuple[dict[str, Any], set[str]]:
    """The settings of each group, and the names of all processes."""
    groups: dict[str, Any] = {}
    processes: set[str] = set()
    members = {  # the sections of programs that belong to a group
        f"{kind}:{program.strip()}"
        for name, values in sections.items()
        if name.startswith("group:")
        for program in values.get("programs", "").split(",")
        for kind in ("program", "fcgi-program")
    }
    for name, values in sections.items():
        group = name.partition(":")[2].strip()
        if name.startswith("group:"):
            programs = [program.strip() for program in values.get("programs", "").split(",")]
            own = [f"{kind}:{program}" for program in programs for kind in ("program", "fcgi-program")]
            found = {one: _program(one, sections[one], group, host) for one in own if one in sections}
            groups[group] = (int(values.get("priority", "999")), found)
            processes |= {full for one in found for full in _processes(one, sections[one], group, host)}
        elif name.startswith(_PROGRAMS) and name not in members:
            groups[group] = _program(name, values, group, host)
            processes |= _processes(name, values, group, host)
    return groups, processes


def _program(section: str, values: Mapping[str, str], group: str, host: Host) -> Settings:
    defaults = dict(_PROGRAM_DEFAULTS)
    defaults["killasgroup"] = values.get("stopasgroup", "false")
    if section.startswith("eventlistener:"):
        defaults |= {"priority": "-1", "buffer_size": "10"}
    names = {"program_name": section.partition(":")[2].strip(), "group_name": group}
    settings = _settings(values, _READERS, defaults, host, names)
    if "command" in settings:  # this prefix does not change which program runs
        settings["command"] = str(settings["command"]).removeprefix(WITHOUT_UWSGI_VARIABLES)
    settings["kind"] = section.partition(":")[0]
    for stream in ("stdout", "stderr"):
        if stream == "stderr" and settings["redirect_stderr"] is True:
            settings["stderr_logfile"] = "none"
        if settings[f"{stream}_logfile"] == "none":
            settings.pop(f"{stream}_logfile_maxbytes")
            settings.pop(f"{stream}_logfile_backups")
    return settings


def _processes(section: str, values: Mapping[str, str], group: str, host: Host) -> set[str]:
    """The names of the processes of one section, as supervisord prints them."""
    first, count = int(values.get("numprocs_start", "0")), int(values.get("numprocs", "1"))
    if count > MOST_PROCESSES:
        raise ValueError("more processes than any host has")
    known = _known(host) | {"program_name": section.partition(":")[2].strip(), "group_name": group}
    template = values.get("process_name", "%(program_name)s")
    names = [_expand(template, known | {"process_num": first + n, "numprocs": count}) for n in range(count)]
    return {name if name == group else f"{group}:{name}" for name in names}


# ---- values -------------------------------------------------------------------------------------------------------


def _known(host: Host) -> dict[str, object]:
    return {"here": _folder(host), "ENV_HOME": host.home}


def _folder(host: Host) -> str:
    """The folder of the file, from which the names of further files count."""
    return posixpath.dirname(host.supervisor.file)


def _expand(text: str, known: Mapping[str, object], times: int = 1) -> str:
    """Expand as supervisord does; a text that cannot be expanded stays as it is."""
    if re.search(r"%\([^)]*\)[^a-zA-Z%]*[0-9]{4}", text):
        return text  # such a field width is a mistake, and would use much memory
    for _ in range(times):
        try:
            text = text % _Known(known)
        except (ValueError, TypeError):
            return text
    return text


def _settings(
    values: Mapping[str, str],
    readers: Mapping[str, Reader],
    defaults: Mapping[str, str],
    host: Host,
    names: Mapping[str, str] | None = None,
) -> Settings:
    """Each setting as supervisord reads it, with `defaults`; without a user or owner that is the account itself."""
    known = _known(host) | dict(names or {})
    found: Settings = {}
    for key, text in (dict(defaults) | dict(values)).items():
        expanded = _expand(text, known, 2 if key in _EXPANDED_TWICE[bool(names)] else 1)
        if key in ("user", "chown") and expanded in ("", host.account, f"{host.account}:{host.account}"):
            continue
        if key in _PATHS:
            found[key] = _path(expanded, host)
        else:
            found[key] = _read(readers.get(key, str.strip), expanded)
    return found


def _read(reader: Reader, text: str) -> object:
    try:
        return reader(text)
    except ValueError:
        return text


def _boolean(text: str) -> object:
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else text


def _restart(text: str) -> object:
    return "unexpected" if text.lower() == "unexpected" else _boolean(text)


def _size(text: str) -> int:
    unit = _SIZES.get(text[-2:].lower())
    return int(text[:-2]) * unit if unit else int(text)


def _octal(text: str) -> int:
    return int(text, 8)


def _signal(text: str) -> str:
    name = _SIGNALS.get(text.strip(), text.strip().upper())
    return name.removeprefix("SIG")


def _codes(text: str) -> list[int]:
    return sorted({int(code) for code in text.split(",") if code.strip()})


def _words(text: str) -> list[str]:
    return sorted({word.strip().upper() for word in text.split(",")})


def _environment(text: str) -> dict[str, str]:
    lexer = shlex.shlex(text)
    lexer.wordchars += "/.+-():"
    words = list(lexer)
    if any(words[at + 1 : at + 2] != ["="] or at + 2 >= len(words) for at in range(0, len(words), 4)):
        raise ValueError(text)
    return {words[at]: words[at + 2].strip("'\"") for at in range(0, len(words), 4)}


def _address(text: str) -> str:
    address, _, port = text.strip().lower().rpartition(":")
    return f"{'' if address in ('*', '0.0.0.0') else address}:{int(port)}"  # noqa: S104 - a spelling of nothing


def _path(text: str, host: Host) -> str:
    word = text.strip()
    if word.lower() in ("none", "off", "auto", "syslog"):
        return "none" if word.lower() == "off" else word.lower()
    word = re.sub(rf"^~({re.escape(host.account)})?(?=/|$)", lambda _: host.home, word)
    return posixpath.normpath(word) if word.startswith("/") else word


_PATHS = ("file", "logfile", "pidfile", "directory", "childlogdir", "stdout_logfile", "stderr_logfile")
_EXPANDED_TWICE = (("environment",), ("stdout_logfile", "stderr_logfile"))  # of supervisord itself, and of programs
_UNIX: dict[str, Reader] = {"chmod": _octal}
_INET: dict[str, Reader] = {"port": _address}
_NUMBERS = (
    *("logfile_backups", "minfds", "minprocs", "priority", "startsecs", "startretries", "stopwaitsecs"),
    *("numprocs", "numprocs_start", "buffer_size", "stdout_logfile_backups", "stderr_logfile_backups"),
)
_SWITCHES = (
    *("nodaemon", "silent", "nocleanup", "strip_ansi", "autostart", "stopasgroup", "killasgroup"),
    *("redirect_stderr", "stdout_events_enabled", "stderr_events_enabled", "stdout_syslog", "stderr_syslog"),
)
_BYTES = (
    *("logfile_maxbytes", "stdout_logfile_maxbytes", "stderr_logfile_maxbytes"),
    *("stdout_capture_maxbytes", "stderr_capture_maxbytes"),
)
_READERS: dict[str, Reader] = {
    **dict.fromkeys(_NUMBERS, int),
    **dict.fromkeys(_SWITCHES, _boolean),
    **dict.fromkeys(_BYTES, _size),
    "umask": _octal,
    "loglevel": str.lower,
    "environment": _environment,
    "events": _words,
    "autorestart": _restart,
    "stopsignal": _signal,
    "exitcodes": _codes,
}


def _defaults(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split())


_DAEMON_DEFAULTS = _defaults("""
    logfile=supervisord.log logfile_maxbytes=50MB logfile_backups=10 loglevel=info pidfile=supervisord.pid
    minfds=1024 minprocs=200 umask=022 nodaemon=false silent=false nocleanup=false strip_ansi=false
    identifier=supervisor childlogdir=/tmp environment=
""")
_PROGRAM_DEFAULTS = _defaults("""
    priority=999 autostart=true autorestart=unexpected startsecs=1 startretries=3 exitcodes=0 stopsignal=TERM
    stopwaitsecs=10 stopasgroup=false redirect_stderr=false numprocs=1 numprocs_start=0
    process_name=%(program_name)s environment= serverurl=AUTO
    stdout_logfile=auto stdout_logfile_maxbytes=50MB stdout_logfile_backups=10 stdout_capture_maxbytes=0
    stdout_events_enabled=false stdout_syslog=false
    stderr_logfile=auto stderr_logfile_maxbytes=50MB stderr_logfile_backups=10 stderr_capture_maxbytes=0
    stderr_events_enabled=false stderr_syslog=false
""")
