"""The end of standbys (standbys.py): they accept no new request, and finish those in progress."""

import contextlib
import glob
import os
import signal
import time

from ops.agent.host_processes import is_process, processes, read_bytes
from ops.agent.service_messages import Note
from ops.agent.standbys import Record, record_paths, requests_of
from ops.agent.step_failed import StepFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.narration import Tell

RESTART_MERCY = 30  # seconds for a standby's requests before the program is stopped or started
IDLE_SECONDS, KILLED_SECONDS, PAUSE = 5.0, 10.0, 0.2
LEAVE, SPARE, KILL = "leave", "spare", "kill"
BEGUN_WITH = (
    "standby.ini",
    "standby.sock",
    "standby.keeper",
    "standby.fifo",
    "standby.gate",
)  # it needs them only to begin, and for its first request


def end_standbys(state_dir: str, seconds: float, then: str, tell: "Tell") -> None:
    """End every standby; each may take so many seconds for its requests.

    `then`: LEAVE or SPARE (without a Note) if it may go on after that, until its keeper ends it; KILL if its socket
    is needed: raises StepFailed if it cannot be ended.
    """
    _end_older(state_dir)
    for path in record_paths(state_dir):
        record = Record(path)
        if record.runs:
            _tell_to_end(record)
            if not _has_ended(record, seconds) and not _end_idle(record):
                _leave_or_kill(record, then, tell)
        if not Record(path).runs:
            _remove(path, *glob.glob(f"{glob.escape(path)}.*"))
    _remove(*(os.path.join(state_dir, name) for name in BEGUN_WITH))


def _tell_to_end(record: Record) -> None:
    if not is_process(record.keeper, record.keeper_start):
        _kill(record.master, signal.SIGTERM)
    elif not os.path.exists(f"{record.path}.end"):  # else it was told before
        _kill(record.keeper, signal.SIGTERM)


def _has_ended(record: Record, seconds: float) -> bool:
    """Whether it ends within so many seconds."""
    end = time.monotonic() + seconds
    while is_process(record.keeper, record.keeper_start) or is_process(record.master, record.master_start):
        if time.monotonic() >= end:
            return False
        time.sleep(PAUSE)
    return True


def _end_idle(record: Record) -> bool:
    """Whether one without requests ends.

    It hangs if it does not, in the import of its app for example: killing it loses nothing.
    """
    if requests_of(record.keeper):
        return False
    return _has_ended(record, IDLE_SECONDS) or (not requests_of(record.keeper) and _kill_session(record))


def _leave_or_kill(record: Record, then: str, tell: "Tell") -> None:
    count = requests_of(record.keeper)
    standby = f"the standby of a reload, process {record.master},"
    requests = f"{count} request{'' if count == 1 else 's'} in progress"
    if then == LEAVE:
        tell(Note(text=f"{standby} still has {requests}; it ends by itself within {record.seconds_left} s"))
    elif then == KILL:
        if not _kill_session(record):
            raise StepFailed(f"{standby} could not be ended")
        tell(Note(text=f"{standby} was ended; lost: {requests}"))


def _kill_session(record: Record) -> bool:
    """Kill its processes; whether they have ended, its workers too, which hold its sockets."""
    with contextlib.suppress(OSError):
        os.killpg(record.keeper, signal.SIGKILL)
    if not _has_ended(record, KILLED_SECONDS):
        return False
    end = time.monotonic() + KILLED_SECONDS
    while any(found.session == record.keeper for found in processes()):
        if time.monotonic() >= end:
            return False
        time.sleep(PAUSE)
    return True


def _end_older(state_dir: str) -> None:
    """End the one of an earlier version, which recorded no start time."""
    beside = os.path.join(state_dir, "beside.")
    pid = read_bytes(f"{beside}pid").strip()
    if pid.isdigit() and os.fsencode(f"{beside}ini") in read_bytes(f"/proc/{int(pid)}/cmdline"):
        _kill(int(pid), signal.SIGTERM)
    _remove(*glob.glob(f"{glob.escape(beside)}*"))


def _kill(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def _remove(*paths: str) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            os.remove(path)
