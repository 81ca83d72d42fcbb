"""Maintenance that is on: Apache shows its page while the file SWITCH exists; DETAILS says who, and why."""

import contextlib
import json
import os
import time

from ops.agent.maintenance_messages import MaintenanceState

SWITCH, DETAILS = "on", "details"  # the first is in Apache's files, too
LONGEST = 65_536  # characters of the details


def time_text(seconds: "int | None") -> str:
    """A time in the host's zone; "" for None."""
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(seconds))


def state_of(folder: str) -> "MaintenanceState | None":
    """The maintenance that is on; None if none is. Whoever made the file by hand has left no details."""
    if not folder or not os.path.isfile(os.path.join(folder, SWITCH)):
        return None
    found = MaintenanceState()
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, OverflowError):
        with open(os.path.join(folder, DETAILS), encoding="utf-8") as file:
            values = json.loads(file.read(LONGEST))
        since, until = int(values["since"]), values["until"]
        found = MaintenanceState(
            by=str(values["by"]),
            message=str(values["message"]),
            since=since,
            since_text=time_text(since),
            until=None if until is None else int(until),
            until_text=time_text(None if until is None else int(until)),
        )
    return found
