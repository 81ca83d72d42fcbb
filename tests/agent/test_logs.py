"""Logs, read by the agent here, and what is made of its answer."""

import bz2
import gzip
import io
import lzma
import os
import shutil
import tarfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ops.agent import log_compressed, logs
from ops.agent.log_bundle_messages import LogBundlePart, LogBundleRequest
from ops.agent.logs_messages import LogDamage, LogLines, LogsLive, LogState
from ops.agent.messages import Message
from ops.errors import BadInput, HostError
from ops.logs.stream import HostLogs, LogLine, Remark
from tests.agent.reading import Reading, answered, append, logs_of, rotate, shown, until
from tests.agent.shells import executable


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "a log.log"
    path.write_text("one\ntwo\n")
    return path


NOW = time.time()
GZIP = shutil.which("gzip")


def clock(seconds_ago: float) -> str:
    """As logs write it: a time before these tests began."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(NOW - seconds_ago))


def stamp(seconds_ago: float, text: str) -> str:
    return f"{clock(seconds_ago)},250 INFO {text}"


def test_last_lines_without_timestamps_are_grouped_by_log(log: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("-n\nthree\n")
    os.utime(other, (time.time() + 5, time.time() + 5))
    assert shown(logs_of(log, other, lines=1)) == ["1 two", "2 three"]
    assert shown(logs_of(log, other, lines=9)) == ["1 one", "1 two", "2 -n", "2 three"]
    assert shown(logs_of(log, other, lines=0)) == []


def test_lines_without_timestamp_follow_previous_line(tmp_path: Path) -> None:
    now = NOW - 100
    python, error, access, uwsgi = (tmp_path / name for name in ("python", "error", "access", "uwsgi"))
    python.write_text(f"{stamp(100, 'a')}\n  behind a\n{stamp(60, 'e')}\n")
    error.write_text(time.strftime("[%a %b %d %H:%M:%S.999999 %Y] [ssl:error] b\n", time.localtime(now + 10)))
    uwsgi.write_text(time.strftime("127.0.0.1 [%a %b %d %H:%M:%S %Y] GET /c\n", time.localtime(now + 20)))
    access.write_text(time.strftime('h - - [%d/%b/%Y:%H:%M:%S +0000] "GET /d"\n', time.gmtime(now + 30)))
    lines = shown(logs_of(access, uwsgi, error, python))
    assert [line[0] + line.split()[-1] for line in lines] == ["4a", "4a", "3b", "2/c", '1/d"', "4e"]
    assert lines[1] == "4   behind a"


def test_since_omits_older_lines_of_rotated_files(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with gzip.open(f"{log}.3.gz", "wt") as old:
        old.writelines(f"{stamp(3000 - number, f'gz {number}')}\n" for number in range(1000))
    (tmp_path / "a.log.2").write_text("".join(f"{stamp(2000 - n / 4, f'two {n}')}\n" for n in range(4000)))
    (tmp_path / "a.log.1").write_text(f"{stamp(900, 'one')}\n")
    for name, age in (("a.log.3.gz", 2001), ("a.log.2", 1000), ("a.log.1", 900)):
        os.utime(tmp_path / name, (NOW - age,) * 2)
    log.write_text(f"{stamp(500, 'now')}\n  and behind it\n")

    def last_words(**wanted: Any) -> list[str]:
        return [line.split()[-1] for line in shown(logs_of(log, **wanted))]

    assert last_words(since=clock(600)) == ["now", "it"]
    assert last_words(since=clock(900)) == ["one", "now", "it"]
    found = last_words(since=clock(2003))
    assert found == ["997", "998", "999", *map(str, range(4000)), "one", "now", "it"]
    pattern = "two 399[0-9]"
    assert last_words(since=clock(2010), pattern=pattern) == [str(n) for n in range(3990, 4000)]
    assert last_words(since="2035-01-01 00:00:00") == []


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": partial(bz2.compress, compresslevel=1),  # in small blocks, which are read whole or not at all
}
OLD = [f"{stamp(3000 - number / 10, f'old {number} {os.urandom(8).hex()}')}\n" for number in range(10000)]
TEXT = "".join(OLD).encode()


def packed(log: Path, suffix: str, data: bytes) -> Path:
    """A file of the log that was rotated and compressed 2000 seconds ago; the log has one line of today's."""
    path = log.with_name(f"{log.name}-20260101{suffix}")
    path.write_bytes(data)
    os.utime(path, (NOW - 2000,) * 2)
    log.write_text(f"{stamp(500, 'now')}\n")
    return path


def bundled(log: Path, since: int | str | None = None) -> tuple[dict[str, bytes], list[Message], int]:
    """The files of a bundle by name, what else was told, and the size before compression."""
    answer = list(answered(LogBundleRequest(logs=[(str(log), "")], since=since)))
    parts = [message for message in answer if isinstance(message, LogBundlePart)]
    with tarfile.open(fileobj=io.BytesIO(b"".join(part.content for part in parts))) as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        contents = {name: file.read() for name, file in files.items() if file}
    return contents, [message for message in answer if message not in parts], parts[-1].total


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH without tools, and a Python that was built without bz2 and lzma."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("bz2", "lzma"):
        monkeypatch.setattr(log_compressed, name, None)
    monkeypatch.setenv("PATH", str(tools))
    return tools


@pytest.mark.parametrize("suffix", PACKERS)
def test_since_reads_rotated_and_compressed_logs(log: Path, suffix: str) -> None:
    half = len(TEXT) // 2
    for parts in ((TEXT,), (TEXT[:half], TEXT[half:])):  # such files may be joined
        packed(log, suffix, b"".join(map(PACKERS[suffix], parts)) + b"\0" * 1024)
        found = shown(logs_of(log, since=4000))
        assert [line.partition(" ")[2] + "\n" for line in found[:-1]] == OLD
        assert found[-1].endswith("now")
        few = shown(logs_of(log, since=clock(2003)))
        assert few[-2:] == found[-2:]
        assert 20 <= len(few) <= 42
        assert shown(logs_of(log, since=1000)) == found[-1:]


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("fault", ["torn", "broken"])
def test_readable_part_of_damaged_file_is_shown(log: Path, suffix: str, fault: str) -> None:
    data = PACKERS[suffix](TEXT)
    cut = len(data) * 2 // 3
    path = packed(log, suffix, data[:cut] + (b"" if fault == "torn" else b"\xff" * 400 + data[cut + 400 :]))
    lines = shown(logs_of(log, since=4000))
    assert lines[-1].endswith("now")
    assert sum(path.name in line for line in lines) == 1
    old = [line.partition(" ")[2] + "\n" for line in lines if path.name not in line]
    assert old[:5000] == OLD[:5000]
    files, others, _ = bundled(log)
    assert others == [LogDamage(log=1, file=path.name, problem=fault)]
    assert files[str(path).lstrip("/")] == path.read_bytes()


@pytest.mark.parametrize(
    "data", [b"", b"no such format at all" * 99, b"\x1f\x8b\x08\0\0"], ids=["empty", "other", "begun"]
)
@pytest.mark.parametrize("suffix", PACKERS)
def test_unreadable_compressed_file_is_named(log: Path, suffix: str, data: bytes) -> None:
    path = packed(log, suffix, data)
    lines = shown(logs_of(log, since=4000))
    assert [path.name in line for line in lines] == [True, False]


@pytest.mark.parametrize("suffix", [".lz4", ".Z", ".zst", ".xz", ".bz2"])
def test_log_without_decompression_tool_is_skipped(log: Path, bare: Path, suffix: str) -> None:
    """And only where `--since` asks for it; a bundle has it, and there is nothing to be said."""
    path = packed(log, suffix, PACKERS.get(suffix, bytes)(TEXT))
    lines = shown(logs_of(log, since=4000))
    assert [path.name in line for line in lines] == [True, False]
    lines = shown(logs_of(log, since=1000))
    assert [path.name in line for line in lines] == [False]
    files, others, total = bundled(log)
    assert (len(files), others) == (2, [])
    assert total == path.stat().st_size + log.stat().st_size


@pytest.mark.parametrize(("suffix", "tool"), [(".xz", "xz"), (".bz2", "bzip2"), (".zst", "zstd")])
def test_host_tool_decompresses_log_that_python_cannot_read(log: Path, bare: Path, suffix: str, tool: str) -> None:
    """gzip in its place, for what a tool must do is the same for all of them."""
    executable(bare / tool, f'#!/bin/sh\nexec {GZIP} "$@"\n')
    path = packed(log, suffix, gzip.compress(TEXT))
    lines = shown(logs_of(log, since=4000))
    assert [line.partition(" ")[2] + "\n" for line in lines[:-1]] == OLD
    path = packed(log, suffix, gzip.compress(TEXT)[:-1000])
    lines = shown(logs_of(log, since=4000))
    assert sum(path.name in line for line in lines) == 1
    assert len(lines) > 5000


def test_since_finds_the_first_line_among_slow_requests(log: Path) -> None:
    """Which are logged when they end, with the time at which they began."""
    ages = [8000 - number + (600 if number % 3 else 0) for number in range(8000)]
    log.write_text("".join(f"{stamp(age, f'request {number}')}\n" for number, age in enumerate(ages)))
    for since in (7000, 4000, 1000):
        first = next(number for number, age in enumerate(ages) if age <= since)
        lines = shown(logs_of(log, since=clock(since)))
        assert [line.split()[-1] for line in lines] == [str(number) for number in range(first, 8000)]


def test_since_shows_end_of_log_without_timestamps(log: Path) -> None:
    append(log, *(f"line {number}" for number in range(100)))
    assert shown(logs_of(log, since=60))[0] == "1 line 80"
    os.utime(log, (time.time() - 100,) * 2)
    assert shown(logs_of(log, since=60)) == []


def test_log_without_final_line_break_is_shown_whole(log: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("ERROR partial")
    assert sorted(shown(logs_of(other, log, lines=1))) == ["1 ERROR partial", "2 two"]


@pytest.mark.parametrize("follow", [True, False])
def test_invalid_pattern_shows_message_of_grep(log: Path, follow: bool) -> None:
    with pytest.raises(BadInput, match=r"--grep='\[' .*: grep: "):
        shown(logs_of(log, pattern="[", follow=follow))


def test_pattern_matches_lines_in_binary_log(log: Path) -> None:
    log.write_bytes(b"a \x00 ERROR \xff\xfe\nnot\nb ERROR \xc3\xa9\rc\n")
    assert shown(logs_of(log, pattern="ERR")) == ["1 a \x00 ERROR \ufffd\ufffd", "1 b ERROR é\rc"]


def test_last_matching_lines_are_found_far_from_log_end(log: Path) -> None:
    log.write_text("".join(f"needle {n}\n" + "hay\n" * 100_000 for n in range(4)))
    assert shown(logs_of(log, pattern="needle", lines=3)) == ["1 needle 1", "1 needle 2", "1 needle 3"]


def test_missing_log_and_directory_are_reported(tmp_path: Path) -> None:
    told = shown(logs_of(tmp_path / "none", tmp_path))
    assert told == [f"1 (no log yet: {tmp_path}/none)", f"2 ({tmp_path} is not a file)"]


def test_unreadable_default_logs_are_summarised() -> None:
    source = logs_of(Path("/a"), Path("/b"), Path("/c"), asked=False)
    states = [(1, "missing"), (2, "unreadable"), (3, "unreadable")]
    messages = [*(LogState(log=number, state=state) for number, state in states), LogsLive()]
    told = [each for message in messages for each in source.understand(message)]
    assert [each.text for each in told if isinstance(each, Remark)] == ["skipped, permission denied for poms: 2, 3"]
    assert not any(isinstance(each, LogLine) for each in told)


def test_following_shows_new_log_from_its_start(tmp_path: Path) -> None:
    late = tmp_path / "folder" / "late.log"
    with Reading(logs_of(late, lines=0, follow=True)) as reading:
        until(reading.is_live)
        late.parent.mkdir()
        late.write_text("first\n")
        until(lambda: "1 first" in reading.lines)
        append(late, "second")
        until(lambda: "1 second" in reading.lines)
    assert reading.messages.count(LogState(log=1, state="missing")) == 1


def test_following_shows_every_line_once_across_quick_rotation(log: Path) -> None:
    with Reading(logs_of(log, lines=0, follow=True)) as reading:
        until(reading.is_live)
        for number in range(200):
            append(log, f"numbered {number}")
            if number % 3 == 0:
                rotate(log, keep=99)
            time.sleep(0.005)
        until(lambda: len(reading.lines) >= 200)
        time.sleep(0.5)
    assert reading.lines == [f"1 numbered {number}" for number in range(200)]


def test_following_shows_late_writes_to_rotated_log(log: Path) -> None:
    with log.open("a") as old, Reading(logs_of(log, lines=0, follow=True)) as reading:
        until(reading.is_live)
        rotate(log)
        append(log, "new")
        until(lambda: "1 new" in reading.lines)
        print("of an old process", file=old, flush=True)
        until(lambda: "1 of an old process" in reading.lines)
        append(log, "newer")
        until(lambda: "1 newer" in reading.lines)


def test_following_continues_after_log_is_truncated(log: Path) -> None:
    with Reading(logs_of(log, lines=1, follow=True)) as reading:
        until(reading.is_live)
        log.write_text("")
        append(log, "anew")
        until(lambda: "1 anew" in reading.lines)
    assert f"1 ({log} was emptied; the last lines before that may be missing)" in reading.lines


def lost(source: HostLogs, log: Path, before: str, **wanted: object) -> None:
    """Follow until the line `before` was read, and then lose the connection."""
    with Reading(source) as reading:
        until(reading.is_live)
        append(log, before)
        until(lambda: f"1 {before}" in reading.lines)


def test_reconnected_reader_shows_missed_lines_once(log: Path) -> None:
    source = logs_of(log, lines=0, follow=True)
    with log.open("a") as old:
        lost(source, log, "seen")
        append(log, "missed 0")
        rotate(log)
        append(log, "missed 1")
        rotate(log)
        append(log, "missed 2")
        time.sleep(0.01)
        print("of an old process", file=old, flush=True)  # which makes the oldest file the one that was changed last
    with Reading(source) as reading:
        until(reading.is_live)
        append(log, "live again")
        until(lambda: "1 live again" in reading.lines)
    assert sorted(reading.lines[:-1]) == ["1 missed 0", "1 missed 1", "1 missed 2", "1 of an old process"]
    assert reading.lines[-1] == "1 live again"


def compressed(log: Path) -> None:
    rotate(log)
    with gzip.open(f"{log}.1.gz", "wb") as packed:
        packed.write(log.with_name(f"{log.name}.1").read_bytes())
    shutil.copystat(f"{log}.1", f"{log}.1.gz")
    log.with_name(f"{log.name}.1").unlink()


def copied_and_emptied(log: Path) -> None:
    shutil.copy2(log, f"{log}.1")
    log.write_text("")


@pytest.mark.parametrize("rotated", [compressed, copied_and_emptied])
def test_reconnected_reader_finds_log_that_was_compressed_or_copied(
    log: Path, rotated: Callable[[Path], None]
) -> None:
    source = logs_of(log, lines=0, follow=True)
    lost(source, log, "seen")
    append(log, "missed 0")
    rotated(log)
    append(log, "missed 1")
    with Reading(source) as reading:
        until(reading.is_live)
    assert reading.lines == ["1 missed 0", "1 missed 1"]


def test_reconnected_reader_reports_missing_file(log: Path) -> None:
    source = logs_of(log, lines=0, follow=True)
    lost(source, log, "seen")
    log.unlink()
    append(log, "a new file, which may well get the number of the old one")
    with Reading(source) as reading:
        until(reading.is_live)
    assert reading.lines == [
        f"1 (the old file of {log} is gone; the lines since the last read may be missing)",
        "1 a new file, which may well get the number of the old one",
    ]


def test_a_second_read_shows_a_new_log_from_its_start(log: Path) -> None:
    log.unlink()
    source = logs_of(log, lines=0, follow=True)
    with Reading(source) as reading:
        until(reading.is_live)
    append(log, "first")
    with Reading(source) as reading:
        until(reading.is_live)
    assert reading.lines == ["1 first"]


def test_log_readers_exit_when_operator_disconnects(log: Path) -> None:
    # An unwritable TMPDIR must not matter: logs are looked at when a disk is full.
    source = logs_of(log, log.with_name("none"), pattern=".", follow=True)
    with Reading(source, TMPDIR="/nowhere") as reading:
        until(lambda: "1 two" in reading.lines)
        assert reading.alive() > 1
        assert reading.running.stdin
        reading.running.stdin.close()
        until(lambda: reading.running.poll() is not None and reading.alive() == 0, 1)


def test_log_readers_exit_when_script_is_killed(log: Path) -> None:
    with Reading(logs_of(log, follow=True)) as reading:
        until(lambda: "1 two" in reading.lines)
        assert reading.running.stdin
        reading.running.kill()
        reading.running.stdin.close()
        until(lambda: reading.running.poll() is not None and reading.alive() == 0, 5)


def test_failing_reader_is_reported_with_its_reason(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "asked_logs", lambda *_: 1 / 0)
    with pytest.raises(HostError, match="ZeroDivisionError"):
        shown(logs_of(log))


@pytest.mark.parametrize(
    "message",
    [
        LogLines(lines=[(0, 1.0, "x", 0, False)], positions=[]),
        LogLines(lines=[(3, 1.0, "x", 0, False)], positions=[]),
        LogLines(lines=[], positions=[(-1, "1:2:3:4")]),
        LogState(log=3, state="missing"),
        LogState(log=1, state="other"),
        LogDamage(log=1, file="/", problem="torn"),
        LogDamage(log=1, file="a/b", problem="torn"),
        LogDamage(log=1, file="x", problem="other"),
        LogBundlePart(content=b"", done=0, total=0),
    ],
)
def test_answer_without_a_sense_is_refused(message: Message) -> None:
    with pytest.raises((LookupError, ValueError)):
        list(logs_of(Path("/a"), Path("/b")).understand(message))
