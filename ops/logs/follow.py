"""The logs of several hosts in one order of time; a host that is lost is tried again and gone on with."""

import contextlib
import heapq
import math
import queue
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from threading import Event, Semaphore, Thread

from ops.errors import BadInput, HostError, OperatorError
from ops.logs.stream import HostLogs, Live, LogLine, Remark
from ops.schema import Host
from ops.ssh import jump_hosts
from ops.ssh.session import Remote

WINDOW = 0.4  # seconds that a new line waits for earlier ones of other logs
PATIENCE = 3.0  # seconds that it waits for the old lines of a host that is slow
WAITING = 2000  # lines of a host that may wait to be shown; beyond, the host waits
FIRST, MOST = 1.0, 30.0  # seconds before a lost host is tried again, twice as many each time
FAREWELL = 2.0  # seconds that the hosts get to be told that nobody reads any more
Told = LogLine | Remark | OperatorError


class InOrder:
    """Lines of several hosts put in the order of time.

    Lines of a host's past are held until all hosts have come so far; new ones, or where a host takes too long
    (`patience`), for a while only. What continues an entry stays with it, among lines of the same time too.
    """

    def __init__(self, hosts: list[str], window: float, patience: float) -> None:
        self._reached = dict.fromkeys(hosts, -math.inf)  # the time of the last line of each one's past
        self._lines: list[tuple[float, int, int, LogLine]] = []  # with the numbers of their entry and their own
        self._entries: dict[tuple[str, str], int] = {}  # of each log the last one
        self._arrived: deque[tuple[float, int]] = deque()
        self._shown: set[int] = set()
        self._count = 0
        self._window, self._patience = window, patience

    def add(self, line: LogLine, now: float) -> None:
        """Take a line in that arrived at `now`, in seconds of any clock."""
        log = (line.host, line.label)
        entry = self._entries.get(log, self._count) if line.continues else self._count
        self._entries[log] = entry
        heapq.heappush(self._lines, (line.time, entry, self._count, line))
        self._arrived.append((now, self._count))
        self._count += 1
        if self._reached[line.host] < math.inf:
            self._reached[line.host] = max(self._reached[line.host], line.time)

    def is_live(self, host: str) -> None:
        """Wait no more for old lines of `host`."""
        self._reached[host] = math.inf

    def due(self, now: float) -> Iterator[LogLine]:
        """The lines that have waited long enough at `now`."""
        reached = sorted([*self._reached.values(), math.inf, math.inf])[:2]
        while self._lines:
            while self._arrived[0][1] in self._shown:
                self._shown.discard(self._arrived.popleft()[1])
            waited = now - self._arrived[0][0]
            is_full = len(self._lines) >= WAITING
            is_late = waited >= self._window or is_full
            if not (is_late and self._is_due(self._lines[0][3], reached, is_full)) and waited < self._patience:
                return
            _, _, number, line = heapq.heappop(self._lines)
            self._shown.add(number)
            if not self._lines:
                self._arrived.clear()
                self._shown.clear()
            yield line

    def _is_due(self, line: LogLine, reached: list[float], is_full: bool) -> bool:
        """Whether no earlier line can come, nor, unless it `is_full`, one of its own time before all of its entry."""
        if line.time > reached[0]:
            return False
        own = self._reached[line.host]
        others = reached[1] if own == reached[0] else reached[0]
        return is_full or line.time < others

    def __len__(self) -> int:
        return len(self._lines)


class Following:
    """The logs of several hosts; while entered, iterate for lines, remarks and the errors that hosts end in.

    It ends when no host is left: all were read, or, with `forever`, none could be. A host that was followed and is
    lost is tried again until somebody ends it. A thread for each host, none of which keeps the process alive: the one
    that iterates can be interrupted at any time, and leaving ends what runs on the hosts.
    """

    def __init__(
        self,
        sources: list[HostLogs],
        connect: Callable[[Host], AbstractContextManager[Remote]],
        *,
        forever: bool,
    ) -> None:
        self._connect = connect
        self._forever = forever
        self._remotes: dict[str, Remote] = {}
        self._over = Event()
        self._told: queue.Queue[tuple[str, Told | Live | None]] = queue.Queue()  # lines are bounded by `_room`
        self._room = {source.host.name: Semaphore(WAITING) for source in sources}
        self._threads = [Thread(target=self._follow, args=[source], daemon=True) for source in sources]

    def __enter__(self) -> "Following":
        for thread in self._threads:
            thread.start()
        return self

    def __iter__(self) -> Iterator[Told]:
        window, patience = (WINDOW, PATIENCE) if self._forever else (0.0, math.inf)
        lines = InOrder(list(self._room), window, patience)
        left = len(self._threads)
        while left:
            with contextlib.suppress(queue.Empty):
                host, told = self._told.get(timeout=WINDOW / 4 if len(lines) else None)
                if isinstance(told, LogLine):
                    lines.add(told, time.monotonic())
                elif isinstance(told, Remark | OperatorError):
                    yield told
                else:
                    left -= told is None
                    lines.is_live(host)
            yield from self._with_room(lines.due(time.monotonic()))
        yield from self._with_room(lines.due(math.inf))

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for remote in list(self._remotes.values()):
            with contextlib.suppress(OSError, EOFError):
                remote.connection.close()
        end = time.monotonic() + FAREWELL
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _with_room(self, lines: Iterator[LogLine]) -> Iterator[LogLine]:
        for line in lines:
            self._room[line.host].release()
            yield line

    def _follow(self, source: HostLogs) -> None:
        name, wait = source.host.name, FIRST
        try:
            while not self._over.is_set():
                try:
                    for told in self._read(source):
                        wait = FIRST if isinstance(told, Live) else wait
                        self._tell(name, told)
                    return
                except OperatorError as error:
                    if isinstance(error, BadInput) or not (self._forever and source.begun):
                        self._told.put((name, error))
                        return
                    message = error.message if isinstance(error, HostError) else str(error)
                    self._tell(name, Remark(name, f"{message}. It is tried again in {wait:.0f} s."))
                    self._tell(name, Live(name))  # the other hosts do not wait for it
                self._over.wait(wait)
                wait = min(2 * wait, MOST)
        finally:
            self._told.put((name, None))

    def _read(self, source: HostLogs) -> Iterator[LogLine | Remark | Live]:
        name, last = source.host.name, self._remotes.get(source.host.name)
        if last:
            jump_hosts.try_again(last.connection)
        with self._connect(source.host) as remote:
            self._remotes[name] = remote
            if source.begun:
                yield Remark(name, "connected again; what was written meanwhile follows.")
            if not self._over.is_set():
                yield from source.read(remote)

    def _tell(self, name: str, told: LogLine | Remark | Live) -> None:
        """Say it once there is room."""
        while isinstance(told, LogLine) and not self._room[name].acquire(timeout=WINDOW):
            if self._over.is_set():
                return
        self._told.put((name, told))
