# log_rotation.py: the files of one log, including rotated ones, and their shown lines. A part of log_reader.py.
import errno
import os
import re
import stat
import time

LINGER = 60  # seconds without a new line before a rotated file is left: Apache's old processes write on in it
ROTATED = re.compile(br"[.-][0-9][0-9.-]*$")


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
        found, plain = [], {}
        for each in sorted(os.listdir(folder) if os.access(folder, os.R_OK) else []):
            ending = PACKED.sub(b"", each[len(name) :])
            path = os.path.join(folder, each)
            if each.startswith(name) and ROTATED.match(ending) and not self.is_copy(path, plain.get(ending)):
                plain.setdefault(ending, path)
                digits = re.sub(b"[^0-9]", b"", ending)
                age = int(digits) if len(digits) > 5 else -int(digits)  # a date, or how often it was rotated since
                found.append((age, PACKED.search(each) is None, path))
        return [path for _, _, path in sorted(found)]

    def is_copy(self, path, plain):
        """Whether the compressed file at `path` is being made of the one at `plain`, to replace it."""
        packed, other = self.open(path) if plain else None, self.open(plain) if plain else None
        if not (packed and other and packed.packed):
            return False
        packed.packed.spoiled = lambda _: None
        text = packed.read(0, NEAR)
        return other.read(0, len(text)) == text

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

    def begin(self, since, count, wanted):
        """Choose the files and where to begin in them."""
        if since is None:
            self.files = self.last_files(count, wanted)
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
                        file.go_to_last(count, wanted)
                        self.files = [file]
            current = self.open(self.path)
            if current and not self.files:
                current.go_to_last(0, wanted)
                self.files = [current]
        self._note_time()
        for file in self.files:
            if not file.compressed:  # which begins with an entry
                file.prime(is_shown=False)

    def last_files(self, count, wanted):
        """The files with the last lines: the newest that reaches back as far, and the one before it for what is missing."""
        current = self.open(self.path)
        if current and not current.go_to_last(count, wanted):
            return [current]
        chosen, reached = [], not count
        for file in reversed(self.chain() if count else []):
            if not file.known:
                file.tell_spoiled("unknown")
                break
            count = file.go_to_last(count, wanted)
            chosen.insert(0, file)
            if not count or reached:
                break
            first = next((own for own in map(file.time_of, file.read(0, NEAR).split(b"\n")) if own is not None), None)
            reached = not wanted.is_later(first)
        return chosen

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
        for file in self.files:
            file.prime(is_shown=True)  # a position is told of what is shown
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

    def lines(self, wanted, live, last=False):
        """(time, number, fact) of each line that was not read yet."""
        for file in self.files[:]:
            if live and not file.compressed and file.size() < file.offset:
                say("cut", self.number)
                file.begin_anew()
            for block in file.blocks(file.offset, last):
                file.last_read = time.time()
                file.offset = block[2]
                for piece in self.pieces(file, block, wanted, live):
                    self.told = file.position(piece.end, piece.tail)
                    yield self.time, self.number, piece.fact(self.number, self.told, self.time)
                if wanted.until is not None and self.time > wanted.until + DISORDER:
                    break
            if file is not self.files[-1] and (file.compressed or time.time() - file.last_read > LINGER):
                self.files.remove(file)

    def pieces(self, file, block, wanted, live):
        """What is to be shown of a block."""
        start, data, end, more = block
        for at, line, own, begins, matches in file.marked([block], wanted, file.showing.entries):
            behind = min(at - start + len(line) + 1, len(data))
            tail = data[max(0, behind - TAIL) : behind]
            piece = Piece(at, end if more else start + behind, None if more else tail, line, more, begins)
            if begins:
                if own is None and not self.timed:
                    own = time.time() if live else file.modified
                self.timed = self.timed or own is not None
                self.time = max(self.time, own or 0.0)
            for each in file.showing.take(piece, begins, matches, wanted.is_later(own)):
                yield each

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
