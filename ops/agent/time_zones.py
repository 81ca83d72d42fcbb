"""The time zone of another process, whose log has times without one."""

import os
import time


def zone_of(pid: int) -> str:
    """The variable TZ that process `pid` was started with; "", the host's own zone, if that is unknown."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            entries = file.read().split(b"\0")
    except OSError:
        return ""
    return next((entry[3:].decode("latin-1") for entry in entries if entry.startswith(b"TZ=")), "")


def use_zone(zone: str) -> None:
    """Let time.mktime read times as those of `zone`."""
    if os.environ.get("TZ", "") != zone:
        if zone:
            os.environ["TZ"] = zone
        else:
            os.environ.pop("TZ", None)
        time.tzset()
