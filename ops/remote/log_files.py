# log_files.py: the files of one log, rotated ones included, and the lines in them. A part of log_reader.py.
import errno
import io
import os
import re
import stat
import time
import zlib

BLOCK = 256 * 1024  # bytes read at a time
LONGEST = 4 * 1024 * 1024  # bytes of a line; a longer one comes in pieces
NEAR = 64 * 1024  # bytes in which a line with a time is looked for
DISORDER = 1000  # seconds that a line may stand behind a later one: requests are logged when they end
LINGER = 60  # seconds without a new line before a rotated file is left: Apache's old processes write on in it
TAIL = 64  # bytes before a position by which its file is known again
ROTATED = re.compile(br"[.-][0-9][0-9.-]*$")


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
        self.offset, self.last_read = 0, time.time()

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
        """(offset, text) of whole lines from `offset` on; `last`: also of one without its end."""
        while True:
            beat()
            size = BLOCK
            data = self.read(offset, size)
            while b"\n" not in data and len(data) == size < LONGEST:
                size *= 2
                data = self.read(offset, size)
            cut = data.rfind(b"\n") + 1
            if not cut and (last or len(data) == LONGEST):
                cut = len(data)
            if not cut:
                return
            yield offset, data[:cut]
            offset += cut

    def go_to_last(self, count, matching):
        """Go to the `count`th last line that matches, or to the first one."""
        end = self.size()
        if not count:
            start = max(0, end - BLOCK)
            self.offset = start + self.read(start, end - start).rfind(b"\n") + 1
            return
        while end > 0:
            beat()
            size = BLOCK
            while True:
                start = max(0, end - size)
                data = self.read(start, end - start)
                cut = data.find(b"\n", 0, len(data) - 1) + 1 if start else 0
                if cut or not start or size >= LONGEST:
                    break
                size *= 2
            places = [place for place, _ in matching(data[cut:])]
            if len(places) >= count:
                self.offset = start + cut + places[-count]
                return
            count -= len(places)
            end = start + cut

    def go_to(self, since):
        """Go to the first line that is of the time `since` or later; whether there is one."""
        low, high = 0, 0 if self.compressed else self.size()
        while high - low > NEAR:
            middle = (low + high) // 2
            behind = self.read(middle, NEAR).split(b"\n")[1:]
            times = [each for each in map(self.time_of, behind) if each is not None]
            if times and times[0] < since - DISORDER:
                low = middle
            else:
                high = middle
        if low:
            low += self.read(low, LONGEST).find(b"\n") + 1
        for start, data in self.blocks(low, last=True):
            for line in data.split(b"\n"):
                if (self.time_of(line) or 0) >= since:
                    self.offset = start
                    return True
                start += len(line) + 1
        return False

    def time_before(self, offset):
        """The time of the last line that has one, shortly before `offset`; else None."""
        start = max(0, offset - NEAR)
        times = map(self.time_of, reversed(self.read(start, offset - start).split(b"\n")))
        return next((each for each in times if each is not None), None)

    def position(self, offset=None, text=None):
        """Where somebody who has read to `offset` can go on, in this file or one with the same text."""
        offset = self.offset if offset is None else offset
        text = self.read(max(0, offset - TAIL), min(TAIL, offset)) if text is None else text
        return "%d:%d:%d:%d" % (self.inode, offset, len(text), zlib.crc32(text) & 0xFFFFFFFF)

    def is_at(self, position):
        """Whether `position` is one in the text of this file; it may have been copied or compressed since."""
        inode, offset, length, _ = map(int, position.split(":"))
        if inode != self.inode and not length:
            return False
        text = self.read(offset - length, length)
        return len(text) == length and self.position(offset, text).split(":")[1:] == position.split(":")[1:]


class Log(object):
    """One log: the files that are read of it, the oldest first; `time` is that of the line read last."""

    def __init__(self, number, path):
        self.number, self.path, self.zone = number, path, HOST
        self.positions = []
        self.files, self.state, self.told = [], "", ""
        self.time, self.timed = 0.0, True

    def tell(self, state):
        if state != self.state:
            self.state = state
            if state:
                say(state, self.number)

    def chain(self):
        """The log's files, opened, the oldest first; what is rotated meanwhile is looked for again."""
        for _ in range(10):
            listed = self.rotated()
            files = [file for file in map(self.open, listed + [self.path]) if file]
            if self.rotated() == listed and all(inode_of(file.path) == file.inode for file in files):
                break
        return files

    def rotated(self):
        """The paths of rotated files, the oldest first by their numbers: old processes may write on in any of them."""
        folder, name = os.path.split(self.path)
        found = []
        for each in os.listdir(folder) if os.access(folder, os.R_OK) else []:
            ending = PACKED.sub(b"", each[len(name) :])
            if each.startswith(name) and ROTATED.match(ending):
                digits = re.sub(b"[^0-9]", b"", ending)
                age = int(digits) if len(digits) > 5 else -int(digits)  # a date, or how often it was rotated since
                found.append((age, os.path.join(folder, each)))
        return [path for _, path in sorted(found)]

    def open(self, path):
        """The file at `path`; None, and told, where it cannot be read."""
        try:
            if stat.S_ISREG(os.stat(path).st_mode):
                return File(path, self.zone, self.number)
            state = "nofile"
        except (IOError, OSError) as error:
            state = "missing" if error.errno in (errno.ENOENT, errno.ENOTDIR) else "unreadable"
        if path == self.path and not self.files:
            self.tell(state)
        return None

    def begin(self, since, count, matching):
        """Choose the files and where to begin in them."""
        if since is None:
            current = self.open(self.path)
            if current:
                current.go_to_last(count, matching)
                self.files = [current]
        else:
            for file in self.chain():
                if not file.known:
                    if file.modified >= since:
                        file.tell_spoiled("unknown")
                elif self.files:
                    self.files.append(file)
                elif file.modified >= since:
                    if file.compressed or file.time_before(file.size()) is not None:
                        self.files = [file] if file.go_to(since) else []
                    else:
                        file.go_to_last(count, matching)
                        self.files = [file]
            current = self.open(self.path)
            if current and not self.files:
                current.go_to_last(0, matching)
                self.files = [current]
        self._note_time()

    def resume(self):
        """Go on behind the positions that were told before."""
        files = [file for file in self.chain() if file.known]
        last = -1
        known = [position for position in self.positions if position != "none"]
        for position in known:
            same = [file for file in files if str(file.inode) == position.split(":")[0]]
            found = next((file for file in same + files[::-1] if file.is_at(position)), None)
            if found:
                found.offset = int(position.split(":")[1])
                self.files.append(found)
                last = max(last, files.index(found))
        if known and (not self.files or not self.files[-1].is_at(known[-1])):
            say("gap", self.number)
        self.files += files[last + 1 :] if self.files else files[-1:]
        self._note_time()

    def _note_time(self):
        if self.files:
            self.state = ""
            first = self.files[0]
            before = first.time_before(first.offset) if not first.compressed else None
            self.timed = before is not None or first.compressed or first.time_before(first.size()) is not None
            self.time = before or 0.0

    def look(self):
        """See whether the log was made, rotated or emptied."""
        inode = inode_of(self.path)
        if self.files and inode in (None, self.files[-1].inode):
            return
        if not self.files:
            current = self.open(self.path)
            self.files = [current] if current else []
            if current:
                self.tell("")
            return
        files = [file for file in self.chain() if file.known]
        inodes = [file.inode for file in files]
        known = self.files[-1].inode
        self.files += files[inodes.index(known) + 1 :] if known in inodes else files[-1:]

    def lines(self, matching, live, last=False):
        """(time, number, fact) of each line that was not read yet."""
        for file in self.files[:]:
            if live and not file.compressed and file.size() < file.offset:
                say("cut", self.number)
                file.offset = 0
            for start, data in file.blocks(file.offset, last):
                file.last_read = time.time()
                file.offset = start + len(data)
                for place, line in matching(data):
                    end = min(place + len(line) + 1, len(data))
                    self.told = file.position(start + end, data[max(0, end - TAIL) : end])
                    own = file.time_of(line)
                    if own is None and not self.timed:
                        own = time.time() if live else file.modified
                    self.timed = self.timed or own is not None
                    self.time = max(self.time, own or 0.0)
                    yield self.time, self.number, b"line %d %s %.3f " % (self.number, self.told.encode(), self.time) + line
            if file is not self.files[-1] and (file.compressed or time.time() - file.last_read > LINGER):
                self.files.remove(file)

    def tell_position(self):
        """Tell how far it is read, where no line has."""
        position = self.files[-1].position() if self.files else "none"
        if position != self.told:
            self.told = position
            say("at", self.number, position)


def inode_of(path):
    try:
        return os.stat(path).st_ino
    except OSError:
        return None
