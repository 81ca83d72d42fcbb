"""One log with its rotated files, and the lines that are shown of it."""

import errno
import os
import re
import stat
import time

from ops.agent.log_compressed import BEFORE, COMPRESSED
from ops.agent.log_entries import Line, shortened
from ops.agent.log_files import NEAR, LogFile
from ops.agent.log_search import DISORDER, go_to_last, go_to_time
from ops.agent.log_times import Clock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.log_files import Block
    from ops.agent.log_output import Output
    from ops.agent.log_pattern import Wanted

LINGER = 60  # seconds without a new line after which a rotated file is left: Apache's old processes still write to it
ROTATED = re.compile(rb"[.-][0-9][0-9.-]*$")
NO_FILE = "none"  # the position in a log that has no file yet


class Log:
    """The log `number` at `path`: its files that are read, the oldest first; `time` is that of its last line.

    `zone`: that of its writer.
    """

    def __init__(self, number: int, path: str, zone: str, output: "Output") -> None:
        self.number, self.path = number, path.encode("utf-8", "surrogateescape")
        self._clock, self._output = Clock(zone), output
        self._files: list[LogFile] = []
        self._state = ""
        self._time, self._has_times = 0.0, True

    def chain(self) -> "list[LogFile]":
        """All files of the log, opened, the oldest first; looked for again if a rotation comes between."""
        for _ in range(10):
            listed = self._rotated()
            files = [file for file in map(self.open, [*listed, self.path]) if file]
            if self._rotated() == listed and all(_inode_of(file.path) == file.inode for file in files):
                break
        return files

    def _rotated(self) -> "list[bytes]":
        """The paths of rotated files, the oldest first by their numbers: old processes may write to any of them."""
        folder, name = os.path.split(self.path)
        found: list[tuple[int, bool, bytes]] = []
        plain: dict[bytes, bytes] = {}
        for each in sorted(os.listdir(folder) if os.access(folder, os.R_OK) else []):
            ending = COMPRESSED.sub(b"", each[len(name) :])
            path = os.path.join(folder, each)
            if each.startswith(name) and ROTATED.match(ending) and not self._is_copy(path, plain.get(ending)):
                plain.setdefault(ending, path)
                digits = re.sub(b"[^0-9]", b"", ending)
                age = int(digits) if len(digits) > 5 else -int(digits)  # a date, or the number of rotations since
                found.append((age, COMPRESSED.search(each) is None, path))
        return [path for _, _, path in sorted(found)]

    def _is_copy(self, path: bytes, plain: "bytes | None") -> bool:
        """Whether the compressed file at `path` is being made of the one at `plain`, to replace it."""
        packed, other = (self.open(path), self.open(plain)) if plain else (None, None)
        if not (packed and other and packed.compressed):
            return False
        packed.compressed.on_damage = lambda _: None
        text = packed.read(0, NEAR)
        return other.read(0, len(text)) == text

    def open(self, path: bytes) -> "LogFile | None":
        """The file at `path`; None if it cannot be read, which is told of the log's own file."""
        try:
            if stat.S_ISREG(os.stat(path).st_mode):
                return LogFile(path, self._clock, lambda name, why: self._output.tell_damage(self.number, name, why))
            state = "nofile"
        except OSError as error:
            state = "missing" if error.errno in (errno.ENOENT, errno.ENOTDIR) else "unreadable"
        if path == self.path and not self._files and state != self._state:
            self._state = state
            self._output.tell_state(self.number, state)
        return None

    def begin_at_time(self, since: float, count: int, wanted: "Wanted") -> None:
        """Begin with the first line of the time `since`; of a log without times with its last `count` lines."""
        for file in self.chain():
            if not file.is_known:
                if file.modified >= since:
                    file.report_damage("unknown")
            elif self._files:
                self._files.append(file)
            elif file.modified >= since:
                if file.is_compressed or file.has_times():
                    self._files = [file] if go_to_time(file, since) else []
                else:
                    go_to_last(file, count, wanted)
                    self._files = [file]
        current = self.open(self.path)
        if current and not self._files:
            go_to_last(current, 0, wanted)
            self._files = [current]
        self._begun()

    def begin_at_last(self, count: int, wanted: "Wanted") -> None:
        """Begin with the last `count` lines; those that the newest file does not have are of the one before it."""
        current = self.open(self.path)
        missing = go_to_last(current, count, wanted) if current else count
        self._files = [current] if current and not missing else self._last_files(count, wanted, current, missing)
        self._begun()

    def _last_files(self, count: int, wanted: "Wanted", current: "LogFile | None", missing: int) -> "list[LogFile]":
        """The files with the last `count` lines; `missing` of them are not in `current`, which was searched."""
        chosen: list[LogFile] = []
        is_reached = not count
        files = self.chain() if count else []
        if files and current and files[-1].inode == current.inode:
            files[-1] = current
        for file in reversed(files):
            if not file.is_known:
                file.report_damage("unknown")
                break
            left = missing if file is current else go_to_last(file, count, wanted)
            if left < count or not file.is_compressed:
                chosen.insert(0, file)
            count = left
            if not count or is_reached:
                break
            times = map(file.time_of, file.read(0, NEAR).split(b"\n"))
            is_reached = not wanted.is_later(next((each for each in times if each is not None), None))
        return chosen

    def _begun(self) -> None:
        self._note_time()
        for file in self._files:
            if not file.is_compressed:  # that begins with an entry
                file.prime(is_shown=False)

    def resume(self, positions: "list[str]") -> None:
        """Continue behind the positions that were told before."""
        files = [file for file in self.chain() if file.is_known]
        last = -1
        known = [position for position in positions if position != NO_FILE]
        for position in known:
            same = [file for file in files if str(file.inode) == position.partition(":")[0]]
            found = next((file for file in [*same, *reversed(files)] if file.is_at(position)), None)
            if found:
                found.offset = int(position.split(":")[1])
                self._files.append(found)
                last = max(last, files.index(found))
        if known and (not self._files or not self._files[-1].is_at(known[-1])):
            self._output.tell_state(self.number, "gap")
        for file in self._files:
            file.prime(is_shown=True)  # a position is behind a line that was shown
        self._files += files[last + 1 :] if self._files else files[-1:]
        self._note_time()

    def _note_time(self) -> None:
        if self._files:
            self._state = ""
            first = self._files[0]
            before = None if first.is_compressed else first.time_before(first.offset)
            self._has_times = before is not None or first.is_compressed or first.has_times()
            self._time = before or 0.0

    def look(self) -> None:
        """See whether the log was created or rotated."""
        inode = _inode_of(self.path)
        if not self._files:
            current = self.open(self.path)
            if current:
                self._files = [current]
                self._state = ""
        elif inode not in (None, self._files[-1].inode):
            files = [file for file in self.chain() if file.is_known]
            inodes = [file.inode for file in files]
            known = self._files[-1].inode
            self._files += files[inodes.index(known) + 1 :] if known in inodes else files[-1:]

    def lines(
        self, wanted: "Wanted", is_live: bool, last: bool = False
    ) -> "Iterator[tuple[float, int, tuple[LogFile, Line]]]":
        """(time, number, (file, line)) of each new line that is shown; `last`: also of one without its end."""
        for file in self._files[:]:
            if is_live and not file.is_compressed and file.size() < file.offset:
                self._output.tell_state(self.number, "cut")
                file.restart()
            for block in file.blocks(file.offset, last):
                file.last_read = time.time()
                file.offset = block[2]
                for line in self._shown(file, block, wanted, is_live):
                    yield self._time, self.number, (file, line)
                if wanted.until is not None and self._time > wanted.until + DISORDER:
                    break
            if file is not self._files[-1] and (file.is_compressed or time.time() - file.last_read > LINGER):
                self._files.remove(file)

    def _shown(self, file: "LogFile", block: "Block", wanted: "Wanted", is_live: bool) -> "Iterator[Line]":
        start, data, end, more = block
        for at, text, own, begins, matches in file.marked([block], wanted, file.shown.entries):
            behind = at - start + len(text) + 1
            if begins:
                if own is None and not self._has_times:
                    own = time.time() if is_live else file.modified
                self._has_times = self._has_times or own is not None
                self._time = max(self._time, own or 0.0)
            if more:
                place, before = end, file.text_before(end)
            else:
                place = min(start + behind, end)
                before = data[behind - BEFORE if behind > BEFORE else 0 : behind]
            line = Line(at, place, before, shortened(text, more), begins)
            yield from file.shown.take(line, matches, begins and wanted.is_later(own))

    def reached(self) -> str:
        """The position up to which its lines are shown."""
        return self._files[-1].reached() if self._files else NO_FILE


def _inode_of(path: bytes) -> "int | None":
    try:
        return os.stat(path).st_ino
    except OSError:
        return None
