"""A stand-in for paramiko's channel, for tests: what a host sends is given, what it gets is kept."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from threading import Event
from types import SimpleNamespace

ALWAYS_READABLE = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


class Stderr(bytes):
    """Bytes that the host sends to standard error."""


Piece = bytes | Exception


class FakeChannel:
    """A channel over which `pieces` come in order: bytes, `Stderr`, or an exception that `recv` raises.

    A TimeoutError comes after the channel's time limit. `code` is the command's exit status, None while it runs;
    `answer` gets what is sent, and returns further pieces. Like a real host, it sends nothing more while its standard
    error is not read: then `recv` raises AssertionError.
    """

    transport = SimpleNamespace(is_active=lambda: True)
    closed = False

    def __init__(
        self,
        pieces: Iterable[Piece] = (),
        code: int | None = 0,
        answer: Callable[[bytes], Iterable[Piece]] | None = None,
    ) -> None:
        self._pieces: Iterator[Piece] = iter(pieces)
        self._next: Piece | None = None
        self._answer = answer
        self.sent = b""
        self.timeout: float | None = None
        self.exit_status = code
        self.eof_received = code is not None
        self.status_event = Event()

    def _peek(self) -> Piece | None:
        if self._next is None:
            self._next = next(self._pieces, None)
        return self._next

    def _take(self) -> Piece | None:
        piece, self._next = self._peek(), None
        return piece

    def recv(self, size: int) -> bytes:
        """The next bytes of standard output; empty at the end."""
        if self.recv_stderr_ready():
            raise AssertionError("standard error is full: a real host would wait here")
        piece = self._take()
        if isinstance(piece, TimeoutError):
            time.sleep(self.timeout or 0)
        if isinstance(piece, Exception):
            raise piece
        piece = piece or b""
        self._next = piece[size:] or None
        return piece[:size]

    def recv_stderr(self, _: int) -> bytes:
        """The next bytes of standard error; empty if there are none now."""
        piece = self._take() if self.recv_stderr_ready() else None
        return piece if isinstance(piece, Stderr) else b""

    def recv_ready(self) -> bool:
        """Whether bytes of standard output are next."""
        return self._peek() is not None and not self.recv_stderr_ready()

    def recv_stderr_ready(self) -> bool:
        """Whether bytes of standard error are next."""
        return isinstance(self._peek(), Stderr)

    def sendall(self, data: bytes) -> None:
        """Keep what is sent, and let the host answer."""
        self.sent += data
        if self._answer:
            self._pieces = iter([*self._pieces, *self._answer(data)])

    def settimeout(self, seconds: float) -> None:
        """Note the limit."""
        self.timeout = seconds

    def shutdown_write(self) -> None:
        """The end of the input."""

    def close(self) -> None:
        """The end of the channel."""
        self.closed = True

    def exit_status_ready(self) -> bool:
        """Whether the command has ended."""
        return self.exit_status is not None

    def fileno(self) -> int:
        """A descriptor that can always be read."""
        return ALWAYS_READABLE
