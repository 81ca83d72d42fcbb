"""Why Apache failed, for the operator: the state of its service, and what it has written to its logs since.

Source: systemctl(1), whose status every account may read, the journal's last lines as far as it may.
"""

import os
import re

from ops.agent.apache_unit import unit_of
from ops.agent.processes import run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

WIDEST = 500  # bytes of a line: one of a log may be as long as its file
READ = 200_000  # bytes of the end of a log
LINES, LAST = 100, 6  # of a log: looked at, and shown
FOUND = 4  # lines that sound like an error, from before the last ones
ERROR = re.compile(rb"error|exception|fatal|unable", re.IGNORECASE)


def why(command: "list[str]", start: "list[str]", logs: "Iterable[str]", since: float) -> str:
    """The evidence after a `command` that began at `since`; if it names no unit, `start`, a restart, may."""
    parts = [_unit(unit_of(command) or unit_of(start))]
    for path in logs:
        try:
            # The kernel's time of a file goes by ticks, so what was written at once may be as old as the beginning.
            if os.stat(path).st_mtime >= since - 0.1:
                parts.append(end_of_log(path))
        except OSError:
            continue
    return "\n".join(part for part in parts if part)


def _unit(unit: str) -> str:
    if not unit:
        return ""
    words = ["systemctl", "status", "--no-pager", "--full", "--lines=20", "--", unit]
    lines = run(words).output.splitlines()
    return _text([f"== systemctl status {unit}".encode(), *lines])


def end_of_log(path: str) -> str:
    """The last lines of a log, and what sounds like an error before them. Raises OSError."""
    with open(path, "rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - READ))
        lines = file.read().splitlines()[-LINES:]
    errors = [line for line in lines[:-LAST] if ERROR.search(line[:WIDEST])][-FOUND:]
    title = f"== the end of {path}, after what sounds like an error before it".encode()
    return _text([title, *errors, *lines[-LAST:]])


def _text(lines: "list[bytes]") -> str:
    return "\n".join(line[:WIDEST].decode("utf-8", "replace") for line in lines)
