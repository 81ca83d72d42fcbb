# log_files.py: one file of a log, its lines, and where to start reading. A part of log_reader.py.
import collections
import io
import os
import time
import zlib

BLOCK = 256 * 1024  # bytes read at a time
LONGEST = 4 * 1024 * 1024  # bytes of a line that are looked at; of a longer one the rest is counted
NEAR = 64 * 1024  # bytes in which a line with a time is looked for
DISORDER = 1000  # seconds that a line may stand behind a later one: requests are logged when they end
TAIL = 64  # bytes before a position by which its file is known again
CONTINUED = bytes(bytearray(range(0x80, 0xC0)))  # bytes that begin no character


class Wanted(object):
    """Which lines: `numbers` gives those of a text that match (None: all do); none later than `until` (or None)."""

    def __init__(self, numbers, until):
        self.numbers, self.until = numbers, until

    def is_later(self, own):
        return self.until is not None and own is not None and own > self.until


class File(object):
    """One file of log `number`, read from `offset` on, in bytes of its text where it is compressed."""

    def __init__(self, path, zone, number):
        self.path, self.zone, self.number = path, zone, number
        kind = PACKED.search(path)
        self.compressed = kind is not None
        raw = io.open(path, "rb", buffering=0)
        status = os.fstat(raw.fileno())
        unpack = unpacking(kind.group(1)) if kind else None
        self.packed = Packed(raw, unpack, self.tell_spoiled) if unpack else None
        self.known = self.packed is not None or not kind  # what it is compressed by
        self.raw, self.status = raw, status
        self.inode, self.modified = status.st_ino, status.st_mtime
        self.last_read = time.time()
        self.begin_anew()

    def begin_anew(self):
        """Forget what was read."""
        self.offset, self.showing, self.unended = 0, Showing(), (0, 0, 0)

    def time_of(self, line):
        return time_of(line, self.zone)

    def size(self):
        if not self.compressed:
            return os.fstat(self.raw.fileno()).st_size
        size = 0
        while True:
            block = self.read(size, BLOCK)
            if not block:
                return size
            size += len(block)

    def read(self, offset, size):
        if self.packed:
            return self.packed.read(offset, size)
        self.raw.seek(offset)
        return self.raw.read(size)

    def tell_spoiled(self, why):
        say("spoiled", self.number, why, os.path.basename(self.path))

    def blocks(self, offset, last=False):
        """(offset, text, end, more) of whole lines from `offset` on; `last`: also of one without its end.

        Of a line that is too long the text is its beginning, and `more` says how many characters follow it.
        """
        while True:
            beat()
            size = BLOCK
            data = b"" if offset == self.unended[0] and self.unended[1] else self.read(offset, size)
            while b"\n" not in data and len(data) == size < LONGEST:
                size *= 2
                data = self.read(offset, size)
            end = offset + data.rfind(b"\n") + 1
            if end > offset:
                yield offset, data[: end - offset], end, 0
            elif len(data) == LONGEST or not data and self.unended[1]:
                end, more = self.end_of_line(offset, last)
                if not end:
                    return
                yield offset, data or self.read(offset, LONGEST), end, more
            elif data and last:
                end = offset + len(data)
                yield offset, data, end, 0
            else:
                return
            offset = end

    def end_of_line(self, offset, last):
        """Where the line ends that begins at `offset` and is too long, and its characters beyond; 0 where it does not yet.

        How far it was looked for is kept: one that is being written is looked at again and again.
        """
        _, place, more = self.unended if self.unended[0] == offset and self.unended[1] else (0, offset + LONGEST, 0)
        while True:
            beat()
            data = self.read(place, BLOCK)
            line = data.partition(b"\n")[0]
            more += len(line.translate(None, CONTINUED))
            place += len(line)
            if len(line) < len(data) or not data and last:
                self.unended = (0, 0, 0)
                return place + (len(line) < len(data)), more
            if not data:
                self.unended = (offset, place, more)
                return 0, 0

    def marked(self, blocks, wanted, entries=None):
        """(place, line, time, whether it begins an entry, whether it matches) of the lines of blocks."""
        entries = entries or Entries()
        for start, data, _, _ in blocks:
            numbers = None if wanted.numbers is None else wanted.numbers(data)
            # Where nothing matches, only the entries at both ends are looked at: they may go on in other blocks.
            quiet = len(data) - NEAR if numbers is not None and not numbers else 0
            behind = 0
            for number, (place, line) in enumerate(lines_of(data), 1):
                own = self.time_of(line)
                begins = entries.begins(line, own is not None)
                yield start + place, line, own, begins, numbers is None or number in numbers
                if begins and place < quiet:
                    behind = data.rfind(b"\n", 0, quiet) + 1
                    break
            if behind:
                entries.forget()
                for place, line in lines_of(data[behind:]):
                    own = self.time_of(line)
                    yield start + behind + place, line, own, entries.begins(line, own is not None), False

    def entries_of(self, blocks, wanted):
        """(place, number of lines) of each entry that is asked for."""
        place, count, is_asked, later = 0, 0, False, False
        for at, _, own, begins, matches in self.marked(blocks, wanted):
            if begins:
                if is_asked and not later:
                    yield place, count
                place, count, is_asked, later = at, 0, False, wanted.is_later(own)
            count += 1
            is_asked = is_asked or matches
        if is_asked and not later:
            yield place, count

    def go_to_last(self, count, wanted):
        """Go to the entry that has the `count`th last line of those asked for, or to the first; how many are too few."""
        if not count:
            end = self.size()
            start = max(0, end - BLOCK)
            self.offset = start + self.read(start, end - start).rfind(b"\n") + 1
            return 0
        for found in self.last_entries_of_packed(count, wanted) if self.compressed else self.from_the_end(wanted):
            self.offset, lines = found
            count -= lines
            if count <= 0:
                return 0
        return count

    def from_the_end(self, wanted):
        """(place, number of lines) of each entry that is asked for, from the last one back."""
        end = self.end_by(wanted.until)
        has_times = self.time_before(end) is not None
        while end > 0:
            beat()
            size = BLOCK
            while True:
                start = max(0, end - size)
                data = self.read(start, end - start)
                cut = first_head(data, self.time_of if has_times else None) if start else 0
                if cut or not start or size >= LONGEST:
                    break
                size *= 2
            if start and not cut:
                cut = data.find(b"\n", 0, len(data) - 1) + 1
            if start and not cut:
                start = self.start_of_line(start)
                data = self.read(start, LONGEST)
            end, data = start + cut, data[cut:]
            if wanted.numbers is None or wanted.numbers(data):
                for found in reversed(list(self.entries_of([(end, data, 0, 0)], wanted))):
                    yield found

    def start_of_line(self, place):
        """Where the line begins that is at `place`."""
        while place > 0:
            beat()
            start = max(0, place - BLOCK)
            cut = self.read(start, place - start).rfind(b"\n") + 1
            if cut:
                return start + cut
            place = start
        return 0

    def last_entries_of_packed(self, count, wanted):
        """The same for a compressed file, from the `count`th last line on, for it cannot be read backwards."""
        start, lines = 0, 0
        if wanted.numbers is None and wanted.until is None:
            sizes = collections.deque()
            for offset, data, _, _ in self.blocks(0, last=True):
                sizes.append((offset, data.count(b"\n")))
                lines += sizes[-1][1]
                while lines - sizes[0][1] > count + LONGEST_ENTRY:
                    lines -= sizes.popleft()[1]
            start, lines = sizes[0][0] if sizes else 0, 0
        recent = collections.deque()
        for found in self.entries_of(self.blocks(start, last=True), wanted):
            recent.append(found)
            lines += found[1]
            while lines - recent[0][1] >= count:
                lines -= recent.popleft()[1]
        return reversed(recent)

    def halved(self, is_before):
        """Two places: before the first nothing is asked for, by the times that `is_before`; nor behind the second."""
        low, high = 0, 0 if self.compressed else self.size()
        while high - low > NEAR:
            middle = (low + high) // 2
            behind = self.read(middle, NEAR).split(b"\n")[1:]
            times = [each for each in map(self.time_of, behind) if each is not None]
            if times and is_before(times[0]):
                low = middle
            else:
                high = middle
        return low, high

    def end_by(self, until):
        """The end of what may be of the time `until` or earlier."""
        size = self.size()
        if until is None:
            return size
        low, _ = self.halved(lambda each: each <= until + DISORDER)
        for start, _, end, _ in self.blocks(self.start_of_line(low)):
            if end > low + 2 * NEAR:
                return end
        return size

    def go_to(self, since):
        """Go to the first line that is of the time `since` or later; whether there is one."""
        low, _ = self.halved(lambda each: each < since - DISORDER)
        if low:
            low += self.read(low, LONGEST).find(b"\n") + 1
        for start, data, _, _ in self.blocks(low, last=True):
            for place, line in lines_of(data):
                if (self.time_of(line) or 0) >= since:
                    self.offset = start + place
                    return True
        return False

    def prime(self, is_shown):
        """Look at what stands before the offset, so that what belongs to it is known; `is_shown`: its last entry."""
        start = max(0, self.offset - NEAR)
        lines = self.read(start, self.offset - start).split(b"\n")[1 if start else 0 : -1]
        self.showing.prime([(line, self.time_of(line)) for line in lines], is_shown)

    def time_before(self, offset):
        """The time of the last line that has one, shortly before `offset`; else None."""
        start = max(0, offset - NEAR)
        times = map(self.time_of, reversed(self.read(start, offset - start).split(b"\n")))
        return next((each for each in times if each is not None), None)

    def position(self, offset=None, text=None):
        """Where somebody who has read to `offset` can go on, in this file or one with the same text."""
        if offset is None:  # what is held has not been told
            held_from = self.showing.held_from
            offset = self.offset if held_from is None else held_from
        text = self.read(max(0, offset - TAIL), min(TAIL, offset)) if text is None else text
        return "%d:%d:%d:%d" % (self.inode, offset, len(text), zlib.crc32(text) & 0xFFFFFFFF)

    def is_at(self, position):
        """Whether `position` is one in the text of this file; it may have been copied or compressed since."""
        inode, offset, length, _ = map(int, position.split(":"))
        if inode != self.inode and not length:
            return False
        text = self.read(offset - length, length)
        return len(text) == length and self.position(offset, text).split(":")[1:] == position.split(":")[1:]


def first_head(data, time_of):
    """Where the first line is that begins an entry for certain, behind the first line's end; 0 where there is none.

    `time_of` is None for a log whose lines have no times.
    """
    before = None
    for place, line in lines_of(data):
        if place and before is not None and time_of and time_of(line) is not None and line[:1] in b"0123456789[":
            return place
        plain = line and not is_indented(line) and not line.startswith((TRACEBACK,) + CHAINED)
        if place and plain and before and not is_indented(before) and (not time_of or time_of(line) is not None):
            return place
        before = line
    return 0
