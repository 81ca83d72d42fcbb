"""The gate of a standby: its workers wait, with the app imported, until the first uWSGI accepts no more requests.

So no visitor is answered by the new version and then by the old one. The workers' hook reads a FIFO, which blocks
until somebody opens it for writing. Source: uWSGI's documentation, "Hooks" (accepting), "The Master FIFO" and "The
uWSGI cheaper subsystem"; fifo(7).
"""

import contextlib
import os
import time

from ops.agent.host_processes import processes
from ops.agent.step_failed import StepFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

GATE, COMMANDS = "standby.gate", "standby.fifo"  # in the state folder
WAITS = "cat"  # the process of a worker that waits
STOP_SECONDS, PAUSE = 1.0, 0.01  # for idle workers of the first uWSGI to stop


class Gate:
    """The gate of the standby that is started from a state folder."""

    def __init__(self, state_dir: str) -> None:
        self._gate, self.commands = os.path.join(state_dir, GATE), os.path.join(state_dir, COMMANDS)

    @property
    def hook(self) -> str:
        """What each worker does before it accepts requests. The first one, which validates, comes before the gate."""
        path = "'" + self._gate.replace("'", "'\\''") + "'"
        return f"exec:test ! -p {path} || {WAITS} {path}"

    def fill(self, workers: int, session: int, seconds: float, runs: "Callable[[], bool]") -> None:
        """Start so many workers of the standby, which leads that session. Raises StepFailed, or OSError."""
        self.remove()
        os.mkfifo(self._gate, 0o600)
        commands = os.open(self.commands, os.O_WRONLY | os.O_NONBLOCK)
        try:
            os.write(commands, b"+" * workers)
        finally:
            os.close(commands)
        end = time.monotonic() + seconds
        while sum(one.session == session and one.name == WAITS for one in processes()) < workers:
            if time.monotonic() > end or not runs():
                raise StepFailed("the workers of a second uWSGI do not start")
            time.sleep(5 * PAUSE)

    def open(self) -> None:
        """Let the workers accept requests; those that come later do not wait."""
        opened = f"{self._gate}.open"
        with contextlib.suppress(OSError):
            os.rename(self._gate, opened)
            os.close(os.open(opened, os.O_WRONLY | os.O_NONBLOCK))
        with contextlib.suppress(OSError):
            os.remove(opened)

    def remove(self) -> None:
        """Remove it, with workers before it or not."""
        with contextlib.suppress(OSError):
            os.remove(self._gate)


class OldWorkers:
    """The workers of the first uWSGI, as they are before its reload."""

    def __init__(self, master: int) -> None:
        self._threads = {one.pid: _threads(one.pid) for one in processes() if master and one.parent == master}

    def await_stop(self) -> None:
        """Wait until each has ended or given up its idle threads, or has had the time for that: then it is busy."""
        end = time.monotonic() + STOP_SECONDS
        while any(_threads(pid) >= count for pid, count in self._threads.items()) and time.monotonic() < end:
            time.sleep(PAUSE)


def _threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0
