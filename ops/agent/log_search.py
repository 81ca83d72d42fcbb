"""Where to start reading a log file: its last entries, or those since a time."""

import collections

from ops.agent.alive import show_alive
from ops.agent.log_compressed import BLOCK
from ops.agent.log_entries import CHAINED, LONGEST_ENTRY, TRACEBACK, lines_of
from ops.agent.log_files import LONGEST, NEAR
from ops.agent.log_times import INDENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ops.agent.log_files import Block, LogFile
    from ops.agent.log_pattern import Wanted

DISORDER = 1000  # seconds that a line may come too late: requests are logged when they end


def go_to_last(file: "LogFile", count: int, wanted: "Wanted") -> int:
    """Go to the entry with the `count`th last line of those wanted, or to the first one; how many lines are missing.

    If there is none, go back a little: lines of the last entry may still come.
    """
    if not count:
        end = file.size()
        start = max(0, end - BLOCK)
        file.offset = start + file.read(start, end - start).rfind(b"\n") + 1
        return 0
    file.offset = 0 if file.is_compressed else _start_of_line(file, max(0, file.size() - NEAR))
    for place, lines in (
        _from_the_end_compressed(file, count, wanted) if file.is_compressed else _from_the_end(file, wanted)
    ):
        file.offset = place
        count -= lines
        if count <= 0:
            return 0
    return count


def go_to_time(file: "LogFile", since: float) -> bool:
    """Go to the first line of the time `since` or later; whether there is one."""
    low = _halved(file, lambda each: each < since - DISORDER)
    if low:
        low += file.read(low, LONGEST).find(b"\n") + 1
    for start, data, _, _ in file.blocks(low, last=True):
        for place, line in lines_of(data):
            if (file.time_of(line) or 0) >= since:
                file.offset = start + place
                return True
    return False


def _entries_of(file: "LogFile", blocks: "Iterable[Block]", wanted: "Wanted") -> "Iterator[tuple[int, int]]":
    """(place, number of lines) of each wanted entry."""
    place, count, is_asked, is_later = 0, 0, False, False
    for at, _, own, begins, matches in file.marked(blocks, wanted):
        if begins:
            if is_asked and not is_later:
                yield place, count
            place, count, is_asked, is_later = at, 0, False, wanted.is_later(own)
        count += 1
        is_asked = is_asked or matches
    if is_asked and not is_later:
        yield place, count


def _from_the_end(file: "LogFile", wanted: "Wanted") -> "Iterator[tuple[int, int]]":
    """(place, number of lines) of each wanted entry, the last one first."""
    end = _end_by(file, wanted.until)
    has_times = file.time_before(end) is not None
    step = BLOCK
    while end > 0:
        show_alive()
        size, step = step, min(2 * step, LONGEST)  # the further back, the fewer greps
        while True:
            start = max(0, end - size)
            data = file.read(start, end - start)
            cut = _first_head(data, file.time_of if has_times else None) if start else 0
            if cut or not start or size >= LONGEST:
                break
            size *= 2
        if start and not cut:
            cut = data.find(b"\n", 0, len(data) - 1) + 1
        if start and not cut:
            start = _start_of_line(file, start)
            data = file.read(start, LONGEST)
        end, data = start + cut, data[cut:]
        yield from reversed(list(_entries_of(file, [(end, data, 0, 0)], wanted)))


def _first_head(data: bytes, time_of: "Callable[[bytes], float | None] | None") -> int:
    """The place of the first line, after the first one, that certainly begins an entry; 0 if there is none.

    `time_of` is None for a log whose lines have no times.
    """
    before = b""
    for place, line in lines_of(data):
        if place and (time_of is None or time_of(line) is not None):
            if time_of and line[:1] in b"0123456789[":
                return place
            is_plain = line and not line.startswith((*INDENT, TRACEBACK, *CHAINED))
            if is_plain and before and not before.startswith(INDENT):
                return place
        before = line
    return 0


def _start_of_line(file: "LogFile", place: int) -> int:
    """The start of the line at `place`."""
    while place > 0:
        show_alive()
        start = max(0, place - BLOCK)
        cut = file.read(start, place - start).rfind(b"\n") + 1
        if cut:
            return start + cut
        place = start
    return 0


def _from_the_end_compressed(file: "LogFile", count: int, wanted: "Wanted") -> "Iterator[tuple[int, int]]":
    """The same for a compressed file, from the `count`th last line on: it cannot be read backwards."""
    start, lines = 0, 0
    if wanted.is_all():
        sizes: collections.deque[tuple[int, int]] = collections.deque()
        for offset, data, _, _ in file.blocks(0, last=True):
            sizes.append((offset, data.count(b"\n")))
            lines += sizes[-1][1]
            while lines - sizes[0][1] > count + LONGEST_ENTRY:
                lines -= sizes.popleft()[1]
        start, lines = sizes[0][0] if sizes else 0, 0
    recent: collections.deque[tuple[int, int]] = collections.deque()
    for found in _entries_of(file, file.blocks(start, last=True), wanted):
        recent.append(found)
        lines += found[1]
        while lines - recent[0][1] >= count:
            lines -= recent.popleft()[1]
    return reversed(recent)


def _halved(file: "LogFile", is_before: "Callable[[float], bool]") -> int:
    """A place before which no line is asked for, by the times that `is_before`."""
    low, high = 0, 0 if file.is_compressed else file.size()
    while high - low > NEAR:
        middle = (low + high) // 2
        lines = file.read(middle, NEAR).split(b"\n")[1:]
        times = (each for each in map(file.time_of, lines) if each is not None)
        first = next(times, None)
        if first is not None and is_before(first):
            low = middle
        else:
            high = middle
    return low


def _end_by(file: "LogFile", until: "float | None") -> int:
    """The end of what may be of the time `until` or earlier."""
    size = file.size()
    if until is None:
        return size
    low = _halved(file, lambda each: each <= until + DISORDER)
    for _, _, end, _ in file.blocks(_start_of_line(file, low)):
        if end > low + 2 * NEAR:
            return end
    return size
