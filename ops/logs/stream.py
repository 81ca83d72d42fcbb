"""The logs of one host: their last lines, then new ones, across rotation and lost connections."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec

from ops.agent.logs_messages import (
    LogDamage,
    LogLines,
    LogPatternRefused,
    LogsLive,
    LogsRequest,
    LogState,
    LogTimesReversed,
)
from ops.agent.messages import Message
from ops.errors import BadInput, Unreachable, read_answer
from ops.logs.catalog import Log
from ops.schema import Host
from ops.ssh.agent_answers import is_end
from ops.ssh.line_reader import Limits
from ops.ssh.session import Heartbeat, Remote

SILENCE = 15.0  # seconds without a heartbeat (the host sends one every 3) after which the connection is dead
FILES = 3  # files of a log whose positions are stored: old Apache processes still write to a rotated file

STATES = {
    "missing": "no log yet: {}",
    "unreadable": "{} cannot be read",
    "nofile": "{} is not a file",
    "cut": "{} was emptied; the last lines before that may be missing",
    "gap": "the old file of {} is gone; the lines since the last read may be missing",
}

DAMAGES = {  # of one file of a log
    "torn": "{} is incomplete: it was cut off, or is still being compressed",
    "broken": "{} is damaged, and only its beginning can be read",
    "unknown": "{} is skipped: no tool on the host can decompress it; fab fetch-logs fetches it as is",
}


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


def damage(log: Log, told: LogDamage) -> str:
    """What is wrong with one of the log's files. Raises LookupError or ValueError for an answer without a sense."""
    return DAMAGES[told.problem].format(PurePosixPath(log.path).with_name(told.file))


def log_of(logs: list[Log], number: int) -> Log:
    """The log of a number in an answer. Raises LookupError."""
    if number < 1:
        raise LookupError(f"no log {number}")
    return logs[number - 1]


def ask_reader(remote: Remote, request: Message, silence: float) -> Iterator[Message]:
    """The messages of the answer up to its end, with no pause of more than `silence` seconds.

    Raises Unreachable where the connection is lost, HostError where the host cannot read its logs.
    """
    session = remote.start_agent(request)
    session.limit(Limits(silence, total=None))
    with Heartbeat(session):
        for message in session.messages():
            if is_end(remote.host.name, message):
                return
            yield message
        said = session.stderr()
    told = f"; the host said:\n{said}" if said else ""
    raise Unreachable(remote.host.name, f"the stream of log lines ended{told}")


class HostLogs:
    """The logs of one host, and how far they are read: a second `read` continues where the first one stopped.

    `wanted` says which lines; `logs` and `positions` are filled in.
    """

    def __init__(self, host: Host, logs: list[Log], wanted: LogsRequest) -> None:
        self.host = host
        self._logs = logs
        self._wanted = wanted
        self._positions: dict[int, dict[str, str]] = {}  # per log: the host's name for a file, to its position
        self._states: dict[int, str] = {}
        self._unreadable: list[str] = []
        self._damages: set[str] = set()  # texts already printed

    @property
    def begun(self) -> bool:
        """Whether anything was read."""
        return bool(self._positions)

    def read(self, remote: Remote) -> Iterator[LogLine | Remark | Live]:
        """The lines that were not read yet; with `follow`, until the connection is lost.

        Raises Unreachable for a lost connection, BadInput for a pattern that the host's grep refuses, HostError where
        the host cannot read its logs.
        """
        for message in ask_reader(remote, self.request(), SILENCE):
            with read_answer(self.host.name, "logs"):
                told = [*self.understand(message)]
            yield from told

    def request(self) -> LogsRequest:
        """The request to the agent."""
        positions = [[*self._positions.get(number, {}).values()] for number in range(1, len(self._logs) + 1)]
        logs = [log.requested() for log in self._logs]
        return msgspec.structs.replace(self._wanted, logs=logs, positions=positions if self.begun else [])

    def understand(self, message: Message) -> Iterator[LogLine | Remark | Live]:
        """What the operator gets for one message. Raises LookupError or ValueError for one without a sense."""
        match message:
            case LogPatternRefused():
                pattern = self._wanted.pattern
                raise BadInput(f"--grep={pattern!r} is not a basic regular expression: {message.message.strip()}")
            case LogTimesReversed():
                raise BadInput(f"--until is before --since, by the clock of {self.host.name}. Nothing was shown.")
            case LogLines():
                yield from self._skipped()
                for number, position in message.positions:
                    self._note(number, position)
                for number, time, text, length, continues in message.lines:
                    text += f"… (line of {length:,} characters)" if length else ""
                    yield LogLine(self.host.name, log_of(self._logs, number).label, text, time, continues)
            case LogsLive():
                yield from self._skipped()
                yield Live(self.host.name)
            case LogDamage():
                log = log_of(self._logs, message.log)
                text = damage(log, message)
                if text not in self._damages:
                    self._damages.add(text)
                    yield LogLine(self.host.name, log.label, f"({text})")
            case LogState():
                yield from self._state(message.log, message.state)
            case _:
                raise ValueError(f"unexpected {type(message).__name__}")

    def _skipped(self) -> Iterator[Remark]:
        if self._unreadable:
            names = ", ".join(self._unreadable)
            yield Remark(self.host.name, f"skipped, permission denied for {self.host.account}: {names}")
            self._unreadable.clear()

    def _note(self, number: int, position: str) -> None:
        log_of(self._logs, number)
        known = self._positions.setdefault(number, {})
        known.pop("none", None)
        known[position.partition(":")[0]] = position
        while len(known) > FILES:
            del known[next(iter(known))]

    def _state(self, number: int, state: str) -> Iterator[LogLine]:
        log, text = log_of(self._logs, number), STATES[state]
        if self._states.get(number) == state and state not in ("cut", "gap"):
            return
        self._states[number] = state
        if log.asked or state in ("cut", "gap"):
            yield LogLine(self.host.name, log.label, f"({text.format(log.path)})")
        elif state == "unreadable":
            self._unreadable.append(log.label)
