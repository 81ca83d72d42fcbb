"""The settings of a supervisord as its own parser read them (`ops/agent/supervisord_reading.py`).

What has no effect is left out: the log of errors that are merged, sizes of a log that is not written, the account's
own name as the user, and what poms-ops writes before a command to keep variables from uWSGI.
"""

import shlex
import signal
from collections.abc import Iterator
from typing import Any, TypedDict

from ops.formats.supervisor import WITHOUT_UWSGI_VARIABLES
from ops.importing.settings import SUPERVISORD, Setting

Process = dict[str, Any]  # by the parser's own names


class Group(TypedDict):
    """A group of processes; most have one, of the group's name."""

    kind: str
    name: str
    priority: int
    processes: list[Process]
    buffer_size: int | None
    result_handler: str | None
    events: list[str]
    socket: str
    socket_mode: int | None
    socket_owner: list[int] | None
    socket_backlog: int | None


class Parsed(TypedDict):
    """supervisord's file as its parser sees it; `sections` as they are written, with included ones."""

    daemon: dict[str, Any]
    servers: list[dict[str, Any]]
    interfaces: list[tuple[str, str, dict[str, Any]]]
    groups: list[Group]
    sections: list[tuple[str, list[tuple[str, str]]]]
    warnings: list[str]
    files: list[str]


_SIZES = ("logfile_maxbytes", "logfile_backups")
_OCTAL = ("chmod", "umask", "socket_mode")
ORDINARY = "ProcessGroupConfig"
_NEVER = (None, "", "NONE")


def settings_of(parsed: Parsed, account: str, number: int) -> list[Setting]:
    """All settings; `account` and `number` are the account's name and its user id."""
    found = [
        *_table("supervisord", {key: one for key, one in parsed["daemon"].items() if one != account or key != "user"})
    ]
    for server in parsed["servers"]:
        place = "control socket" if server.get("file") else f"control port {server.get('port')}"
        found += _table(place, {key: one for key, one in server.items() if key not in ("section", "family", "name")})
    for name, factory, values in parsed["interfaces"]:
        found += _table(f"rpcinterface {name}", {"factory": factory, **values})
    for group in parsed["groups"]:
        is_ordinary = group["kind"] == ORDINARY
        for process in group["processes"]:
            own = effective(process, number)
            if not is_ordinary:  # of these, the group's counts
                del own["priority"]
            found += _table(f"program {full_name(group, process)}", own)
        if not is_ordinary or len(group["processes"]) > 1:
            own = {key: one for key, one in group.items() if key not in ("processes", "name")}
            found += _table(f"group {group['name']}", own)
    return found


def full_name(group: Group, process: Process) -> str:
    """A process's name as supervisord prints it."""
    return process["name"] if process["name"] == group["name"] else f"{group['name']}:{process['name']}"


def effective(process: Process, number: int) -> Process:
    """The settings of a process that have an effect, in the words of the file."""
    found = {key: one for key, one in process.items() if key != "name"}
    found["command"] = command_of(process)
    found["stopsignal"] = signal_name(process["stopsignal"])
    found["exitcodes"] = sorted(process["exitcodes"])
    if process["uid"] == number:
        found["uid"] = None
    if str(process.get("serverurl")).upper() == "AUTO":
        found["serverurl"] = None
    for stream in ("stdout", "stderr"):
        merged = stream == "stderr" and process["redirect_stderr"]
        gone = merged or found[f"{stream}_logfile"] in _NEVER
        for key in [key for key in found if key.startswith(f"{stream}_") and gone]:
            if merged or key.removeprefix(f"{stream}_") in _SIZES:
                del found[key]
    return found


def command_of(process: Process) -> str:
    """The command without what poms-ops writes before it, its words in one spelling."""
    text = str(process["command"]).removeprefix(WITHOUT_UWSGI_VARIABLES)
    try:
        return shlex.join(shlex.split(text))
    except ValueError:
        return text


def signal_name(number: object) -> str:
    """A signal in the words of the file."""
    return signal.Signals(number).name.removeprefix("SIG") if isinstance(number, int) else str(number)


def _table(place: str, values: dict[str, Any]) -> Iterator[Setting]:
    for key, value in values.items():
        if isinstance(value, dict):
            yield from (Setting(SUPERVISORD, place, f"{key}.{name}", _text(one)) for name, one in value.items())
        elif value is not None:
            yield Setting(SUPERVISORD, place, key, f"{value:04o}" if key in _OCTAL else _text(value))


def _text(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
