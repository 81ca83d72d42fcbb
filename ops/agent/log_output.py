"""What the operator gets of logs: lines in batches, and what happens to the logs, in order."""

from ops.agent.logs_messages import LogDamage, LogLines, LogState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.log_entries import Line
    from ops.agent.log_files import LogFile
    from ops.agent.messages import Message

BATCH_LINES = 200
BATCH_BYTES = 64 * 1024


class Output:
    """Collects messages; `taken` hands them out. Logs are numbered from 1."""

    def __init__(self) -> None:
        self.ready: list[Message] = []
        self._lines: list[tuple[int, float, str, int, bool]] = []
        self._size = 0
        self._last: dict[tuple[int, int], tuple[LogFile, Line]] = {}  # by log and inode
        self._positions: dict[int, str] = {}  # per log, the one that was told last

    def add(self, number: int, seconds: float, file: "LogFile", line: "Line") -> None:
        """Add a line of the log `number`, of a time in seconds since 1970 (0: unknown)."""
        self._lines.append((number, seconds, line.text, line.length, not line.begins))
        self._last[number, file.inode] = file, line
        self._size += len(line.text)
        if len(self._lines) >= BATCH_LINES or self._size >= BATCH_BYTES:
            self.flush()

    def flush(self) -> None:
        """End the batch."""
        if self._lines:
            positions = [
                (number, file.position(line.end, line.before)) for (number, _), (file, line) in self._last.items()
            ]
            self._positions.update(positions)
            self.ready.append(LogLines(lines=self._lines, positions=positions))
            self._lines, self._size, self._last = [], 0, {}

    def tell_positions(self, reached: "dict[int, str]") -> None:
        """Tell how far each log was read, where no line has told it."""
        self.flush()
        positions = [(number, place) for number, place in reached.items() if place != self._positions.get(number)]
        if positions:
            self._positions.update(positions)
            self.ready.append(LogLines(lines=[], positions=positions))

    def tell_state(self, number: int, state: str) -> None:
        """Tell what happened to a log (see LogState)."""
        self.tell(LogState(log=number, state=state))

    def tell_damage(self, number: int, name: bytes, problem: str) -> None:
        """Tell that not all of a file of a log can be read (see LogDamage)."""
        self.tell(LogDamage(log=number, file=name.decode("utf-8", "replace"), problem=problem))

    def tell(self, message: "Message") -> None:
        """Add another message behind the lines so far."""
        self.flush()
        self.ready.append(message)

    def taken(self) -> "list[Message]":
        """The complete messages so far, once."""
        ready, self.ready = self.ready, []
        return ready
