# log_zones.py: the time zone of a program's log. A part of supervise.py; ops/agent/time_zones.py is the agent's.
import os
import time

HOST = ""  # the host's own zone, as TZ would name it


def zone_of(pid):
    """The zone that process `pid` was started with; the host's where this account may not see it."""
    try:
        with open("/proc/%s/environ" % pid, "rb") as file:
            pairs = [entry.partition(b"=") for entry in file.read().split(b"\0")]
    except (IOError, OSError):
        return HOST
    return dict((name, value) for name, _, value in pairs).get(b"TZ", b"").decode("latin-1")


def use_zone(zone):
    """Have time.mktime take times for those of `zone`."""
    if os.environ.get("TZ", HOST) != zone:
        if zone:
            os.environ["TZ"] = zone
        else:
            os.environ.pop("TZ", None)
        time.tzset()
