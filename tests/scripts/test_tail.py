"""Logs: the remote half, run here under each shell as a host would run it, and what is made of its answer."""

import contextlib
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from ops.errors import BadInput
from ops.logs import LogFacts
from ops.scripts import script
from tests.scripts.remote import SHELLS, run


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "a log.log"
    path.write_text("one\ntwo\n")
    return path


def texts(facts: list[str], *logs: Path) -> list[str]:
    """What the operator is shown for `facts`, by the number of the log."""
    read = LogFacts("h", [(str(number), path.name) for number, path in enumerate(logs, 1)])
    return [f"{line.label} {line.text}" for line in map(read.read, facts) if line]


class Followed:
    """A script that follows, its operator's side held open."""

    def __init__(self, shell: str, *request: str, **environment: str) -> None:
        text = script("tail").encode()
        self.running = subprocess.Popen(
            [*SHELLS[shell], "-c", f'eval "$(head -c {len(text)})"'],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ["PATH"]} | environment,
            start_new_session=True,
        )
        assert self.running.stdin
        self.running.stdin.write(text + "".join(f"{line}\n" for line in ("follow yes", *request, "end")).encode())
        self.running.stdin.flush()
        self.facts: list[str] = []
        self.reader = Thread(target=self._read)
        self.reader.start()

    def _read(self) -> None:
        assert self.running.stdout
        self.facts.extend(line.decode(errors="replace").rstrip("\n") for line in self.running.stdout)

    def alive(self) -> int:
        """How many processes of its session there are."""
        found = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                fields = stat.read_text().rpartition(")")[2].split()
                found += fields[3] == str(self.running.pid) and fields[0] != "Z"
        return found

    def __enter__(self) -> "Followed":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait()
        self.reader.join()
        for stream in (self.running.stdin, self.running.stdout):
            assert stream
            stream.close()


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)


def append(path: Path, *lines: str) -> None:
    with path.open("a") as file:
        for line in lines:
            file.write(f"{line}\n")


def test_the_last_lines_of_each_log_come_in_turn(shell: str, log: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("-n\nthree\n")
    ran = run(shell, "tail", ["lines 2", f"log {log}", f"log {other}", "end"])
    assert ran.facts == ["poms-ops tail", "line 1 one", "line 1 two", "line 2 -n", "line 2 three", "end"]
    assert ran.code == 0


def test_a_log_without_a_last_line_break_swallows_nothing(shell: str, log: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("ERROR partial")
    ran = run(shell, "tail", ["lines 1", f"log {other}", f"log {log}", "end"])
    assert ran.facts[1:] == ["line 1 ERROR partial", "line 2 two", "end"]


@pytest.mark.parametrize("follow", ["yes", "no"])
def test_a_pattern_that_grep_refuses_is_said_in_its_words(shell: str, log: Path, follow: str) -> None:
    ran = run(shell, "tail", [f"follow {follow}", "pattern [", f"log {log}", "end"])
    assert [fact.split(" ")[0] for fact in ran.facts] == ["poms-ops", "refused"]
    with pytest.raises(BadInput, match=r"--grep='\[' .*: grep: "):
        LogFacts("h", [("1", log.name)], "[").read(ran.facts[1])


def test_lines_that_match_are_found_among_bytes_of_any_kind(shell: str, log: Path) -> None:
    log.write_bytes(b"a \x00 ERROR \xff\xfe\nnot\nb ERROR \xc3\xa9\n")
    ran = subprocess.run(
        [*SHELLS[shell], "-c", script("tail")],
        input=f"pattern ERR\nlog {log}\nend\n".encode(),
        capture_output=True,
        check=True,
        start_new_session=True,
    )
    assert ran.stdout.split(b"\n")[1:-2] == [b"line 1 a \x00 ERROR \xff\xfe", b"line 1 b ERROR \xc3\xa9"]


def test_what_can_not_be_read_is_said(shell: str, tmp_path: Path) -> None:
    ran = run(shell, "tail", [f"log {tmp_path}/none", f"log {tmp_path}", "end"])
    assert ran.facts[1:] == ["missing 1", "nofile 2", "end"]
    assert texts(ran.facts[1:], Path("none"), Path("dir")) == ["1 (no log yet: none)", "2 (dir is not a file)"]


@pytest.mark.parametrize("length", [499, 501, 1_000_000])
def test_a_long_line_arrives_whole(shell: str, log: Path, length: int) -> None:
    for char in ("x", "é", "€", "😀"):
        text = "a" + char * (length // len(char.encode()))
        log.write_text(f"{text}\nnext")
        ran = run(shell, "tail", [f"log {log}", "end"])
        assert max(map(len, ran.facts)) < 600
        assert texts(ran.facts[1:], log) == [f"1 {text}", "1 next"]


def test_long_lines_of_several_logs_never_mix(shell: str, tmp_path: Path) -> None:
    logs = [tmp_path / f"{number}.log" for number in range(3)]
    for path in logs:
        path.write_text("")
    wanted = [[f"{number} {index} " + f"{number}" * 9000 for index in range(300)] for number in range(1, 4)]
    with Followed(shell, *(f"log {path}" for path in logs)) as followed:
        until(lambda: followed.alive() >= 10)
        time.sleep(0.5)
        writers = [
            Thread(target=lambda path=path, lines=lines: append(path, *lines))
            for path, lines in zip(logs, wanted, strict=True)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        until(lambda: sum(fact.startswith("line ") for fact in list(followed.facts)) >= 900, 30)
    shown = texts([fact for fact in followed.facts if fact.split(" ")[0] in ("line", "part")], *logs)
    assert Counter(shown) == Counter(f"{line[0]} {line}" for lines in wanted for line in lines)


def test_a_log_that_is_made_later_is_shown_from_its_start(shell: str, tmp_path: Path) -> None:
    late = tmp_path / "folder" / "late.log"
    with Followed(shell, "lines 0", f"log {late}") as followed:
        until(lambda: followed.facts == ["poms-ops tail", "missing 1"])
        late.parent.mkdir()
        late.write_text("first\n")
        until(lambda: "line 1 first" in followed.facts)
        append(late, "second")
        until(lambda: "line 1 second" in followed.facts)
    assert followed.facts.count("missing 1") == 1


def test_nothing_lives_on_when_the_operators_side_is_gone(shell: str, log: Path) -> None:
    # An unwritable TMPDIR must not matter: logs are looked at when a disk is full.
    with Followed(shell, f"log {log}", f"log {log}.none", "pattern .", TMPDIR="/nowhere") as followed:
        until(lambda: "line 1 two" in followed.facts)
        assert followed.alive() > 5
        assert followed.running.stdin
        followed.running.stdin.close()
        until(lambda: followed.running.poll() is not None and followed.alive() == 0, 1)


def test_nothing_lives_on_when_the_script_is_killed(log: Path) -> None:
    with Followed("dash", f"log {log}", f"log {log}.none", "pattern .") as followed:
        until(lambda: "line 1 two" in followed.facts)
        assert followed.running.stdin
        followed.running.kill()
        followed.running.stdin.close()
        until(lambda: followed.running.poll() is not None and followed.alive() == 0, 5)


def test_a_log_whose_tail_is_ended_is_not_silent(shell: str, log: Path) -> None:
    with Followed(shell, f"log {log}") as followed:
        until(lambda: "line 1 two" in followed.facts)
        subprocess.run(["pkill", "-s", str(followed.running.pid), "-x", "tail"], check=True)
        until(lambda: "ended 1" in followed.facts)


@pytest.mark.parametrize("fact", ["line", "line x y", "line 0 y", "line 3 y", "line ² y", "missing", "what 1", ""])
def test_a_malformed_fact_is_shown_as_it_came(fact: str) -> None:
    line = LogFacts("h", [("a", "/a"), ("b", "/b")]).read(fact)
    assert line
    assert (line.label, line.text) == ("(not understood)", fact)


def test_pieces_of_two_logs_are_put_together_apart() -> None:
    facts = ["part 1 a", "part 2 x", "beat", "part 1  b", "line 2 y", "line 1 c", "line 1 d"]
    assert texts(facts, Path("a"), Path("b")) == ["2 xy", "1 a bc", "1 d"]
