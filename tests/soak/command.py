"""One run of fab, with what it printed and when."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import IO

from tests.lab.site import Site
from tests.soak.plan import Task
from tests.soak.versions import HOST

Note = Callable[[str], None]


class Command:
    """A run of fab that has been started; `code` is None until it has ended."""

    def __init__(self, site: Site, task: Task, inventory: Path, note: Note) -> None:
        self.task = task
        self.killed = self._noted = False
        self.lines: list[str] = []
        self._note = note
        note(f"$ fab {' '.join(task.words)}   # inventory {task.inventory}")
        self._process = site.start("-H", HOST, *task.words, inventory=inventory)
        assert self._process.stdout
        assert self._process.stderr
        self._readers = [
            Thread(target=self._read, args=(stream,), daemon=True)
            for stream in (self._process.stdout, self._process.stderr)
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                self.lines.append(line.rstrip("\n"))
                self._note(f"    {self.task.name}| {line.rstrip()}")

    @property
    def code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    @property
    def text(self) -> str:
        """All that it has printed so far, on both streams."""
        return "\n".join(self.lines)

    def kill(self) -> None:
        """By -9: the operator's machine dies."""
        self.killed = True
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)

    def wait(self, seconds: float) -> bool:
        """Until it has ended; whether it has within that time."""
        end = time.monotonic() + seconds
        while self.code is None and time.monotonic() < end:
            time.sleep(0.05)
        if self.code is None:
            return False
        for reader in self._readers:
            reader.join(timeout=5)
        if not self._noted:
            self._note(f"    {self.task.name}| exit code {self.code}")
        self._noted = True
        return True
