"""A script that reads logs, run here as a host would run it, and logs for it."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Any

from ops.errors import BadInput
from ops.inventory.loader import read_inventory
from ops.logs.catalog import Log
from ops.logs.stream import HostLogs, LogLine, LogRequest
from ops.project import PROJECT
from ops.scripts import running
from tests.scripts.remote import SHELLS, sent


class Reading:
    """A script that reads logs, its operator's side held open; `source` is that side, which may read on later."""

    def __init__(self, shell: str, source: HostLogs, **environment: str) -> None:
        text = sent("logs", environment.get("PATH", ""))
        self.source = source
        self.running = subprocess.Popen(
            [*SHELLS[shell], "-c", running(text.decode())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"]} | environment,
            start_new_session=True,
        )
        assert self.running.stdin
        self.running.stdin.write(text + "".join(f"{line}\n" for line in [*source.request(), "end"]).encode())
        self.running.stdin.flush()
        self.facts: list[str] = []
        self.lines: list[str] = []
        self.error: Exception | None = None
        self.reader = Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.running.stdout
        try:
            for raw in self.running.stdout:
                self.facts.append(raw.decode(errors="replace").rstrip("\n"))
                if len(self.facts) > 1 and self.facts[-1] != "end":
                    told = self.source.understand(self.facts[-1])
                    self.lines.extend(f"{line.label} {line.text}" for line in told if isinstance(line, LogLine))
        except BadInput as error:
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
        return "live" in self.facts

    def __enter__(self) -> "Reading":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait()
        self.reader.join()
        for stream in (self.running.stdin, self.running.stdout):
            assert stream
            stream.close()


def logs_of(*paths: Path, asked: bool = True, **wanted: Any) -> HostLogs:
    """The logs at `paths`, numbered from 1, as the operator's side asks for them."""
    host = read_inventory(PROJECT / "hosts.toml").choose("pomsgpvm01", everywhere=False)[0]
    logs = [Log(str(number), str(path), asked) for number, path in enumerate(paths, 1)]
    return HostLogs(host, logs, LogRequest(**wanted))


def shown(shell: str, source: HostLogs, **environment: str) -> list[str]:
    """What the operator reads of logs that are read to their end."""
    with Reading(shell, source, **environment) as reading:
        until(lambda: {"end", "failed"} & set(reading.facts[-1:]) or reading.error, 30)
        if reading.error:
            raise reading.error
        assert reading.facts[-1] == "end"
        return list(reading.lines)


def until(condition: Callable[[], object], seconds: float = 10) -> None:
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
    """As supervisord does: the newest is .1, and the log is made anew."""
    for number in range(keep, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    path.replace(path.with_name(f"{path.name}.1"))
    path.touch()
