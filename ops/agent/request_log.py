"""What uWSGI's log says of the requests: how they were answered, how long they took, how large the workers are."""

import os
import re
from math import log

from ops.agent.uwsgi_log_times import TIMES, seconds_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    Sizes = dict[int, list[tuple[float, float]]]  # process id to (seconds since 1970, bytes)

BLOCK, MOST = 1 << 20, 8 << 20  # bytes that are read at once, and at most
LINE = 4000  # characters of a line's end that are looked at
MEGABYTE = 1 << 20
DIGITS = 18
STEP = 1.06  # between two times that are counted apart
# uWSGI's own lines about a request that was lost (core/master.c and core/master_utils.c of 2.0.31): a worker that
# died or was killed, as one is whose request takes too long; a connection that was refused.
LOST = re.compile(
    r"(?:\w{3} \w{3} [ \d]\d [\d:]{8} \d{4} - )?"
    r"(?:DAMN ! worker \d+ \(pid: \d+\) |\*\*\* uWSGI listen queue of socket .* full !!!)"
)


class Request:
    """A request that was answered: its `time` in seconds since 1970, its status, milliseconds, process and its bytes.

    What the line does not tell is None, or 0.
    """

    def __init__(
        self, time: "float | None", status: str, milliseconds: "float | None", pid: int = 0, size: int = 0
    ) -> None:
        self.time = time
        self.status = status
        self.milliseconds = milliseconds
        self.pid = pid
        self.size = size


class Lost:
    """A request that was refused, or that ended with its worker."""


class Traffic:
    """The requests of some time: how many, and how many of them with a server error.

    `timed`: of how many the time is known that they took. `lost`: workers that died, and times that the listen queue
    was full. `begun`: the first time, None if unknown.
    """

    def __init__(self) -> None:
        self.requests = self.errors = self.lost = self.timed = 0
        self.begun: float | None = None
        self._times: dict[int, int] = {}  # power of STEP, in milliseconds, to how many took so long

    def add(self, request: "Request | Lost") -> None:
        """Add a request."""
        if isinstance(request, Lost):
            self.lost += 1
            return
        self.requests += 1
        self.errors += request.status[0] == "5"
        if request.milliseconds is not None:
            power = int(log(max(1.0, request.milliseconds), STEP))
            self._times[power] = self._times.get(power, 0) + 1
            self.timed += 1
        if request.time is not None:
            self.begun = request.time if self.begun is None else min(self.begun, request.time)

    def slowest_tenth(self) -> "float | None":
        """The milliseconds that a tenth of the requests took at least, to 3 percent; None without requests."""
        faster = self.timed * 9 // 10
        for power in sorted(self._times):
            faster -= self._times[power]
            if faster < 0:
                return float(STEP ** (power + 0.5))
        return None


class RequestLog:
    """The log at `path`; `patterns` find the parts of a line (ops/formats/uwsgi_log.py)."""

    def __init__(self, path: str, patterns: "dict[str, str]") -> None:
        self._path = path
        self._patterns = {name: re.compile(text) for name, text in patterns.items()}
        self._time = next((name for name in TIMES if name in patterns), "")
        self._inode, self._offset, self._rest = 0, 0, ""

    def read_last(self, since: float) -> "tuple[Traffic, Sizes]":
        """What it has from the time `since` on, as far back as MOST bytes; one without times: of its last BLOCK.

        Its last rotated file belongs to it. Also how large the processes were. Raises OSError.
        """
        found: list[Request | Lost] = []
        left, is_over = MOST if self._time else BLOCK, False
        for path in (self._path, f"{self._path}.1"):
            if is_over or left <= 0 or (path != self._path and not os.path.exists(path)):
                break
            for lines in _backwards(path, left):
                left -= BLOCK
                for line in reversed(lines):
                    request = self._read(line)
                    is_over = is_over or (isinstance(request, Request) and (request.time or since) < since)
                    if request and not is_over:
                        found.append(request)
                if is_over:
                    break
        traffic = Traffic()
        sizes: Sizes = {}
        for request in reversed(found):
            traffic.add(request)
            if isinstance(request, Request) and request.time is not None and request.size:
                sizes.setdefault(request.pid, []).append((request.time, request.size))
        return traffic, sizes

    def go_to_end(self) -> None:
        """What is written from now on is new. Raises OSError."""
        state = os.stat(self._path)
        self._inode, self._offset, self._rest = state.st_ino, state.st_size, ""

    def take_new(self, *traffics: Traffic) -> None:
        """Add what is new to each of them; a rotation is followed, to the file LOG.1. Raises OSError."""
        for line in self._new_lines():
            request = self._read(line)
            if request:
                for traffic in traffics:
                    traffic.add(request)

    def _new_lines(self) -> "Iterator[str]":
        state = os.stat(self._path)
        if state.st_ino != self._inode:
            old = f"{self._path}.1"
            if os.path.exists(old) and os.stat(old).st_ino == self._inode:
                yield from self._lines_from(old)
            self._inode, self._offset, self._rest = state.st_ino, 0, ""
        elif state.st_size < self._offset:  # it was emptied
            self._offset, self._rest = 0, ""
        yield from self._lines_from(self._path)

    def _lines_from(self, path: str) -> "Iterator[str]":
        with open(path, "rb") as file:
            file.seek(max(self._offset, os.fstat(file.fileno()).st_size - MOST))
            text = self._rest + file.read(MOST).decode("utf-8", "replace")
            self._offset = file.tell()
        *lines, self._rest = text.split("\n")
        self._rest = self._rest[-LINE:]
        yield from lines

    def _part(self, name: str, line: str) -> str:
        """The last one: what a client writes into its request stands before it, or is not what uWSGI writes."""
        pattern = self._patterns.get(name)
        found = pattern.findall(line[-LINE:]) if pattern else []
        return str(found[-1]) if found else ""

    def _time_of(self, line: str) -> "float | None":
        text = self._part(self._time, line)
        try:
            return seconds_of(self._time, text) if text else None
        except (ValueError, OverflowError):
            return None

    def _read(self, line: str) -> "Request | Lost | None":
        """A request, or that one was lost; None for another line."""
        if LOST.match(line):
            return Lost()
        status = self._part("status", line)
        if not status:
            return None
        milliseconds = None
        for name, unit in (("msecs", 1.0), ("micros", 0.001), ("secs", 1000.0)):
            number = self._number(name, line)
            if number is not None:
                milliseconds = number * unit
                break
        size = self._number("vsz", line) or (self._number("vszM", line) or 0) * MEGABYTE
        return Request(self._time_of(line), status, milliseconds, self._number("pid", line) or 0, size)

    def _number(self, name: str, line: str) -> "int | None":
        """A part that is a number; None without one, and for one that is none of uWSGI's."""
        text = self._part(name, line)
        return int(text) if 0 < len(text) <= DIGITS else None


def _backwards(path: str, most: int) -> "Iterator[list[str]]":
    """The lines of a file in blocks, the last block first. Raises OSError."""
    with open(path, "rb") as file:
        end = file.seek(0, os.SEEK_END)
        rest = b""
        stop = max(0, end - most)
        while end > stop:
            start = max(stop, end - BLOCK)
            file.seek(start)
            first, newline, text = (file.read(end - start) + rest).partition(b"\n")
            if start == 0:
                yield (first + newline + text).decode("utf-8", "replace").split("\n")
            else:
                rest = first + newline
                yield text.decode("utf-8", "replace").split("\n")
            end = start
