"""A standby is found by process id and start time: no other process is ever taken for one, and none is left."""

import contextlib
import functools
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.agent import standby_end, standbys, uwsgi_standby
from ops.agent.host_processes import words_of
from ops.agent.messages import Message
from ops.agent.service_messages import App, Note
from ops.agent.standby_end import KILL, LEAVE, SPARE, end_standbys
from ops.agent.step_failed import StepFailed
from ops.agent.uwsgi_standby import Standby
from tests.agent.shells import SHELLS
from tests.agent.supervised import ACTIVATE, until

pytestmark = pytest.mark.usefixtures("keepers")


def start_of(pid: int) -> str:
    """Its start time, as the kernel has it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """STAND-IN for the kernel: each standby has seven requests in progress."""
    for module in (standbys, standby_end):
        monkeypatch.setattr(module, "requests_of", lambda _: 7)


@pytest.fixture
def stranger() -> Iterator["subprocess.Popen[bytes]"]:
    """A process of this account that is no standby, and leads a group as one does."""
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as one:
        yield one
        one.kill()


def record(folder: Path, pid: int, start: str, boot: str = "") -> Path:
    boot = boot or Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    path = folder / f"standby.{pid}"
    path.write_text(f"{boot} {pid} {start} {pid} {start} {int(time.time()) - 50} 600 840\n")
    return path


def end(folder: Path, seconds: float, then: str) -> list[str]:
    """What is told of it."""
    told: list[Message] = []
    end_standbys(str(folder), seconds, then, told.append)
    assert all(isinstance(message, Note) for message in told)
    return [message.text for message in told if isinstance(message, Note)]


@pytest.mark.parametrize("kind", ["another start", "another boot", "cut short"])
def test_process_with_reused_pid_is_not_killed(
    tmp_path: Path, stranger: "subprocess.Popen[bytes]", kind: str
) -> None:
    path = record(tmp_path, stranger.pid, start_of(stranger.pid), "boot")
    if kind == "another start":
        path = record(tmp_path, stranger.pid, "12")
    elif kind == "cut short":
        path.write_text(path.read_text().split()[0])
    path.with_name(f"{path.name}.end").touch()
    assert standbys.standbys(str(tmp_path)) == []
    assert end(tmp_path, 0, KILL) == []
    assert stranger.poll() is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("counted")
def test_busy_standby_is_reported_and_killed_only_for_its_socket(tmp_path: Path) -> None:
    deaf = ["sh", "-c", "trap '' TERM; sleep 600 & echo $!; wait; wait"]
    with subprocess.Popen(deaf, start_new_session=True, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout
        child = int(one.stdout.readline())
        record(tmp_path, one.pid, start_of(one.pid))
        (found,) = standbys.standbys(str(tmp_path))
        assert (found.pid, found.requests) == (one.pid, 7)
        assert 45 < found.age < 100
        assert 1300 < found.seconds_left < 1440
        assert "7 requests" in end(tmp_path, 0, LEAVE)[0]
        assert end(tmp_path, 0, SPARE) == []
        assert alive(child)
        assert "lost: 7 requests in progress" in end(tmp_path, 0, KILL)[0]
        assert (one.wait(10), alive(child)) == (-signal.SIGKILL, False)
    assert not list(tmp_path.glob("standby*"))


@pytest.mark.usefixtures("counted")
def test_standby_that_cannot_be_ended_is_a_failure(
    tmp_path: Path, stranger: "subprocess.Popen[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    """STAND-IN for a process that hangs in the kernel: it does not end."""
    record(tmp_path, stranger.pid, start_of(stranger.pid))
    monkeypatch.setattr(standby_end, "KILLED_SECONDS", 0.1)
    with pytest.MonkeyPatch.context() as patch:
        for kill in ("kill", "killpg"):
            patch.setattr(os, kill, lambda *_: None)
        with pytest.raises(StepFailed, match=f"process {stranger.pid}, could not be ended"):
            end(tmp_path, 0, KILL)
    assert list(tmp_path.glob("standby.*")), "its record stays"


def test_standby_without_requests_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standby_end, "IDLE_SECONDS", 0.2)
    deaf = ["sh", "-c", "trap '' TERM; echo; sleep 600; sleep 600"]
    with subprocess.Popen(deaf, start_new_session=True, stdout=subprocess.PIPE) as one:
        assert one.stdout
        one.stdout.readline()
        record(tmp_path, one.pid, start_of(one.pid))
        assert end(tmp_path, 0, LEAVE) == []
        assert one.wait(10) == -signal.SIGKILL


def test_standby_of_an_earlier_version_is_ended(tmp_path: Path, stranger: "subprocess.Popen[bytes]") -> None:
    """Its record is a process id, and its command names its file."""
    words = ["sh", "-c", "sleep 600; :", f"{tmp_path}/beside.ini"]
    with subprocess.Popen(words, start_new_session=True) as older:
        until(lambda: words_of(older.pid) == words)
        for pid in (stranger.pid, older.pid):
            (tmp_path / "beside.pid").write_text(f"{pid}\n")
            (tmp_path / "beside.ini").touch()
            end(tmp_path, 0, LEAVE)
        assert older.wait(10) == -signal.SIGTERM
        with contextlib.suppress(ProcessLookupError):  # it may have ended before it began to sleep
            os.killpg(older.pid, signal.SIGKILL)
    assert stranger.poll() is None
    assert list(tmp_path.iterdir()) == []


# ---- its keeper -------------------------------------------------------------------------------------------------

shells = pytest.mark.parametrize("shell", SHELLS)


def begin(folder: Path, shell: str, timeout: int, words: str) -> Path:
    """Start a standby that runs this text of a shell; its record, once it is there."""
    app = App(listen="", page="", headers=[], statuses=[], ini="", log=f"{folder}/log", timeout=timeout, start=300)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uwsgi_standby, "SHELL", SHELLS[shell])
        Standby(app, str(folder)).begin(ACTIVATE, ["sh", "-c", words])
    until(lambda: list(folder.glob("standby.*[0-9]")))
    (path,) = folder.glob("standby.*[0-9]")
    return path


def processes_of(path: Path) -> list[int]:
    """Its keeper and its master."""
    return [int(path.read_text().split()[place]) for place in (1, 3)]


@shells
def test_standby_exits_once_its_requests_are_done(tmp_path: Path, shell: str) -> None:
    keeper, master = processes_of(begin(tmp_path, shell, 60, 'trap "exit 0" TERM; sleep 600 & wait'))
    assert os.getsid(keeper) == os.getsid(master) == keeper
    assert end(tmp_path, 10, KILL) == []
    assert not list(tmp_path.glob("standby*"))
    assert not alive(master)


@shells
def test_standby_is_killed_at_its_limit_without_the_agent(tmp_path: Path, shell: str) -> None:
    path = begin(tmp_path, shell, 1, 'trap "" TERM; sleep 600; sleep 600')
    keeper, master = processes_of(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(standby_end, "requests_of", lambda _: 7)
        assert "ends by itself within" in end(tmp_path, 0, LEAVE)[0]
    until(lambda: not alive(keeper) and not alive(master), 20)


@shells
def test_standby_ends_at_the_end_of_its_life(tmp_path: Path, shell: str) -> None:
    app = App(listen="", page="", headers=[], statuses=[], ini="", log="/dev/null", timeout=1, start=0)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uwsgi_standby, "SHELL", SHELLS[shell])
        keeper = Standby(app, str(tmp_path)).begin(ACTIVATE, ["sleep", "600"])
    keeper.wait(20)
    assert not list(tmp_path.glob("standby.*[0-9]*"))


def holds_only_its_own(pid: int, folder: Path) -> bool:
    held = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed in this moment
            held.add(str(one.readlink()))
    return held - {f"{folder}/standby.keeper"} == {"/dev/null", f"{folder}/log"}


@shells
def test_keeper_holds_no_descriptor_of_the_agents(tmp_path: Path, shell: str) -> None:
    """Neither the lock nor the connection."""
    with (tmp_path / "lock").open("w") as lock:
        os.set_inheritable(lock.fileno(), True)
        path = begin(tmp_path, shell, 60, 'trap "exit 0" TERM; sleep 600 & wait')
    for pid in processes_of(path):  # a Python that has just started may read files of its own
        until(functools.partial(holds_only_its_own, pid, tmp_path))
    end(tmp_path, 10, KILL)
