"""Lines of bytes from a host, within limits of time and memory."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PIECE = 65_536  # bytes read at a time
LINE_BYTES = 16 * 2**20  # of one line: a file's content in base64
ANSWER_BYTES = 64 * 2**20  # of a whole answer
STDERR_BYTES = 64 * 2**10  # kept of standard error; the rest is read too, or the host would wait
CHECK_SECONDS = 1.0  # seconds between two reads of standard error while nothing else comes


@dataclass(frozen=True)
class Limits:
    """Limits of one answer: seconds without a byte, seconds and bytes in all (None: no limit), bytes of a line."""

    silence: float = math.inf
    seconds: float | None = None
    total: int | None = ANSWER_BYTES
    line: int = LINE_BYTES


class OverLimit(Exception):
    """A host's answer passed a limit; the text says which."""


class LineReader:
    """The lines that come over a paramiko channel; the end of standard error is kept."""

    def __init__(self, channel: Any, limits: Limits) -> None:
        self.channel = channel
        self.limits = limits
        self.stderr = b""
        self._received = bytearray()

    def lines(self) -> Iterator[bytes]:
        """Each line without its line end, until the host closes; a last line without one is left in `rest`.

        Raises OverLimit, and what the channel raises if the connection is lost.
        """
        searched = size = 0
        begun = time.monotonic()
        while True:
            end = self._received.find(b"\n", searched)
            if end >= 0:
                line = bytes(self._received[:end])
                del self._received[: end + 1]
                searched = 0
                yield line
                continue
            searched = len(self._received)
            if searched > self.limits.line:
                raise OverLimit(f"a line of its answer is longer than {self.limits.line // 2**20} MB")
            data = self._receive(begun)
            if not data:
                return
            size += len(data)
            if self.limits.total is not None and size > self.limits.total:
                raise OverLimit(f"its answer is larger than {self.limits.total // 2**20} MB")
            self._received += data

    def _receive(self, begun: float) -> bytes:
        """The next bytes; empty at the end."""
        silent_since = time.monotonic()
        while True:
            self.drain_stderr()
            now = time.monotonic()
            if self.limits.seconds is not None and now - begun > self.limits.seconds:
                raise OverLimit(f"its answer is not complete after {self.limits.seconds:g} seconds")
            if now - silent_since > self.limits.silence:
                raise OverLimit(f"it printed nothing for {self.limits.silence:g} seconds")
            self.channel.settimeout(min(CHECK_SECONDS, self.limits.silence))
            try:
                data: bytes = self.channel.recv(PIECE)
            except TimeoutError:
                continue
            return data

    @property
    def rest(self) -> bytes:
        """What came after the last complete line."""
        return bytes(self._received)

    def drain_stderr(self) -> None:
        """Read standard error, and keep the end of it."""
        while self.channel.recv_stderr_ready():
            self.stderr = (self.stderr + self.channel.recv_stderr(PIECE))[-STDERR_BYTES:]
