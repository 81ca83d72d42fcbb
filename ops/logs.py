"""The logs of a host's programs: their last lines, and the new ones of several hosts as they come."""

import contextlib
import queue
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from threading import Event, Thread

from ops.connection import Heartbeat, Remote
from ops.errors import BadInput, HostError, OperatorError, Unreachable
from ops.schema import Host
from ops.supervisor import log_files

SILENCE = 15.0  # seconds without a beat (the host's comes every 3) after which the line is dead
WAITING = 1000  # lines that may wait to be shown; beyond, the hosts wait
FAREWELL = 2.0  # seconds that the hosts get to be told that nobody reads any more

STATES = {
    "missing": "no log yet: {}",
    "unreadable": "{} cannot be read",
    "nofile": "{} is not a file",
    "ended": "{} is followed no more: its tail was ended on the host",
}


@dataclass(frozen=True)
class LogRequest:
    """Which lines: the last `lines` of each log that match `pattern` (a basic regular expression, "" for all)."""

    lines: int
    pattern: str


@dataclass(frozen=True)
class LogLine:
    """One line of a log, or what is said about the log; `label` names the program."""

    host: str
    label: str
    text: str


def log_paths(host: Host, names: list[str]) -> list[tuple[str, str]]:
    """(label, path) of each log of the programs `names`, each path once."""
    found: dict[str, str] = {}
    for name in names:
        for key, path in log_files(name, host.programs[name], host.log_dir).items():
            found.setdefault(path, f"{name} (stderr)" if key == "stderr_logfile" else name)
    return [(label, path) for path, label in found.items()]


class LogFacts:
    """What remote/tail.sh says, put together to lines; `logs` are (label, path) in the order of the request."""

    def __init__(self, host: str, logs: list[tuple[str, str]], pattern: str = "") -> None:
        self._host = host
        self._logs = logs
        self._pattern = pattern
        self._parts: dict[str, list[str]] = {}

    def read(self, fact: str) -> LogLine | None:
        """The line that `fact` completes, if it does. Raises BadInput where the host refused the pattern."""
        kind, _, value = fact.partition(" ")
        number, _, text = value.partition(" ")
        if kind == "refused":
            raise BadInput(f"--grep={self._pattern!r} is no basic regular expression: {value.strip()}")
        if kind in ("beat", "end"):
            return None
        if not (number.isascii() and number.isdigit() and 1 <= int(number[:9]) <= len(self._logs)):
            return LogLine(self._host, "(not understood)", fact)
        label, path = self._logs[int(number) - 1]
        if kind == "part":
            self._parts.setdefault(number, []).append(text)
            return None
        if kind == "line":
            return LogLine(self._host, label, "".join([*self._parts.pop(number, []), text]))
        if kind in STATES:
            return LogLine(self._host, label, f"({STATES[kind].format(path)})")
        return LogLine(self._host, "(not understood)", fact)


def read_logs(remote: Remote, names: list[str], wanted: LogRequest) -> list[LogLine]:
    """The last lines of the programs' logs. Raises BadInput for a pattern that the host's grep refuses."""
    facts, request = _asked(remote.host, names, wanted, follow=False)
    answer = remote.ask("tail", request)
    lines = [line for line in map(facts.read, answer) if line]
    if not answer or answer[-1] != "end":
        raise HostError(remote.host.name, "the host did not send its logs to their end")
    return lines


def follow_logs(remote: Remote, names: list[str], wanted: LogRequest) -> Iterator[LogLine]:
    """The last lines and then each new one. Ends with Unreachable; BadInput as `read_logs`."""
    facts, request = _asked(remote.host, names, wanted, follow=True)
    dialogue = remote.start("tail", [*request, "end"])
    dialogue.channel.settimeout(SILENCE)
    with Heartbeat(dialogue):
        for fact in dialogue.lines():
            if line := facts.read(fact):
                yield line
        said = dialogue.stderr()
    told = f"; the host said:\n{said}" if said else ""
    raise Unreachable(remote.host.name, f"the stream of log lines ended{told}", next_step="start it again")


def _asked(host: Host, names: list[str], wanted: LogRequest, *, follow: bool) -> tuple[LogFacts, list[str]]:
    logs = log_paths(host, names)
    request = [f"lines {wanted.lines}", f"follow {'yes' if follow else 'no'}"]
    request += [f"pattern {wanted.pattern}"] if wanted.pattern else []
    return LogFacts(host.name, logs, wanted.pattern), [*request, *(f"log {path}" for _, path in logs)]


class Following:
    """The logs of several hosts side by side; while entered, iterate for lines and the errors that hosts end in.

    It ends when no host is left. A thread for each host, none of which keeps the process alive: the one that iterates
    can be interrupted at any time, and leaving ends what runs on the hosts.
    """

    def __init__(
        self,
        programs: list[tuple[Host, list[str]]],
        wanted: LogRequest,
        connect: Callable[[Host], AbstractContextManager[Remote]],
    ) -> None:
        self._wanted = wanted
        self._connect = connect
        self._remotes: list[Remote] = []
        self._over = Event()
        self._said: queue.Queue[LogLine | OperatorError | None] = queue.Queue(WAITING)
        self._threads = [Thread(target=self._follow, args=each, daemon=True) for each in programs]

    def __enter__(self) -> "Following":
        for thread in self._threads:
            thread.start()
        return self

    def __iter__(self) -> Iterator[LogLine | OperatorError]:
        left = len(self._threads)
        while left:
            said = self._said.get()
            if said is None:
                left -= 1
            else:
                yield said

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for remote in list(self._remotes):
            with contextlib.suppress(OSError, EOFError):
                remote.connection.close()
        end = time.monotonic() + FAREWELL
        while any(thread.is_alive() for thread in self._threads) and time.monotonic() < end:
            with contextlib.suppress(queue.Empty):  # a thread may wait for room to say something
                self._said.get(timeout=0.05)

    def _follow(self, host: Host, names: list[str]) -> None:
        try:
            with self._connect(host) as remote:
                self._remotes.append(remote)
                if self._over.is_set():
                    return
                for line in follow_logs(remote, names, self._wanted):
                    self._said.put(line)
        except OperatorError as error:
            self._said.put(error)
        finally:
            self._said.put(None)
