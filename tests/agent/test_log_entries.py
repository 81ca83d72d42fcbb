"""What belongs together in a log, where it ends, and where its last lines are."""

import bz2
import gzip
import lzma
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ops.errors import BadInput
from ops.logs.stream import LogLine
from tests.agent.reading import Reading, answered, append, logs_of, rotate, shown, until

NOW = int(time.time())
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": partial(bz2.compress, compresslevel=1),
}
TRACEBACK = (
    "Traceback (most recent call last):",
    '  File "/home/poms/a.py", line 3, in job',
    '    run("2020-01-01 00:00:00")',
    "ValueError: no such job",
)
CHAIN = (*TRACEBACK, "", "During handling of the above exception, another exception occurred:", "", *TRACEBACK)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "a.log"


def clock(seconds_ago: float) -> str:
    """As logs write it: a time before these tests began."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOW - seconds_ago))


def stamp(seconds_ago: float, text: str) -> str:
    return f"{clock(seconds_ago)},250 {text}"


def request(seconds_ago: float, text: str) -> str:
    """As uWSGI logs it."""
    return time.strftime(f"127.0.0.1 [%a %b %d %H:%M:%S %Y] {text}", time.localtime(NOW - seconds_ago))


def write(path: Path, *lines: str) -> None:
    path.write_text("".join(f"{line}\n" for line in lines))


def texts(lines: list[str]) -> list[str]:
    """Without the number of their log."""
    return [line.partition(" ")[2] for line in lines]


# ---- until


def test_until_omits_later_lines(log: Path) -> None:
    lines = [stamp(1000 - number, f"INFO line {number}") for number in range(1000)]
    write(log, *lines)
    found = shown(logs_of(log, since=clock(800), until=clock(790)))
    assert texts(found) == lines[200:210]
    assert texts(shown(logs_of(log, lines=3, until=clock(500)))) == lines[497:500]
    ago = texts(shown(logs_of(log, lines=3, until=500)))
    assert len(ago) == 3
    assert ago[-1][:19] <= time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(time.time() - 500))


def test_until_omits_traceback_of_later_entry(log: Path) -> None:
    write(log, stamp(60, "INFO before"), "  and more of it", stamp(30, "ERROR later"), *TRACEBACK)
    found = shown(logs_of(log, since=900, until=clock(50)))
    assert texts(found) == [stamp(60, "INFO before"), "  and more of it"]


def test_until_finds_earlier_lines_after_later_ones(log: Path) -> None:
    """Requests are logged when they end, with the time at which they began."""
    write(log, request(900, "GET /a"), request(400, "GET /b"), request(850, "GET /c"), request(100, "GET /d"))
    found = shown(logs_of(log, since=2000, until=clock(800)))
    assert [line[-1] for line in found] == ["a", "c"]
    assert [line[-1] for line in shown(logs_of(log, lines=2, until=clock(800)))] == ["a", "c"]


@pytest.mark.parametrize("suffix", ["", *PACKERS])
def test_last_lines_until_time_come_from_two_rotated_files(log: Path, suffix: str) -> None:
    old, older = ([stamp(start - number, f"INFO {start} {number}") for number in range(50)] for start in (3000, 5000))
    for number, lines in ((1, old), (2, older)):
        path = log.with_name(f"a.log.{number}{suffix}")
        path.write_bytes(PACKERS.get(suffix, bytes)("".join(f"{line}\n" for line in lines).encode()))
    write(log, stamp(100, "INFO now"))
    found = shown(logs_of(log, lines=30, until=clock(2980)))
    assert texts(found) == older[-10:] + old[:20]


def test_host_refuses_until_earlier_than_since(log: Path) -> None:
    write(log, stamp(60, "INFO a"))
    with pytest.raises(BadInput, match="--until"):
        shown(logs_of(log, since=60, until=clock(3600)))


# ---- what belongs together


def test_ignore_case_matches_pattern_in_any_case(log: Path) -> None:
    write(log, stamp(9, "INFO Error a"), stamp(8, "INFO b"), stamp(7, "INFO ERROR c"))
    assert texts(shown(logs_of(log, pattern="error"))) == []
    found = texts(shown(logs_of(log, pattern="error", ignore_case=True)))
    assert found == [stamp(9, "INFO Error a"), stamp(7, "INFO ERROR c")]


def test_traceback_is_not_split_by_simultaneous_lines_of_other_logs(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    write(second, stamp(9, "ERROR a"), *CHAIN, stamp(9, "ERROR b"), *CHAIN)
    write(first, stamp(10, "INFO before"), *[stamp(9, f"INFO {number}") for number in range(30)])
    found = shown(logs_of(first, second, lines=60))
    mine = [number for number, line in enumerate(found) if line.startswith("2 ")]
    assert len(mine) == 2 + 2 * len(CHAIN)
    assert found[mine[0] : mine[0] + 1 + len(CHAIN)] == [f"2 {line}" for line in (stamp(9, "ERROR a"), *CHAIN)]
    assert found[mine[-1] - len(CHAIN) : mine[-1] + 1] == [f"2 {line}" for line in (stamp(9, "ERROR b"), *CHAIN)]


@pytest.mark.parametrize("pattern", ["ERROR a", "no such job", "During handling"])
def test_pattern_shows_whole_matching_entry(log: Path, pattern: str) -> None:
    entry = [stamp(9, "ERROR a"), *CHAIN, "and a word more"]
    write(log, stamp(10, "INFO before"), *entry, stamp(8, "INFO behind"))
    for wanted in list[dict[str, Any]]([{"lines": 5}, {"since": 900}]):
        assert texts(shown(logs_of(log, pattern=pattern, **wanted))) == entry


def test_lines_after_request_are_separate_but_traceback_is_whole(log: Path) -> None:
    """uWSGI's log: what the app prints has nothing to do with the request before it."""
    write(log, request(9, "GET /a"), "spawned worker", "oops", *TRACEBACK, "spawned again", request(8, "GET /b"))
    assert texts(shown(logs_of(log, pattern="GET /a"))) == [request(9, "GET /a")]
    assert texts(shown(logs_of(log, pattern="spawned"))) == ["spawned worker", "spawned again"]
    assert texts(shown(logs_of(log, pattern="no such job"))) == list(TRACEBACK)


def test_traceback_is_whole_in_log_without_timestamps(log: Path) -> None:
    write(log, "INFO:root:a", "ERROR:root:b", *CHAIN, "INFO:root:c")
    for pattern in ("root:b", "no such job"):
        assert texts(shown(logs_of(log, pattern=pattern))) == ["ERROR:root:b", *CHAIN]
    assert texts(shown(logs_of(log, pattern="INFO"))) == ["INFO:root:a", "INFO:root:c"]


def test_log_lines_are_marked_as_continuation_of_entry(log: Path) -> None:
    write(log, stamp(9, "ERROR a"), *TRACEBACK, stamp(8, "INFO b"))
    source = logs_of(log)
    told = [each for message in answered(source.request()) for each in source.understand(message)]
    lines = [each for each in told if isinstance(each, LogLine)]
    assert [line.continues for line in lines] == [False, True, True, True, True, False]
    assert len({line.time for line in lines[:5]}) == 1


@pytest.mark.parametrize("wanted", [2, 5, 6])
def test_last_lines_start_at_beginning_of_entry(log: Path, wanted: int) -> None:
    entry = [stamp(9, "ERROR a"), *TRACEBACK]
    write(log, stamp(10, "INFO before"), *entry, stamp(8, "INFO behind"))
    assert texts(shown(logs_of(log, lines=wanted))) == [*entry, stamp(8, "INFO behind")]


def test_endless_log_entry_is_shown_only_in_part(log: Path) -> None:
    write(log, stamp(9, "INFO needle"), *(f"hay {number}" for number in range(200_000)))
    assert texts(shown(logs_of(log, lines=3)))[-3:] == [f"hay {number}" for number in range(199_997, 200_000)]
    assert len(shown(logs_of(log, lines=3))) < 1000
    assert texts(shown(logs_of(log, lines=9, pattern="needle")))[0] == stamp(9, "INFO needle")
    assert len(shown(logs_of(log, lines=9, pattern="needle"))) < 1000


def test_following_shows_whole_entry_of_matching_line(log: Path) -> None:
    write(log, stamp(10, "INFO before"))
    with Reading(logs_of(log, lines=0, pattern="no such job", follow=True)) as reading:
        until(reading.is_live)
        append(log, stamp(9, "ERROR a"), *TRACEBACK[:2])
        with Reading(logs_of(log, lines=0, follow=True)) as other:  # until it has been read for certain
            until(other.is_live)
        append(log, *TRACEBACK[2:], "more of it", stamp(8, "INFO behind"), stamp(7, "ERROR no such job either"))
        until(lambda: len(reading.lines) >= 7)
    assert texts(reading.lines) == [
        stamp(9, "ERROR a"),
        *TRACEBACK,
        "more of it",
        stamp(7, "ERROR no such job either"),
    ]


@pytest.mark.parametrize("read", [0, 1, 3, 5])
def test_entry_is_whole_after_lost_connection(log: Path, read: int) -> None:
    """Whether its line that matches came before or afterwards."""
    write(log, stamp(10, "INFO before"))
    entry = [stamp(9, "ERROR a"), *TRACEBACK]
    source = logs_of(log, lines=0, pattern="no such job", follow=True)
    with Reading(source) as reading:
        until(reading.is_live)
        append(log, *entry[:read])
        until(lambda: read < 5 or len(reading.lines) == 5)
    with Reading(source) as again:
        until(again.is_live)
        append(log, *entry[read:], "more of it", stamp(8, "INFO behind"))
        append(log, stamp(7, "ERROR no such job either"))
        until(lambda: "either" in "".join(again.lines))
    found = texts([*reading.lines, *again.lines])
    assert found == [*entry, "more of it", stamp(7, "ERROR no such job either")]


# ---- long lines


@pytest.mark.parametrize("char", "xé€😀")
def test_long_line_is_shortened_and_shows_its_length(log: Path, char: str) -> None:
    text = "a" + char * 200_000
    write(log, text, "next", "b" + char * 4095)
    whole = "b" + char * 4095
    cut = f"{text[:4096]}… (line of 200,001 characters)"
    assert texts(shown(logs_of(log))) == [cut, "next", whole]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_huge_line_counts_as_one_line(log: Path, suffix: str) -> None:
    text = f"{stamp(60, 'INFO before')}\n{stamp(50, 'x' * 9_000_000)}\n{stamp(40, 'INFO behind')}\n".encode()
    path = log.with_name(f"a.log.1{suffix}") if suffix else log
    path.write_bytes(PACKERS.get(suffix, bytes)(text))
    if suffix:
        write(log, stamp(30, "INFO now"))
    for wanted in list[dict[str, Any]]([{"lines": 4}, {"lines": 9}, {"since": 900}]):
        found = texts(shown(logs_of(log, **wanted)))
        assert len(found) == (4 if suffix else 3)
        length = 9_000_000 + len(stamp(50, ""))
        assert found[1] == f"{stamp(50, 'x' * 5000)[:4096]}… (line of {length:,} characters)"
    assert len(shown(logs_of(log, lines=2))) == 2


def test_huge_line_is_shown_shortened_once_complete(log: Path) -> None:
    write(log, "before")
    with Reading(logs_of(log, follow=True)) as reading:
        until(reading.is_live)
        with log.open("a") as file:
            for _ in range(9):
                file.write("x" * 1_000_000)
                file.flush()
                time.sleep(0.05)
            file.write("\nbehind\n")
        until(lambda: "1 behind" in reading.lines, 20)
    assert reading.lines == ["1 before", f"1 {'x' * 4096}… (line of 9,000,000 characters)", "1 behind"]


# ---- the rotation before


@pytest.mark.parametrize("suffix", ["", *PACKERS])
def test_last_lines_include_previous_rotation(log: Path, suffix: str) -> None:
    old = [stamp(1000 - number, f"INFO line {number}") for number in range(40)]
    new = [stamp(900 - number, f"INFO new {number}") for number in range(3)]
    path = log.with_name(f"a.log.1{suffix}")
    path.write_bytes(PACKERS.get(suffix, bytes)("".join(f"{line}\n" for line in old).encode()))
    write(log.with_name("a.log.2"), stamp(2000, "INFO far too old"))
    write(log, *new)
    assert texts(shown(logs_of(log))) == old[-17:] + new
    assert texts(shown(logs_of(log, lines=3))) == new
    assert texts(shown(logs_of(log, lines=99))) == old + new
    assert texts(shown(logs_of(log, lines=2, pattern="line"))) == old[-2:]
    log.write_text("")
    assert texts(shown(logs_of(log))) == old[-20:]
    log.unlink()
    assert [line for line in texts(shown(logs_of(log))) if "no log yet" not in line] == old[-20:]


def test_log_being_compressed_is_read_once(log: Path) -> None:
    old = [stamp(1000 - number, f"INFO line {number}") for number in range(5)]
    write(log.with_name("a.log.1"), *old)
    log.with_name("a.log.1.gz").write_bytes(gzip.compress(log.with_name("a.log.1").read_bytes())[:-20])
    write(log, stamp(10, "INFO new"))
    for wanted in list[dict[str, Any]]([{}, {"since": 2000}]):
        assert texts(shown(logs_of(log, **wanted))) == [*old, stamp(10, "INFO new")]


def test_compressed_and_plain_log_with_same_number_are_both_read(log: Path) -> None:
    """Somebody packs what supervisord has rotated, which does not know that name and uses the number again."""
    oldest, old = ([stamp(age - number, f"INFO {age} {number}") for number in range(5)] for age in (3000, 1000))
    log.with_name("a.log.1.gz").write_bytes(gzip.compress("".join(f"{line}\n" for line in oldest).encode()))
    write(log.with_name("a.log.1"), *old)
    write(log, stamp(10, "INFO new"))
    found = texts(shown(logs_of(log, since=4000)))
    assert found == [*oldest, *old, stamp(10, "INFO new")]


def test_following_resumes_after_two_rotations_without_repeating_lines(log: Path) -> None:
    write(log, stamp(60, "INFO one"), stamp(50, "INFO two"))
    rotate(log)
    append(log, stamp(40, "INFO three"))
    source = logs_of(log, follow=True)
    with Reading(source) as reading:
        until(reading.is_live)
        append(log, stamp(30, "INFO four"))
        rotate(log)
        append(log, stamp(20, "INFO five"))
        until(lambda: "five" in "".join(reading.lines))
    append(log, stamp(10, "INFO six"))
    with Reading(source) as again:
        until(again.is_live)
    found = [line.split()[-1] for line in (*reading.lines, *again.lines)]
    assert found == ["one", "two", "three", "four", "five", "six"]


def test_last_lines_are_consecutive_while_log_is_rotated(log: Path) -> None:
    write(log, stamp(500, "INFO 0"))
    over = threading.Event()

    def writing() -> None:
        number = 0
        while not over.wait(0.001):
            number += 1
            append(log, stamp(500, f"INFO {number}"))
            if number % 9 == 0:
                rotate(log, keep=5)

    writer = threading.Thread(target=writing)
    writer.start()
    try:
        for _ in range(15):
            found = [int(line.split()[-1]) for line in shown(logs_of(log)) if "no log yet" not in line]
            assert found == list(range(found[0], found[0] + len(found)))
    finally:
        over.set()
        writer.join()


def test_large_compressed_log_is_read_within_limits(log: Path) -> None:
    lines = [stamp(9000 - number / 100, f"INFO line {number}") for number in range(200_000)]
    log.with_name("a.log.1.gz").write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode(), 1))
    write(log, stamp(10, "INFO new"))
    os.utime(log.with_name("a.log.1.gz"), (NOW - 100,) * 2)
    assert texts(shown(logs_of(log))) == [*lines[-19:], stamp(10, "INFO new")]
