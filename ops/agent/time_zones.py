"""The time zones of other processes, whose logs have times without one."""

import os
import time

NAME, GROUP = b"SUPERVISOR_PROCESS_NAME", b"SUPERVISOR_GROUP_NAME"  # supervisord sets them for each of its programs


def zone_of(pid: int) -> str:
    """The variable TZ that process `pid` was started with; "", the host's own zone, if that is unknown."""
    return _variables_of(pid).get(b"TZ", b"").decode("latin-1")


def zones_of_programs() -> "dict[str, str]":
    """The zone of each program of supervisord that runs, by full name; "supervisord": that of supervisord itself."""
    found = {}
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        variables = _variables_of(pid)
        name = variables.get(NAME, b"").decode("latin-1")
        if name:
            group = variables.get(GROUP, variables[NAME]).decode("latin-1")
            found[name if group == name else f"{group}:{name}"] = variables.get(b"TZ", b"").decode("latin-1")
            parent = _parent_of(pid)
            if NAME not in _variables_of(parent):  # else the program has started it
                found["supervisord"] = zone_of(parent)
    return found


def use_zone(zone: str) -> None:
    """Let time.mktime read times as those of `zone`."""
    if os.environ.get("TZ", "") != zone:
        if zone:
            os.environ["TZ"] = zone
        else:
            os.environ.pop("TZ", None)
        time.tzset()


def _variables_of(pid: int) -> "dict[bytes, bytes]":
    """The environment that process `pid` was started with; empty if this account may not see it."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            entries = [entry.partition(b"=") for entry in file.read().split(b"\0")]
    except OSError:
        return {}
    return {name: value for name, _, value in reversed(entries)}


def _parent_of(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0
