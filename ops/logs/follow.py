"""The logs of several hosts in the order of time; a lost host is tried again, and its log continues."""

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
MAX_WAIT = 3.0  # seconds that a new line waits for the old lines of a slow host
WAITING = 2000  # lines of a host that may wait to be shown; then the host has to wait
FIRST, MOST = 1.0, 30.0  # seconds before a lost host is tried again: the first time, doubled up to the most
CLOSE_SECONDS = 2.0  # seconds for the readers on the hosts to end
Item = LogLine | Remark | OperatorError


class InOrder:
    """Puts the lines of several hosts into the order of time.

    Old lines wait until all hosts have sent theirs up to that time, but at most `max_wait` seconds; new lines wait
    `window` seconds. The lines of one entry stay together, also among lines of the same time.
    """

    def __init__(self, hosts: list[str], window: float, max_wait: float) -> None:
        self._reached = dict.fromkeys(hosts, -math.inf)  # per host, the time of its last old line
        self._lines: list[tuple[float, int, int, LogLine]] = []  # (time, number of the entry, number, line)
        self._entries: dict[tuple[str, str], int] = {}  # per log, the number of its last entry
        self._arrived: deque[tuple[float, int]] = deque()
        self._shown: set[int] = set()
        self._count = 0
        self._window, self._max_wait = window, max_wait

    def add(self, line: LogLine, now: float) -> None:
        """Add a line that arrived at `now`, in seconds of any clock."""
        log = (line.host, line.label)
        entry = self._entries.get(log, self._count) if line.continues else self._count
        self._entries[log] = entry
        heapq.heappush(self._lines, (line.time, entry, self._count, line))
        self._arrived.append((now, self._count))
        self._count += 1
        if self._reached[line.host] < math.inf:
            self._reached[line.host] = max(self._reached[line.host], line.time)

    def is_live(self, host: str) -> None:
        """Stop waiting for old lines of `host`."""
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
            if not (is_late and self._is_due(self._lines[0][3], reached, is_full)) and waited < self._max_wait:
                return
            _, _, number, line = heapq.heappop(self._lines)
            self._shown.add(number)
            if not self._lines:
                self._arrived.clear()
                self._shown.clear()
            yield line

    def _is_due(self, line: LogLine, reached: list[float], is_full: bool) -> bool:
        """Whether no earlier line can arrive; unless `is_full`, also no line of the same time from another host."""
        if line.time > reached[0]:
            return False
        own = self._reached[line.host]
        others = reached[1] if own == reached[0] else reached[0]
        return is_full or line.time < others

    def __len__(self) -> int:
        return len(self._lines)


class Following:
    """The logs of several hosts; while entered, iterate for lines, remarks and the final errors of hosts.

    The iteration ends when no host is left: all were read or, with `forever`, none could be read. A followed host
    that is lost is tried again without end. Each host has a daemon thread: the iterating thread can be interrupted
    at any time, and leaving ends the readers on the hosts.
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
        self._items: queue.Queue[tuple[str, Item | Live | None]] = queue.Queue()  # lines are bounded by `_room`
        self._room = {source.host.name: Semaphore(WAITING) for source in sources}
        self._threads = [Thread(target=self._follow, args=[source], daemon=True) for source in sources]

    def __enter__(self) -> "Following":
        for thread in self._threads:
            thread.start()
        return self

    def __iter__(self) -> Iterator[Item]:
        window, max_wait = (WINDOW, MAX_WAIT) if self._forever else (0.0, math.inf)
        lines = InOrder(list(self._room), window, max_wait)
        left = len(self._threads)
        while left:
            with contextlib.suppress(queue.Empty):
                host, item = self._items.get(timeout=WINDOW / 4 if len(lines) else None)
                if isinstance(item, LogLine):
                    lines.add(item, time.monotonic())
                elif isinstance(item, Remark | OperatorError):
                    yield item
                else:
                    left -= item is None
                    lines.is_live(host)
            yield from self._with_room(lines.due(time.monotonic()))
        yield from self._with_room(lines.due(math.inf))

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for remote in list(self._remotes.values()):
            with contextlib.suppress(OSError, EOFError):
                remote.connection.close()
        end = time.monotonic() + CLOSE_SECONDS
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
                    for item in self._read(source):
                        wait = FIRST if isinstance(item, Live) else wait
                        self._put(name, item)
                    return
                except OperatorError as error:
                    if isinstance(error, BadInput) or not (self._forever and source.begun):
                        self._items.put((name, error))
                        return
                    message = error.message if isinstance(error, HostError) else str(error)
                    self._put(name, Remark(name, f"{message}. Retrying in {wait:.0f} s."))
                    self._put(name, Live(name))  # the other hosts do not wait for it
                self._over.wait(wait)
                wait = min(2 * wait, MOST)
        finally:
            self._items.put((name, None))

    def _read(self, source: HostLogs) -> Iterator[LogLine | Remark | Live]:
        name, last = source.host.name, self._remotes.get(source.host.name)
        if last:
            jump_hosts.drop_broken(last.connection)
        with self._connect(source.host) as remote:
            self._remotes[name] = remote
            if source.begun:
                yield Remark(name, "connected again; the lines written since follow.")
            if not self._over.is_set():
                yield from source.read(remote)

    def _put(self, name: str, item: LogLine | Remark | Live) -> None:
        """Queue it; a line waits until there is room."""
        while isinstance(item, LogLine) and not self._room[name].acquire(timeout=WINDOW):
            if self._over.is_set():
                return
        self._items.put((name, item))
