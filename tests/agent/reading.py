"""Logs that are read here by the agent, in this process or as a host would start it."""

import contextlib
import os
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import msgspec
import pytest

from ops.agent import log_bundle, logs
from ops.agent.lines import to_line
from ops.agent.logs_messages import LogsLive, LogsRequest
from ops.agent.main import answers_to
from ops.agent.messages import Message
from ops.errors import OperatorError
from ops.inventory.loader import read_inventory
from ops.logs.catalog import Log
from ops.logs.stream import HostLogs, LogLine
from ops.project import PROJECT
from ops.ssh.agent_answers import is_end, read_messages
from ops.ssh.agent_start import GREETING
from tests.agent import local_agent


def answered(request: Message) -> Iterator[Message]:
    """The messages of an answer up to its end, as they travel. Raises HostError for one that has no good end."""
    line = msgspec.json.encode(request).decode()
    with pytest.MonkeyPatch.context() as patch:  # nobody is there who could be gone
        for module in (log_bundle, logs):
            patch.setattr(module, "watch", lambda _: None)
        for message in read_messages("here", map(to_line, answers_to(line))):
            if not is_end("here", message):
                yield message


def told(source: HostLogs, messages: Iterable[Message]) -> Iterator[str]:
    """What the operator reads."""
    for message in messages:
        for line in source.understand(message):
            if isinstance(line, LogLine):
                yield f"{line.label} {line.text}"


def shown(source: HostLogs) -> list[str]:
    """What the operator reads of logs that are read to their end."""
    return list(told(source, answered(source.request())))


class Reading:
    """The agent that reads logs, started as on a host, its operator's side held open.

    `source` is that side, which may read on later.
    """

    def __init__(self, source: HostLogs, **environment: str) -> None:
        self.source = source
        self.running = local_agent.start("dash", source.request(), **environment)
        self.messages: list[Message] = []
        self.lines: list[str] = []
        self.error: OperatorError | None = None
        self.has_ended = False
        self.reader = Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.running.stdout
        lines = (raw.decode().rstrip("\n") for raw in self.running.stdout)
        try:
            assert next(lines) == GREETING
            for message in read_messages("here", lines):
                if is_end("here", message):
                    self.has_ended = True
                    return
                self.lines.extend(told(self.source, [message]))
                self.messages.append(message)
        except OperatorError as error:
            self.error = error

    def alive(self) -> int:
        """How many processes of its session there are."""
        found = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                found += fields[3] == str(self.running.pid) and fields[0] != "Z"
        return found

    def is_live(self) -> bool:
        """Whether all that was written before has come."""
        return any(isinstance(message, LogsLive) for message in self.messages)

    def __enter__(self) -> "Reading":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait()
        self.reader.join()
        for stream in (self.running.stdin, self.running.stdout, self.running.stderr):
            assert stream
            stream.close()


def logs_of(*paths: Path, asked: bool = True, **wanted: Any) -> HostLogs:
    """The logs at `paths`, numbered from 1, as the operator's side asks for them."""
    host = read_inventory(PROJECT / "hosts.toml").choose("pomsgpvm01", everywhere=False)[0]
    logs = [Log(str(number), str(path), asked) for number, path in enumerate(paths, 1)]
    return HostLogs(host, logs, LogsRequest(**wanted))


def until(condition: Any, seconds: float = 10) -> None:
    """Wait for the condition, or fail."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.02)


def append(path: Path, *lines: str) -> None:
    """Write lines at the end of a file."""
    with path.open("a") as file:
        for line in lines:
            file.write(f"{line}\n")


def rotate(path: Path, keep: int = 9) -> None:
    """As supervisord does: the newest is .1, and the log is created again."""
    for number in range(keep, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    path.replace(path.with_name(f"{path.name}.1"))
    path.touch()
