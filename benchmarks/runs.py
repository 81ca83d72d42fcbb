"""One run of a command from cold to its end: how long, how much CPU and memory its whole process tree took."""

import contextlib
import ctypes
import os
import resource
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

PROC = Path("/proc")
LIMIT = 900.0  # seconds until a run is given up
REST = 0.3  # seconds for the machine and its hosts to end what the run before has left to do
PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Run:
    """One run: seconds on the clock and of CPU (user and system), peak memory in bytes where it was looked at.

    The memory is what the processes hold together, a page that several share being counted once (PSS).
    """

    seconds: float
    cpu: float
    memory: int | None
    output: str
    code: int


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path, *, look_at_memory: bool) -> Run:
    """Run the command in `folder`, then end what it left running (SSH masters), so that the next one starts cold."""
    _adopt_orphans()
    others = set(_children(os.getpid()))
    time.sleep(REST)
    before, begun = _cpu_of_children(), time.monotonic()
    with (folder / "output").open("w+", errors="replace") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        memory = None
        try:
            with _watched(process.pid) if look_at_memory else contextlib.nullcontext() as memory:
                _wait_for(process.pid)
        finally:
            seconds = time.monotonic() - begun
            _end_all_but(others, process)
        code = process.wait()
        output.seek(0)
        said = output.read()
    return Run(seconds, _cpu_of_children() - before, memory[0] if memory else None, said, code)


def _wait_for(pid: int) -> None:
    """Return the moment it ends, or after LIMIT; subprocess looks only every 50 ms."""
    handle = os.pidfd_open(pid)
    try:
        select.select([handle], [], [], LIMIT)
    finally:
        os.close(handle)


def _adopt_orphans() -> None:
    """Become the parent of what a command leaves running, so that its CPU is counted and it can be ended."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _end_all_but(others: set[int], process: subprocess.Popen[bytes]) -> None:
    while left := set(_children(os.getpid())) - others:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            if pid == process.pid:
                process.wait()
            else:
                os.waitpid(pid, 0)


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[list[int]]:
    """The peak so far of the memory of `pid` and what descends from it, looked at from a thread."""
    peak, over = [0], Event()

    def watch() -> None:
        pause = 0.0
        while not over.wait(pause):
            begun = time.monotonic()
            peak[0] = max(peak[0], sum(map(_memory, _tree(pid))))
            pause = max(0.02, 9 * (time.monotonic() - begun))  # a tenth of one core at the most

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()


def _tree(pid: int) -> Iterator[int]:
    yield pid
    for child in _children(pid):
        yield from _tree(child)


def _children(pid: int) -> list[int]:
    """The children of all threads of the process; none where it is gone."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in (PROC / str(pid) / "task").iterdir():
            with contextlib.suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def _memory(pid: int) -> int:
    """The process's proportional set size in bytes; 0 where it is gone."""
    with contextlib.suppress(OSError):
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0
