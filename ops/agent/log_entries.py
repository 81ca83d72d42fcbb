"""The entries of a log: lines that belong together, and which of them are shown."""

import re

from ops.agent.log_times import INDENT, begins_as_logging_does

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LONGEST_ENTRY = 500  # lines; after that, each line without a time is an entry
SHOWN = 4096  # characters of a line: 20 to 50 lines of a terminal
HEAD = 300  # bytes of a line that decide what belongs to it
TRACEBACK = b"Traceback (most recent call last)"
CHAINED = (b"During handling of the above exception", b"The above exception was the direct cause")
COMPLAINT = re.compile(rb"ERROR|CRIT|FATAL|WARN|[Ee]rror|[Ee]xception")


def lines_of(data: bytes) -> "Iterator[tuple[int, bytes]]":
    """(place, line) of each line in a text."""
    place = 0
    if data:
        for line in (data[:-1] if data.endswith(b"\n") else data).split(b"\n"):
            yield place, line
            place += len(line) + 1


def shortened(line: bytes, more: int = 0) -> "tuple[str, int]":
    """The shown text of a line, and the line's length in characters if that is not all of it, else 0.

    `more` characters of the line are not in `line`.
    """
    text = line.decode("utf-8", "replace")
    length = len(text) + more
    return (text, 0) if length <= SHOWN else (text[:SHOWN], length)


class Entries:
    """Gets the lines of one file in order, and finds those that begin an entry.

    A line with a time begins one. After a line of Python's logging (or supervisord's, shibd's), lines without a time
    belong to it. After a request, or where lines have no times, only indented lines and tracebacks do.
    """

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin as in a new file."""
        self._head: bytes | None = None
        self._length = 0
        self._before = b""
        self._in_traceback = self._is_chained = False

    def begins(self, line: bytes, has_time: bool) -> bool:
        """Whether this line, the next one, begins an entry."""
        if has_time and not self._in_traceback:  # so it is with most lines
            self._head = self._before = line[:HEAD]
            self._length, self._is_chained = 1, False
            return True
        begins = self._is_head(line, has_time)
        if begins:
            self._head, self._length = line[:HEAD], 0
        self._length += 1
        if line.startswith(TRACEBACK):
            self._in_traceback, self._is_chained = True, False
        elif line and not line.startswith(INDENT):
            self._in_traceback, self._is_chained = False, line.startswith(CHAINED)
        self._before = line[:HEAD] or self._before
        return begins

    def _is_head(self, line: bytes, has_time: bool) -> bool:
        if self._head is None or self._length >= LONGEST_ENTRY:
            return True
        if not line or line.startswith(INDENT):
            return False
        if has_time:  # the last line of a traceback may speak of a time
            return not self._in_traceback or line[:1] in b"0123456789["
        if self._in_traceback or line.startswith(CHAINED) or begins_as_logging_does(self._head):
            return False
        return not (line.startswith(TRACEBACK) and (self._is_chained or COMPLAINT.search(self._before)))


class Line:
    """A line to show, from offset `start` to `end`; `before`: the text before `end`, which identifies the place."""

    __slots__ = ("before", "begins", "end", "length", "start", "text")

    def __init__(self, start: int, end: int, before: bytes, shown: "tuple[str, int]", begins: bool) -> None:
        self.start = start
        self.end = end
        self.before = before
        self.text, self.length = shown
        self.begins = begins


class Shown:
    """Which lines of a file are shown: an entry as a whole if a line of it is asked for.

    The lines before that one are held; `held_from` is the offset of the first.
    """

    def __init__(self) -> None:
        self.entries = Entries()
        self.held_from: int | None = None
        self._held: list[Line] = []
        self._is_shown = self._is_later = False

    def prime(self, lines: "Iterable[tuple[bytes, bool]]", is_shown: bool) -> None:
        """Get the lines before those to come, each with whether it has a time; `is_shown`: their last entry is."""
        for line, has_time in lines:
            self.entries.begins(line, has_time)
        self._is_shown = is_shown

    def take(self, line: Line, is_asked: bool, is_later: bool) -> "list[Line]":
        """The lines to show, now that this one is there; `is_later`: than anything that is asked for."""
        if line.begins:
            self._is_shown, self._is_later, self._held, self.held_from = False, is_later, [], line.start
        if self._is_later:
            return []
        self._held.append(line)
        self._is_shown = self._is_shown or is_asked
        if not self._is_shown:
            return []
        lines, self._held, self.held_from = self._held, [], None
        return lines
