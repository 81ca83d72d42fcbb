"""The common part of the requests for logs: which logs, and between which times."""

import time

from ops.agent.log_rotation import Log
from ops.agent.log_times import Clock
from ops.agent.time_zones import zones_of_programs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.log_output import Output

SUPERVISORD = "supervisord"  # writes the logs of programs that do not run now


def asked_logs(asked: "list[tuple[str, str]]", output: "Output") -> "list[Log]":
    """The logs, each as (path, writer), numbered from 1."""
    zones = zones_of_programs() if any(writer for _, writer in asked) else {}
    return [
        Log(number, path, zones.get(writer, zones.get(SUPERVISORD, "")) if writer else "", output)
        for number, (path, writer) in enumerate(asked, 1)
    ]


def moment(asked: "int | str | None", ahead: "float | None") -> "float | None":
    """Seconds since 1970: so many seconds ago, or at a time in text; `ahead` for a time that is yet to come."""
    if asked is None:
        return None
    if isinstance(asked, int):
        return time.time() - asked
    found = Clock().time_of(asked.encode())
    return ahead if found is None else found
