"""What the operator's side says during a change: a Verdict, or an empty line from time to time as a sign of life.

A closed input and a long silence are words, too; only the first word counts. During a bake another one does, and once
the change has ended an empty Verdict says that this was read.
"""

import os
import threading
import time

from ops.agent.lines import from_line
from ops.agent.transaction_messages import Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO

LOST = "the connection to the operator was lost"


class OperatorWords:
    """Reads `source`, a pipe or a socket, in a thread of its own; `limit` is in seconds of silence."""

    def __init__(self, source: "BinaryIO", limit: float) -> None:
        self._source = source
        self._limit = limit
        self._heard = time.monotonic()
        self._said: Verdict | None = None
        self._later = ""  # a reason that was said after the first word
        self._lost = ""  # why the operator's side is gone
        self._is_needed, self._is_over = True, False
        self.is_ended_by_operator = False  # not by a signal, nor by a lost connection
        self._change = threading.Condition()
        self._read_end = False
        os.set_blocking(source.fileno(), False)
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def unwanted(self) -> str:
        """Why the change is not wanted any more; "" as long as it is."""
        return self._said.reason if self._said else ""

    def hear(self, reason: str) -> None:
        """Take this for what the operator's side says."""
        self._take(Verdict(reason=reason))

    def decide(self, said: Verdict) -> None:
        """An operator has said this, here or in another task."""
        self.is_ended_by_operator = self.is_ended_by_operator or bool(said.reason)
        self._take(said)

    def lose(self, reason: str) -> None:
        """The operator's side is gone, for now; a reason to roll back, if it is needed."""
        self._lost = self._lost or reason
        if self._is_needed and self._said is None:
            self.hear(reason)

    def verdict(self) -> Verdict:
        """Wait for the first word."""
        with self._change:
            self._change.wait_for(lambda: self._said is not None)
            return self._said or Verdict(reason=LOST)

    def listen_on(self, *, is_needed: bool) -> None:
        """After a verdict that keeps the change: listen for another word; whether the operator's side `is_needed`."""
        with self._change:
            self._is_needed = is_needed
            self._said = Verdict(reason=self._later) if self._later else None
        if self._lost:
            self.lose(self._lost)

    def end(self) -> None:
        """What is said from now on changes nothing."""
        with self._change:
            self._is_over = True

    def has_read_the_end(self, seconds: float) -> bool:
        """Whether the operator's side says within so many seconds that it has read how the change ended."""
        with self._change:
            return self._change.wait_for(lambda: self._read_end or bool(self._lost), seconds) and self._read_end

    def _take(self, said: Verdict) -> None:
        with self._change:
            if self._is_over:
                self._read_end = self._read_end or not said.reason
            elif self._said is None:
                self._said = said
            elif said.reason:
                self._later = self._later or said.reason
            self._change.notify_all()

    def _listen(self) -> None:
        import select

        rest = b""
        while True:
            part = self._source.read()  # what there is; None if nothing has come
            if part == b"":
                self.lose(LOST)
                with self._change:
                    self._change.notify_all()
                return
            if part:
                self._heard, self._lost = time.monotonic(), ""
                *lines, rest = (rest + part).split(b"\n")
                for line in filter(None, lines):
                    self._read(line.decode("utf-8", "replace"))
            elif time.monotonic() - self._heard > self._limit and not self._lost:
                self.lose(f"nothing was heard from the operator for {self._limit:.0f} seconds")
            else:
                select.select([self._source], [], [], 0.5)

    def _read(self, line: str) -> None:
        try:
            said = from_line(line)
        except ValueError:
            said = None
        if isinstance(said, Verdict):
            self.decide(said)
        else:
            self.hear(f"the operator's side said what is no verdict: {line[:60]}")
