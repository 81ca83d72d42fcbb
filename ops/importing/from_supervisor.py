"""A parsed supervisord.conf as values of the inventory.

What the inventory has no key for stays as it is written, as a section in the site's own template.
"""

import posixpath
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ops.importing.imported import Imported
from ops.importing.reading import HostReading
from ops.importing.settings import SUPERVISORD, is_secret_variable
from ops.importing.supervisor_settings import Group, Parsed, Process, full_name, signal_name

TEMPLATE, BLOCK = "home/supervisord.conf.j2", "more"
_RESTARTS = {"RestartUnconditionally": True, "RestartWhenExitUnexpected": "unexpected"}
_LEVELS = {50: "critical", 40: "error", 30: "warn", 20: "info", 10: "debug", 5: "trace", 3: "blather"}
_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


@dataclass(frozen=True)
class Key:
    """A setting that the inventory has a key for; `default` is the inventory's."""

    name: str
    default: Any
    read: Callable[[Any], Any] = lambda value: value


def size_text(number: int) -> str:
    """A number of bytes in the words of the file."""
    for unit, bits in (("MB", 20), ("KB", 10)):
        if number and number % (1 << bits) == 0:
            return f"{number >> bits}{unit}"
    return str(number)


def octal_text(mask: int | None) -> str | None:
    """A mask in the words of the file."""
    return None if mask is None else f"{mask:03o}"


# Settings of a program, by the name that supervisor's parser has for each.
PROGRAM = {
    "directory": Key("directory", None),
    "priority": Key("priority", 999),
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
    "stdout_logfile": Key("stdout_logfile", None),
    "stdout_logfile_maxbytes": Key("stdout_logfile_maxbytes", "50MB", size_text),
    "stdout_logfile_backups": Key("stdout_logfile_backups", 10),
    "stderr_logfile": Key("stderr_logfile", None),
    "stderr_logfile_maxbytes": Key("stderr_logfile_maxbytes", "50MB", size_text),
    "stderr_logfile_backups": Key("stderr_logfile_backups", 10),
}
# The same of supervisord itself; a path has no default here.
DAEMON = {
    "logfile": Key("logfile", None),
    "logfile_maxbytes": Key("logfile_maxbytes", "50MB", size_text),
    "logfile_backups": Key("logfile_backups", 10),
    "loglevel": Key("loglevel", "info", lambda level: _LEVELS.get(level, "info")),
    "pidfile": Key("pidfile", None),
    "minfds": Key("minfds", 1024),
}
# What a program must have for the inventory to hold it: the parser's name, and the values.
PLAIN: dict[str, tuple[object, ...]] = {
    "stdout_syslog": (False, None),
    "stderr_syslog": (False, None),
    "stdout_events_enabled": (False, None),
    "stderr_events_enabled": (False, None),
    "stdout_capture_maxbytes": (0, None),
    "stderr_capture_maxbytes": (0, None),
    "serverurl": (None, "AUTO"),
}


def read(reading: HostReading, into: Imported) -> None:
    """Add what the host's supervisord has."""
    parsed = reading.parsed
    if parsed is None:
        into.leave_out(SUPERVISORD, reading.supervisord.conf, f"it cannot be parsed: {reading.supervisord.problem}")
        return
    into.put(reading.supervisord.conf, "supervisor", "file")
    _read_daemon(reading, parsed, into)
    for group in parsed["groups"]:
        if _is_plain(group, reading.account.number):
            _read_program(group["processes"][0], parsed["daemon"]["environment"] or {}, into)
        else:
            _keep_sections(group, parsed, into)
    for note in _expanded(parsed):
        into.notes.append(note)


def _read_daemon(reading: HostReading, parsed: Parsed, into: Imported) -> None:
    folder = posixpath.dirname(reading.supervisord.conf)
    for name, key in DAEMON.items():
        value = key.read(parsed["daemon"][name])
        if name in ("logfile", "pidfile"):
            value = posixpath.normpath(posixpath.join(folder, value))
        if value != key.default:
            into.put(value, "supervisor", key.name)
    if parsed["daemon"]["environment"]:
        _put_environment(parsed["daemon"]["environment"], "supervisor", into)
    for server in parsed["servers"]:
        if server.get("file"):
            into.put(server["file"], "supervisor", "socket")


def _is_plain(group: Group, number: int) -> bool:
    """Whether the inventory can say all of it: a group of one process, of its own name."""
    first = group["processes"][0] if len(group["processes"]) == 1 else None
    if first is None or group["kind"] != "ProcessGroupConfig" or full_name(group, first) != group["name"]:
        return False
    logs = [first["stdout_logfile"], *([] if first["redirect_stderr"] else [first["stderr_logfile"]])]
    return (
        bool(_PROGRAM.fullmatch(group["name"]))
        and all(str(log).startswith("/") and not str(log).startswith("/dev/") for log in logs)
        and all(first.get(name) in values for name, values in PLAIN.items())
        and first["uid"] in (None, number)
        and group["priority"] == first["priority"]
    )


def _read_program(process: Process, shared: dict[str, str], into: Imported) -> None:
    """One program; supervisor's parser gives each the variables of supervisord, too."""
    name = process["name"]
    into.put(process["command"], "programs", name, "command")
    for attribute, key in PROGRAM.items():
        value = key.read(process[attribute])
        if value != key.default and not (attribute.startswith("stderr_") and process["redirect_stderr"]):
            into.put(value, "programs", name, key.name)
    if process["killasgroup"] != process["stopasgroup"]:
        into.put(process["killasgroup"], "programs", name, "killasgroup")
    own = {key: value for key, value in process["environment"].items() if shared.get(key) != value}
    _put_environment(own, "programs", into, name)


def _put_environment(variables: dict[str, str], table: str, into: Imported, name: str = "") -> None:
    """Variables; one that may be a secret becomes one, without its value."""
    place = [table, name] if name else [table]
    for variable, value in (variables or {}).items():
        if not is_secret_variable(variable):
            into.put(value, *place, "environment", variable)
        elif name:
            secret = re.sub(r"\W", "_", variable.lower())
            into.put(secret, *place, "environment_secrets", variable)
            into.put({"env": variable}, "secrets", secret)
            into.explained[SUPERVISORD, f"program {name}", f"environment.{variable}"] = ""
            advice = f"say where its value comes from: secrets.{secret} (docs/guide/secrets.md)"
            into.leave_out(SUPERVISORD, f"program {name}: the value of {variable}", advice)
        else:
            advice = "give it to the programs that need it, in environment_secrets"
            into.leave_out(SUPERVISORD, f"supervisord: the value of {variable}", advice)


def _keep_sections(group: Group, parsed: Parsed, into: Imported) -> None:
    """Keep the sections of a group as they are written, in a template."""
    sections = {name: dict(values) for name, values in parsed["sections"]}
    own = [name for name in sections if _is_of(name, group["name"])]
    members = [
        f"{kind}:{one.strip()}"
        for name in own
        for one in sections[name].get("programs", "").split(",")
        for kind in ("program", "fcgi-program")
    ]
    for name in [*own, *(one for one in members if one in sections)]:
        if any(is_secret_variable(word) for word in re.findall(r"(\w+)\s*=", sections[name].get("environment", ""))):
            into.leave_out(
                SUPERVISORD,
                f"[{name}]",
                "its environment has secrets: write it into a template with {{ secrets.NAME }}",
            )
            continue
        lines = [f"[{name}]", *(f"{key}={value}" for key, value in sections[name].items()), ""]
        into.add_lines(TEMPLATE, BLOCK, [part for line in lines for part in line.replace("\n", "\n ").split("\n")])


def _is_of(section: str, group: str) -> bool:
    kind, _, name = section.partition(":")
    return name.strip() == group and kind in ("group", "program", "fcgi-program", "eventlistener")


def _expanded(parsed: Parsed) -> Iterator[str]:
    """Where the file uses a variable, whose value now stands in the inventory."""
    for section, values in parsed["sections"]:
        for key, value in values:
            for variable in re.findall(r"%\(ENV_(\w+)\)s", value):
                yield f"[{section}] {key}: %(ENV_{variable})s is written out, as it is for the running supervisord"
