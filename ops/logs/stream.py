"""The logs of one host: their last lines, then new ones, across rotation and lost connections."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from ops.errors import BadInput, HostError, Unreachable, read_answer
from ops.logs.catalog import Log
from ops.schema import Host
from ops.ssh.line_reader import Limits
from ops.ssh.session import Heartbeat, Remote

SILENCE = 15.0  # seconds without a heartbeat (the host sends one every 3) after which the connection is dead
LINE_BYTES = 2**20  # the longest line of the answer; the host cuts a log line that is longer than a screen
FILES = 3  # files of a log whose positions are stored: old Apache processes still write to a rotated file

STATES = {
    "missing": "no log yet: {}",
    "unreadable": "{} cannot be read",
    "nofile": "{} is not a file",
    "cut": "{} was emptied; the last lines before that may be missing",
    "gap": "the old file of {} is gone; the lines since the last read may be missing",
}

SPOILED = {  # for one file of a log
    "torn": "{} is incomplete: it was cut off, or is still being compressed",
    "broken": "{} is damaged, and only its beginning can be read",
    "unknown": "{} is skipped: no tool on the host can decompress it; fab fetch-logs fetches it as is",
}


@dataclass(frozen=True)
class LogRequest:
    """Which lines of each log: the last `lines`, or those `since`; none later than `until` (`ops/logs/catalog.py`).

    Only entries with a line that matches `pattern` (a basic regular expression, "" for all), regardless of case with
    `ignore_case`; then, with `follow`, new lines.
    """

    lines: int = 20
    since: str = ""
    pattern: str = ""
    follow: bool = False
    until: str = ""
    ignore_case: bool = False


@dataclass(frozen=True)
class LogLine:
    """One line of a log, or a note about the log; `time` in seconds since the epoch, 0.0 for unknown.

    A line that `continues` belongs to the line before it in the same log, and has its time: a traceback, for example.
    """

    host: str
    label: str
    text: str
    time: float = 0.0
    continues: bool = False


@dataclass(frozen=True)
class Remark:
    """A message to the operator about a host."""

    host: str
    text: str


@dataclass(frozen=True)
class Live:
    """All old lines of `host` have arrived; from here on, lines arrive as they are written."""

    host: str


def spoiled(log: Log, fact: str) -> str:
    """What is wrong with one of the log's files, from the host's fact (WHY NAME); empty for an unknown fact."""
    why, _, name = fact.partition(" ")
    if why not in SPOILED or not name or "/" in name:
        return ""
    return SPOILED[why].format(PurePosixPath(log.path).with_name(name))


def ask_reader(remote: Remote, request: list[str], silence: float) -> Iterator[str]:
    """The answer of remote/log_reader.py up to its end, with no pause of more than `silence` seconds.

    Raises Unreachable where the connection is lost, HostError where the host cannot read its logs.
    """
    session = remote.start("logs", [*request, "end"])
    session.limit(Limits(silence, total=None, line=LINE_BYTES))
    with Heartbeat(session):
        for fact in session.lines():
            if fact == "end":
                return
            if fact in ("failed", "no_python"):
                break
            yield fact
        else:
            fact = ""
        said = session.stderr()
    told = f"; the host said:\n{said}" if said else ""
    if fact == "no_python":
        raise HostError(remote.host.name, "it has no Python to read logs (python3, python2 or platform-python)")
    if fact == "failed":
        raise HostError(remote.host.name, f"the host could not read its logs to the end{told}")
    raise Unreachable(remote.host.name, f"the stream of log lines ended{told}")


class HostLogs:
    """The logs of one host, and how far they are read: a second `read` continues where the first one stopped."""

    def __init__(self, host: Host, logs: list[Log], wanted: LogRequest) -> None:
        self.host = host
        self._logs = logs
        self._wanted = wanted
        self._positions: dict[int, dict[str, str]] = {}  # per log: the host's name for a file, to its position
        self._states: dict[int, str] = {}
        self._unreadable: list[str] = []
        self._spoiled: set[str] = set()  # texts already printed

    @property
    def begun(self) -> bool:
        """Whether anything was read."""
        return bool(self._positions)

    def read(self, remote: Remote) -> Iterator[LogLine | Remark | Live]:
        """The lines that were not read yet; with `follow`, until the connection is lost.

        Raises Unreachable for a lost connection, BadInput for a pattern that the host's grep refuses, HostError where
        the host cannot read its logs.
        """
        for fact in ask_reader(remote, self.request(), SILENCE):
            with read_answer(self.host.name, "logs"):
                told = [*self.understand(fact)]
            yield from told

    def request(self) -> list[str]:
        """The request for remote/log_reader.py."""
        wanted = self._wanted
        request = [f"mode {'follow' if wanted.follow else 'show'}", wanted.since or f"lines {wanted.lines}"]
        request += [wanted.until] if wanted.until else []
        request += [f"pattern {wanted.pattern}"] if wanted.pattern else []
        request += ["case ignored"] if wanted.ignore_case else []
        for number, log in enumerate(self._logs, 1):
            positions = self._positions.get(number, {}).values()
            request += [*log.request_lines(), *(f"from {position}" for position in positions)]
        return request

    def understand(self, fact: str) -> Iterator[LogLine | Remark | Live]:
        """What the operator gets for one line of the host's answer."""
        kind, _, value = fact.partition(" ")
        number, _, rest = value.partition(" ")
        if kind == "beat":
            return
        if kind == "refused":
            pattern = self._wanted.pattern
            raise BadInput(f"--grep={pattern!r} is not a basic regular expression: {value.strip()}")
        if kind == "reversed":
            raise BadInput(f"--until is before --since, by the clock of {self.host.name}. Nothing was shown.")
        if kind in ("line", "more", "live", "at") and self._unreadable:
            names = ", ".join(self._unreadable)
            yield Remark(self.host.name, f"skipped, permission denied for {self.host.account}: {names}")
            self._unreadable.clear()
        if kind == "live":
            yield Live(self.host.name)
            return
        if not (number.isascii() and number.isdigit() and 1 <= int(number[:9]) <= len(self._logs)):
            yield LogLine(self.host.name, "(not understood)", fact)
            return
        log = self._logs[int(number) - 1]
        if kind in ("line", "more", "at"):
            position, _, rest = rest.partition(" ")
            self._note(int(number), position)
            if kind != "at":
                time, _, text = rest.partition(" ")
                time, _, length = time.partition(",")
                text += f"… (line of {int(length):,} characters)" if length else ""
                yield LogLine(self.host.name, log.label, text, float(time), kind == "more")
        elif kind == "spoiled" and (text := spoiled(log, rest)):
            if text not in self._spoiled:
                self._spoiled.add(text)
                yield LogLine(self.host.name, log.label, f"({text})")
        elif kind in STATES:
            yield from self._state(int(number), log, kind)
        else:
            yield LogLine(self.host.name, "(not understood)", fact)

    def _note(self, number: int, position: str) -> None:
        known = self._positions.setdefault(number, {})
        known.pop("none", None)
        known[position.partition(":")[0]] = position
        while len(known) > FILES:
            del known[next(iter(known))]

    def _state(self, number: int, log: Log, state: str) -> Iterator[LogLine]:
        if self._states.get(number) == state and state not in ("cut", "gap"):
            return
        self._states[number] = state
        if log.asked or state in ("cut", "gap"):
            yield LogLine(self.host.name, log.label, f"({STATES[state].format(log.path)})")
        elif state == "unreadable":
            self._unreadable.append(log.label)
