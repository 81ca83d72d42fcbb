"""The bake: a change on trial under real traffic, which the host keeps or rolls back by itself."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops.agent import bake, bake_end
from ops.agent.bake_end_messages import BakeEndRequest, BakeEndState
from ops.agent.messages import Message
from ops.agent.probe_messages import BakeState
from ops.agent.transaction_messages import (
    BakeBegun,
    BakeLooked,
    BakeWanted,
    ChangeEnded,
    ChangeFailed,
    StepBegun,
    TransactionRequest,
    Verdict,
    VerdictWanted,
)
from ops.deploy.releases import PastRelease, parse_releases
from tests.agent import local_agent
from tests.agent.local_agent import probed, read_releases
from tests.agent.shells import executable
from tests.agent.transactions import (
    KEEP,
    NEW,
    OLD,
    FakeHost,
    Ran,
    carry_out,
    digest,
    keep,
    messages_of,
    say,
    started,
    write,
)

PATTERNS = {"epoch": r"^(\d{9,})", "pid": r"process (\d+)", "status": r"=> (\d{3}) in", "msecs": r"in (\d+) ms"}
Respond = Callable[["subprocess.Popen[bytes]", Message], None]


def line(status: int = 200, took: int = 50, at: float | None = None) -> str:
    """A line of uWSGI's log, of a request that was answered now, or at that time."""
    return f"{int(time.time() if at is None else at)} GET /poms => {status} in {took} ms, process 41\n"


@pytest.fixture
def fake(tmp_path: Path) -> FakeHost:
    """A host with twenty minutes of traffic behind it, one request a second, one of 200 of them with an error."""
    made = FakeHost(tmp_path)
    made.conf.write_bytes(OLD)
    now = time.time()
    log_of(made).write_text(
        "".join(line(500 if n % 200 == 0 else 200, 50 + n % 9, now - n) for n in range(1200, 0, -1))
    )
    return made


def log_of(fake: FakeHost) -> Path:
    """uWSGI's log."""
    return fake.root / "web.log"


def baked(fake: FakeHost, seconds: int = 3, *, needs_operator: bool = False, name: str = "r1") -> TransactionRequest:
    """The request for a change with a bake."""
    wanted = BakeWanted(
        seconds=seconds, app="service", log=str(log_of(fake)), patterns=PATTERNS, needs_operator=needs_operator
    )
    return fake.request(write(fake.conf, NEW), name=name, bake=wanted)


@contextmanager
def traffic(fake: FakeHost, *lines: str, every: float = 0.01) -> Iterator[None]:
    """Write these lines into the log, again and again, for as long as the context lasts."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(every):
            with log_of(fake).open("a") as log:
                log.write("".join(lines))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def release(fake: FakeHost, name: str = "r1") -> PastRelease:
    """The record of a release."""
    return next(one for one in parse_releases(read_releases("dash", fake.state).releases) if one.name == name)


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often."""
    monkeypatch.setattr(bake, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(bake, "PAUSE", 0.05)


# ---- what it decides -------------------------------------------------------------------------------------------


def test_change_is_kept_after_the_same_traffic(fake: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    with traffic(fake, *[line()] * 4):
        ran = carry_out(baked(fake))
    assert (ran.ended, fake.conf.read_bytes()) == ("committed", NEW)
    assert [one.partition(" ")[0] for one in release(fake).bake].count("ok") >= 3  # errors, lost, slowest tenth
    assert ran.all(BakeLooked)[-1].seconds_left == 0


@pytest.mark.parametrize(
    ("lines", "measure"),
    [
        ([line(500), *[line()] * 4], "server errors"),
        (["DAMN ! worker 2 (pid: 41) died, killed by signal 9 :( trying respawn ...\n", line()], "lost requests"),
        (['*** uWSGI listen queue of socket "/s" (fd: 3) full !!! (101/100) ***\n', line()], "lost requests"),
        ([line(took=900)], "slowest tenth"),
    ],
)
def test_worse_traffic_rolls_back(
    fake: FakeHost, monkeypatch: pytest.MonkeyPatch, lines: list[str], measure: str
) -> None:
    quick(monkeypatch)
    with traffic(fake, *lines):
        ran = carry_out(baked(fake))
    assert (ran.ended, ran.failed.step, fake.conf.read_bytes()) == ("rolled-back", "bake", OLD)
    (worse,) = [text for text in release(fake).bake if text.startswith("worse")]
    assert worse.startswith(f"worse {measure}")


def test_errors_end_a_bake_at_once(fake: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    begun = time.monotonic()
    with traffic(fake, line(500), *[line()] * 4):
        ran = carry_out(baked(fake, seconds=300))
    assert (ran.ended, ran.failed.step) == ("rolled-back", "bake")
    assert time.monotonic() - begun < 60


def test_what_cannot_be_compared_is_told(fake: FakeHost) -> None:
    log_of(fake).unlink()
    ran = carry_out(baked(fake, seconds=1))
    assert ran.ended == "committed"
    unknown = ran.all(BakeLooked)[-1].unknown
    assert len(unknown) == 3  # errors and lost requests, slowest tenth, memory
    assert "No such file" in unknown[0]
    assert [one for one in release(fake).bake if one.startswith("unknown")]


ODD = ["x" * 20_000_000, f"1767225600 GET => 200 in {'9' * 400} ms, process 41\n", "\0\x1b[2J => 500\n", "\n"]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_lines_end_no_bake(fake: FakeHost, odd: str) -> None:
    with log_of(fake).open("a") as log:
        log.write(odd)
    with traffic(fake, odd[:1000], every=0.2):
        ran = carry_out(baked(fake, seconds=1))
    assert (ran.ended, fake.left_over()) == ("committed", [])


def test_rotated_log_is_followed(fake: FakeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    log = log_of(fake)

    def rotate() -> None:
        while not (fake.state / "pending/bake").exists():
            time.sleep(0.05)
        time.sleep(0.5)
        with log.open("a") as old:
            old.write(line() * 50)
        log.rename(f"{log}.1")
        log.write_text(line() * 30)

    thread = threading.Thread(target=rotate)
    thread.start()
    carry_out(baked(fake, seconds=2))
    thread.join()
    (errors,) = [one for one in release(fake).bake if "server errors" in one]
    found = re.search(r"of (\d+) now", errors)
    assert found
    assert int(found[1]) == 80


# ---- who follows it --------------------------------------------------------------------------------------------


def follow(running: "subprocess.Popen[bytes]", message: Message) -> None:
    """As an operator's side: keep the change at the verdict, and say that its end was read."""
    keep(running, message)
    if isinstance(message, ChangeEnded):
        say(running, KEEP)


def at(kind: type[Message], do: Callable[["subprocess.Popen[bytes]"], None]) -> Respond:
    """Keep the change at the verdict, and `do` something when a message of that kind comes."""

    def respond(running: "subprocess.Popen[bytes]", message: Message) -> None:
        keep(running, message)
        if isinstance(message, kind):
            do(running)

    return respond


def hang_up(running: "subprocess.Popen[bytes]") -> None:
    """As a connection that is lost: nothing is heard, and nobody reads."""
    assert running.stdin
    running.stdin.close()


def test_bake_needs_no_connection(fake: FakeHost) -> None:
    assert started(baked(fake), at(BakeBegun, hang_up)).ended == "committed"
    assert fake.conf.read_bytes() == NEW
    told = probed(fake.state).bake
    assert told == BakeState(release="r1", how="committed")


def test_nobody_reads_the_answer_of_a_bake(fake: FakeHost) -> None:
    with local_agent.start("dash", baked(fake)) as running:
        assert running.stdin
        assert running.stdout
        for message in messages_of(running):
            keep(running, message)
            if isinstance(message, BakeBegun):
                break
        running.stdout.close()
        running.stdin.close()
    assert release(fake).committed
    assert fake.left_over() == []


def test_change_that_fails_before_its_bake_tells_of_none(fake: FakeHost) -> None:
    request = baked(fake, 60)
    executable(fake.root / "reload", "#!/bin/sh\nexit 1\n")
    begun = time.monotonic()
    ran = started(request, keep)
    assert (ran.failed.step, ran.all(BakeBegun)) == ("reload-apache", [])
    assert probed(fake.state).bake is None
    assert time.monotonic() - begun < 10  # nobody is waited for


def test_bake_that_a_signal_has_ended_is_told(fake: FakeHost) -> None:
    def end(running: "subprocess.Popen[bytes]") -> None:
        hang_up(running)
        subprocess.run(["pkill", "-TERM", "-P", str(running.pid)], check=True)

    assert started(baked(fake, 60), at(BakeBegun, end)).ended == "rolled-back"
    assert probed(fake.state).bake == BakeState(release="r1", how="rolled-back")


def test_bake_that_an_operator_ends_is_not_told_again(fake: FakeHost) -> None:
    def interrupt(running: "subprocess.Popen[bytes]") -> None:
        say(running, Verdict(reason="interrupted by the operator"))
        hang_up(running)

    assert started(baked(fake, 60), at(BakeBegun, interrupt)).ended == "rolled-back"
    assert probed(fake.state).bake is None


def test_files_on_trial_are_no_edit_that_nobody_has_read(fake: FakeHost) -> None:
    carry_out(fake.request(write(fake.conf, OLD), name="r0"))
    seen: list[object] = []

    def look(running: "subprocess.Popen[bytes]") -> None:
        seen.append(probed(fake.state, (fake.conf, digest(NEW))).rewritten)
        say(running, Verdict(reason="enough"))

    started(baked(fake, 60), at(BakeBegun, look))
    assert seen == [[]]


def test_next_change_forgets_how_a_bake_ended(fake: FakeHost) -> None:
    started(baked(fake, seconds=1), at(BakeBegun, hang_up))
    assert probed(fake.state).bake
    carry_out(fake.request(write(fake.conf, OLD), name="r2"))
    assert probed(fake.state).bake is None


def test_bake_that_was_followed_is_not_told_again(fake: FakeHost) -> None:
    assert started(baked(fake, seconds=1), follow).ended == "committed"
    assert probed(fake.state).bake is None


def test_silent_line_is_told_how_a_bake_ended(fake: FakeHost) -> None:
    """It died without a word: nobody has read the end, and the host does not know of it yet."""
    assert started(baked(fake, seconds=1), keep).ended == "committed"
    assert probed(fake.state).bake == BakeState(release="r1", how="committed")


def test_operator_is_heard_again_after_a_silence(fake: FakeHost) -> None:
    def wait_and_interrupt(running: "subprocess.Popen[bytes]") -> None:
        time.sleep(4)
        say(running, Verdict(reason="interrupted by the operator"))

    request = baked(fake, 60)
    request.limit = 1
    ran = started(request, at(BakeBegun, wait_and_interrupt))
    assert (ran.ended, ran.failed.unwanted) == ("rolled-back", "interrupted by the operator")


@pytest.mark.parametrize("word", [Verdict(reason="interrupted by the operator"), None])
def test_word_during_the_commit_comes_too_late(fake: FakeHost, word: Verdict | None) -> None:
    def respond(running: "subprocess.Popen[bytes]", message: Message) -> None:
        keep(running, message)
        if isinstance(message, StepBegun) and message.step == "commit":
            if word:
                say(running, word)
            hang_up(running)

    ran = started(baked(fake, 1, needs_operator=True), respond)
    assert (ran.ended, ran.all(ChangeFailed)) == ("committed", [])
    assert release(fake).committed
    assert fake.left_over() == []


def test_lost_connection_rolls_back_a_bake_that_needs_it(fake: FakeHost) -> None:
    ran = started(baked(fake, 60, needs_operator=True), at(BakeBegun, hang_up))
    assert (ran.ended, ran.failed.unwanted) == ("rolled-back", "the connection to the operator was lost")
    assert fake.conf.read_bytes() == OLD


def test_operator_ends_a_bake(fake: FakeHost) -> None:
    def interrupt(running: "subprocess.Popen[bytes]") -> None:
        say(running, Verdict(reason="interrupted by the operator"))
        hang_up(running)

    ran = started(baked(fake, 60), at(BakeBegun, interrupt))
    assert (ran.ended, ran.failed.unwanted) == ("rolled-back", "interrupted by the operator")
    assert fake.conf.read_bytes() == OLD


def test_word_right_after_the_verdict_ends_a_bake(fake: FakeHost) -> None:
    def keep_and_interrupt(running: "subprocess.Popen[bytes]", message: Message) -> None:
        if isinstance(message, VerdictWanted):
            say(running, KEEP, Verdict(reason="interrupted by the operator"))
            hang_up(running)

    ran = started(baked(fake, 60), keep_and_interrupt)
    assert (ran.ended, ran.failed.unwanted) == ("rolled-back", "interrupted by the operator")


@pytest.mark.parametrize(("name", "ended"), [("HUP", "committed"), ("TERM", "rolled-back")])
def test_end_of_the_login_ends_no_bake(fake: FakeHost, name: str, ended: str) -> None:
    def send(running: "subprocess.Popen[bytes]") -> None:
        subprocess.run(["pkill", f"-{name}", "-P", str(running.pid)], check=True)

    assert started(baked(fake), at(BakeBegun, send)).ended == ended


def test_killed_bake_is_rolled_back_by_the_next_change(fake: FakeHost) -> None:
    def kill(running: "subprocess.Popen[bytes]") -> None:
        os.killpg(running.pid, signal.SIGKILL)

    started(baked(fake, 60), at(BakeBegun, kill))
    assert fake.conf.read_bytes() == NEW
    assert probed(fake.state).bake is None
    ran = carry_out(fake.request(name="r2"))
    assert fake.conf.read_bytes() == OLD
    assert "recover" in ran.steps


# ---- another operator ------------------------------------------------------------------------------------------


def ask(fake: FakeHost, release: str = "", why: str = "") -> BakeEndState:
    """Ask the host about its bake."""
    (found,) = bake_end.answer(BakeEndRequest(state_dir=str(fake.state), release=release, why=why))
    assert isinstance(found, BakeEndState)
    return found


def test_another_operator_rolls_a_bake_back(fake: FakeHost) -> None:
    answers: list[BakeEndState] = []

    def end(_: object) -> None:
        answers.append(ask(fake))
        answers.append(ask(fake, "r1", "rolled back during its bake by jdoe"))

    ran = Ran()
    thread = threading.Thread(
        target=lambda: ran.messages.extend(started(baked(fake, 120), at(BakeBegun, end)).messages)
    )
    thread.start()
    thread.join(60)
    asked, ended = answers
    assert (asked.release, asked.ended) == ("r1", "")
    assert (ended.release, ended.ended.split()[0]) == ("r1", "rolled-back")
    assert ran.failed.unwanted == "rolled back during its bake by jdoe"
    assert fake.conf.read_bytes() == OLD


def test_there_is_no_bake_to_end(fake: FakeHost) -> None:
    assert ask(fake).release == ""
    assert ask(fake, "r1", "why").ended == ""
    assert fake.left_over() == []


def test_answer_after_the_end_of_a_bake_finds_how_it_ended(fake: FakeHost) -> None:
    started(baked(fake, seconds=1), follow)
    assert ask(fake, "r1", "rolled back during its bake by jdoe").ended == "committed"


def test_bake_that_is_under_way_is_told(fake: FakeHost) -> None:
    seen: list[BakeState | None] = []

    def look(running: "subprocess.Popen[bytes]") -> None:
        seen.append(probed(fake.state).bake)
        say(running, Verdict(reason="enough"))

    started(baked(fake, 60), at(BakeBegun, look))
    (told,) = seen
    assert told
    assert (told.release, told.how) == ("r1", "")
    assert 50 < told.seconds_left <= 60
