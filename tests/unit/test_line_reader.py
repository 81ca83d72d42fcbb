"""A host's answer takes no more memory and no more time than it may, whatever the host sends."""

import time
import tracemalloc
from collections.abc import Iterator

import pytest

from ops.ssh.line_reader import Limits, LineReader, OverLimit

LIMITS = Limits(silence=5.0, seconds=5.0, total=2**20, line=2**18)


class Host:
    """A channel over which `pieces` come, one at a time; `stderr` bytes lie there before each."""

    def __init__(self, pieces: Iterator[bytes], stderr: bytes = b"") -> None:
        self._pieces, self._stderr, self._unread = pieces, stderr, b""

    def settimeout(self, seconds: float) -> None:
        self.seconds = seconds

    def recv(self, size: int) -> bytes:
        assert not self._unread, "standard error is full: a real host would wait here"
        self._unread = self._stderr
        piece = next(self._pieces, b"")
        assert len(piece) <= size
        if piece == b"late":
            time.sleep(self.seconds)
            raise TimeoutError
        return piece

    def recv_stderr_ready(self) -> bool:
        return bool(self._unread)

    def recv_stderr(self, _: int) -> bytes:
        said, self._unread = self._unread, b""
        return said


def forever(piece: bytes) -> Iterator[bytes]:
    while True:
        yield piece


def test_lines_come_whole_however_they_are_cut() -> None:
    reader = LineReader(Host(iter([b"a", b"b\nc", b"\n\nd\ne"])), LIMITS)
    assert list(reader.lines()) == [b"ab", b"c", b"", b"d"]


@pytest.mark.parametrize("piece", [b"x" * 65536, b"x" * 65535 + b"\n", b"\n" * 65536])
def test_endless_host_output_stops_at_limit_with_little_memory(piece: bytes) -> None:
    reader = LineReader(Host(forever(piece)), LIMITS)
    tracemalloc.start()
    with pytest.raises(OverLimit):
        for _ in reader.lines():
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20


def test_slow_trickle_from_host_stops_at_total_time_limit() -> None:
    reader = LineReader(Host(forever(b"late")), Limits(silence=60.0, seconds=0.0))
    with pytest.raises(OverLimit):
        next(reader.lines())


def test_a_silent_host_ends_at_the_limit_of_silence() -> None:
    reader = LineReader(Host(forever(b"late")), Limits(silence=0.01))
    with pytest.raises(OverLimit):
        next(reader.lines())


def test_reader_drains_standard_error_and_keeps_its_end() -> None:
    reader = LineReader(Host(iter([b"a\n"] * 30), stderr=b"noise " * 10_000), LIMITS)
    assert len(list(reader.lines())) == 30
    assert 0 < len(reader.stderr) <= 65_536
