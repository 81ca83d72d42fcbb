# log_zones.py: the time zone of a program's log. A part of log_reader.py and supervise.py; ops/agent/time_zones.py is the agent's.
import os
import time

HOST = ""  # the host's own zone, as TZ would name it


def variables_of(pid):
    """The environment that process `pid` was started with; empty where this account may not see it."""
    try:
        with open("/proc/%s/environ" % pid, "rb") as file:
            pairs = [entry.partition(b"=") for entry in file.read().split(b"\0")]
    except (IOError, OSError):
        return {}
    return dict((name, value) for name, _, value in pairs)


def zone_of(pid):
    """The zone of process `pid`."""
    return variables_of(pid).get(b"TZ", b"").decode("latin-1")


def zones_of_programs():
    """Name of each of supervisord's programs that run to its zone; under "supervisord" that of supervisord itself."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        variables = variables_of(pid)
        name = variables.get(b"SUPERVISOR_PROCESS_NAME", b"").decode("latin-1")
        if name:
            found[name] = variables.get(b"TZ", b"").decode("latin-1")
            parent = parent_of(pid)
            if b"SUPERVISOR_PROCESS_NAME" not in variables_of(parent):  # else one that the program has started
                found["supervisord"] = zone_of(parent)
    return found


def parent_of(pid):
    try:
        with open("/proc/%s/stat" % pid, "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (IOError, OSError):
        return 0


def use_zone(zone):
    """Have time.mktime take times for those of `zone`."""
    if os.environ.get("TZ", HOST) != zone:
        if zone:
            os.environ["TZ"] = zone
        else:
            os.environ.pop("TZ", None)
        time.tzset()
