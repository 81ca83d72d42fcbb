"""A host's answer takes no more memory and no more time than it may, whatever the host sends."""

import tracemalloc
from collections.abc import Iterator

import pytest

from ops.ssh.fake_channel import FakeChannel, Piece, Stderr
from ops.ssh.line_reader import Limits, LineReader, OverLimit

LIMITS = Limits(silence=5.0, seconds=5.0, total=2**20, line=2**18)


def forever(piece: Piece) -> Iterator[Piece]:
    while True:
        yield piece


def test_lines_come_whole_however_they_are_cut() -> None:
    reader = LineReader(FakeChannel([b"a", b"b\nc", b"\n\nd\ne"]), LIMITS)
    assert list(reader.lines()) == [b"ab", b"c", b"", b"d"]


@pytest.mark.parametrize("piece", [b"x" * 65536, b"x" * 65535 + b"\n", b"\n" * 65536])
def test_endless_host_output_stops_at_limit_with_little_memory(piece: bytes) -> None:
    reader = LineReader(FakeChannel(forever(piece)), LIMITS)
    tracemalloc.start()
    with pytest.raises(OverLimit):
        for _ in reader.lines():
            pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 2**20


def test_slow_trickle_from_host_stops_at_total_time_limit() -> None:
    reader = LineReader(FakeChannel(forever(TimeoutError())), Limits(silence=60.0, seconds=0.0))
    with pytest.raises(OverLimit):
        next(reader.lines())


def test_a_silent_host_ends_at_the_limit_of_silence() -> None:
    reader = LineReader(FakeChannel(forever(TimeoutError())), Limits(silence=0.01))
    with pytest.raises(OverLimit):
        next(reader.lines())


def test_reader_drains_standard_error_and_keeps_its_end() -> None:
    reader = LineReader(FakeChannel([b"a\n", Stderr(b"noise " * 10_000)] * 30), LIMITS)
    assert len(list(reader.lines())) == 30
    assert 0 < len(reader.stderr) <= 65_536
