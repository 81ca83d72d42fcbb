"""Lines of bytes from a host, within limits: no host can take more memory or time than an answer may."""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

PIECE = 65_536  # bytes read at a time
LINE_BYTES = 16 * 2**20  # of one line: a file's content in base64
ANSWER_BYTES = 64 * 2**20  # of a whole answer
STDERR_BYTES = 64 * 2**10  # kept of what the tools print; the rest is read, for the host would wait otherwise
LOOK_EVERY = 1.0  # seconds between two looks at standard error while nothing else comes


@dataclass(frozen=True)
class Limits:
    """Of one answer: seconds without a byte, seconds and bytes in all (None: no limit), bytes of one line."""

    silence: float = math.inf
    seconds: float | None = None
    total: int | None = ANSWER_BYTES
    line: int = LINE_BYTES


class OverLimit(Exception):
    """A host's answer passed a limit; the text says which."""


class LineReader:
    """The lines that come over a paramiko channel; what comes beside them, on standard error, is kept in part."""

    def __init__(self, channel: Any, limits: Limits) -> None:
        self.channel = channel
        self.limits = limits
        self.stderr = b""
        self._received = bytearray()

    def lines(self) -> Iterator[bytes]:
        """Each line without its end, until the host closes; one without an end is left in `rest`.

        Raises OverLimit, and what the channel raises where the connection is lost.
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
                raise OverLimit(f"its answer is not whole after {self.limits.seconds:g} seconds")
            if now - silent_since > self.limits.silence:
                raise OverLimit(f"it said nothing for {self.limits.silence:g} seconds")
            self.channel.settimeout(min(LOOK_EVERY, self.limits.silence))
            try:
                data: bytes = self.channel.recv(PIECE)
            except TimeoutError:
                continue
            return data

    @property
    def rest(self) -> bytes:
        """What came behind the last line, without an end."""
        return bytes(self._received)

    def drain_stderr(self) -> None:
        """Read what the tools have printed, and keep the last of it."""
        while self.channel.recv_stderr_ready():
            self.stderr = (self.stderr + self.channel.recv_stderr(PIECE))[-STDERR_BYTES:]
