"""One file of a log: its lines, and a place in it that is found again later."""

import os
import time
import zlib

from ops.agent.alive import show_alive
from ops.agent.log_compressed import BEFORE, BLOCK, COMPRESSED, CompressedText, decompression
from ops.agent.log_entries import Entries, Shown, lines_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ops.agent.log_pattern import Wanted
    from ops.agent.log_times import Clock

    Block = tuple[int, bytes, int, int]  # offset, text, end, characters of its line that are not in the text
    Marked = tuple[int, bytes, "float | None", bool, bool]  # place, line, time, begins an entry, is asked for

LONGEST = 4 * 1024 * 1024  # bytes of a line that are read; of a longer line the rest is counted
NEAR = 64 * 1024  # bytes in which a line with a time is looked for
CONTINUED = bytes(range(0x80, 0xC0))  # bytes that begin no character


class LogFile:
    """A file that is read from `offset` on; offsets are those of its text if it is compressed.

    `on_damage` is called with the file's name and "torn", "broken" or "unknown" (nothing here can decompress it).
    """

    def __init__(self, path: bytes, clock: "Clock", on_damage: "Callable[[bytes, str], None]") -> None:
        self.descriptor = -1
        kind = COMPRESSED.search(path)
        self.path, self.time_of = path, clock.time_of
        self._on_damage = on_damage
        self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.status = os.fstat(self.descriptor)
        self.inode, self.modified = self.status.st_ino, self.status.st_mtime
        self.is_compressed = kind is not None
        decompress = decompression(kind.group(1)) if kind else None
        self.compressed = CompressedText(self.descriptor, decompress, self.report_damage) if decompress else None
        self.is_known = not kind or self.compressed is not None
        self.last_read = time.time()
        self.restart()

    def __del__(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)

    def restart(self) -> None:
        """Begin at its start."""
        self.offset, self.shown = 0, Shown()
        self._unended = (0, 0, 0)  # offset of a long line without an end, how far its end was looked for, characters

    def report_damage(self, problem: str) -> None:
        """Tell what is wrong with the file."""
        self._on_damage(os.path.basename(self.path), problem)

    def size(self) -> int:
        """The size of its text."""
        if not self.is_compressed:
            return os.fstat(self.descriptor).st_size
        size = 0
        while True:
            block = self.read(size, BLOCK)
            if not block:
                return size
            size += len(block)

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes of its text."""
        if self.compressed:
            return self.compressed.read(offset, size)
        return os.pread(self.descriptor, size, offset)

    def blocks(self, offset: int, last: bool = False) -> "Iterator[Block]":
        """Blocks of whole lines from `offset` on; `last`: also a line without its end."""
        while True:
            show_alive()
            size = BLOCK
            data = b"" if offset == self._unended[0] and self._unended[1] else self.read(offset, size)
            while b"\n" not in data and len(data) == size < LONGEST:
                size *= 2
                data = self.read(offset, size)
            end = offset + data.rfind(b"\n") + 1
            if end > offset:
                yield offset, data[: end - offset], end, 0
            elif len(data) == LONGEST or (not data and self._unended[1]):
                end, more = self._end_of_line(offset, last)
                if not end:
                    return
                yield offset, data or self.read(offset, LONGEST), end, more
            elif data and last:
                end = offset + len(data)
                yield offset, data, end, 0
            else:
                return
            offset = end

    def _end_of_line(self, offset: int, last: bool) -> "tuple[int, int]":
        """The end of the long line at `offset` (0: it has none), and its characters after the first LONGEST bytes.

        How far it was looked for is kept: a line that is being written is looked at again and again.
        """
        is_same = self._unended[0] == offset and self._unended[1]
        _, place, more = self._unended if is_same else (0, offset + LONGEST, 0)
        while True:
            show_alive()
            data = self.read(place, BLOCK)
            line = data.partition(b"\n")[0]
            more += len(line.translate(None, CONTINUED))
            place += len(line)
            if len(line) < len(data) or (not data and last):
                self._unended = (0, 0, 0)
                return place + (len(line) < len(data)), more
            if not data:
                self._unended = (offset, place, more)
                return 0, 0

    def marked(
        self, blocks: "Iterable[Block]", wanted: "Wanted", entries: "Entries | None" = None
    ) -> "Iterator[Marked]":
        """The lines of blocks, with what is known of each."""
        entries = entries or Entries()
        time_of = self.time_of
        for start, data, _, _ in blocks:
            numbers = wanted.matching(data)
            # If nothing matches, only the entries at both ends are looked at: they may continue in other blocks.
            quiet = len(data) - NEAR if numbers is not None and not numbers else 0
            rest = 0
            for number, (place, line) in enumerate(lines_of(data), 1):
                own = time_of(line)
                begins = entries.begins(line, own is not None)
                yield start + place, line, own, begins, numbers is None or number in numbers
                if begins and place < quiet:
                    rest = data.rfind(b"\n", 0, quiet) + 1
                    break
            if rest:
                entries.forget()
                for place, line in lines_of(data[rest:]):
                    own = time_of(line)
                    yield start + rest + place, line, own, entries.begins(line, own is not None), False

    def prime(self, is_shown: bool) -> None:
        """Read the lines before the offset: their last entry may go on; `is_shown`: it was shown."""
        start = max(0, self.offset - NEAR)
        lines = self.read(start, self.offset - start).split(b"\n")[1 if start else 0 : -1]
        self.shown.prime(((line, self.time_of(line) is not None) for line in lines), is_shown)

    def time_before(self, offset: int) -> "float | None":
        """The time of the last line that has one, shortly before `offset`."""
        start = max(0, offset - NEAR)
        times = map(self.time_of, reversed(self.read(start, offset - start).split(b"\n")))
        return next((each for each in times if each is not None), None)

    def has_times(self) -> bool:
        """Whether its last lines have times."""
        return self.time_before(self.size()) is not None

    def position(self, offset: int, before: "bytes | None" = None) -> str:
        """What `is_at` recognizes `offset` by; `before` are the last bytes before it, if they are at hand."""
        text = self.text_before(offset) if before is None else before
        return f"{self.inode}:{offset}:{len(text)}:{zlib.crc32(text)}"

    def text_before(self, offset: int) -> bytes:
        """The last bytes before an offset."""
        return self.read(max(0, offset - BEFORE), min(BEFORE, offset))

    def reached(self) -> str:
        """The position up to which its lines are shown."""
        held_from = self.shown.held_from  # held lines are not shown yet
        return self.position(self.offset if held_from is None else held_from)

    def is_at(self, position: str) -> bool:
        """Whether `position` is one in the text of this file, which may have been copied or compressed since."""
        inode, offset, length, _ = map(int, position.split(":"))
        if inode != self.inode and not length:
            return False
        text = self.read(offset - length, length)
        return len(text) == length and self.position(offset, text).split(":")[1:] == position.split(":")[1:]
