"""A standby is found by process id and start time: no other process is ever taken for one, and none is left."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ops.scripts import FOLDER
from tests.scripts.remote import SHELLS

PARTS = ("common.sh", "python.sh", "standby.sh", "standby_run.sh")
COUNTING = "standby_requests() { echo 7; }\nstart=1 log=/dev/null\n"
Shell = Callable[[str], list[str]]


def start_of(pid: int) -> str:
    """Its start time, as the kernel has it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def shell(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Shell]:
    """Run text behind the host's functions, in each shell; what it said."""
    text = "".join((FOLDER / part).read_text() for part in PARTS) + COUNTING

    def run(commands: str) -> list[str]:
        done = subprocess.run(
            [*SHELLS[request.param], "-c", f"{text}\nstate_dir='{tmp_path}' activate=:\n{commands}\n"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    yield run


shells = pytest.mark.parametrize("shell", SHELLS, indirect=True)


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


@shells
@pytest.mark.parametrize("kind", ["another start", "another boot", "cut short"])
def test_process_with_reused_pid_is_not_killed(
    shell: Shell, tmp_path: Path, stranger: "subprocess.Popen[bytes]", kind: str
) -> None:
    path = record(tmp_path, stranger.pid, "12" if kind == "another start" else start_of(stranger.pid), "boot")
    if kind == "another start":
        path = record(tmp_path, stranger.pid, "12")
    elif kind == "cut short":
        path.write_text(path.read_text().split()[0])
    assert shell("tell_standbys standby; end_standbys 0 kill") == []
    assert stranger.poll() is None
    assert not path.exists()


@shells
def test_busy_standby_is_reported_and_killed_only_for_its_socket(shell: Shell, tmp_path: Path) -> None:
    deaf = ["sh", "-c", "trap '' TERM; sleep 600 & echo $!; wait; wait"]
    with subprocess.Popen(deaf, start_new_session=True, stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout
        child = int(one.stdout.readline())
        record(tmp_path, one.pid, start_of(one.pid))
        (told,) = shell("tell_standbys standby")
        pid, age, requests, left = map(int, told.split()[1:])
        assert (pid, requests, 45 < age < 100, 1300 < left < 1440) == (one.pid, 7, True, True)
        assert "7 requests" in shell("end_standbys 0 leave")[0]
        assert shell("end_standbys 0 spare") == []
        assert alive(child)
        assert "7 requests" in shell("end_standbys 0 kill")[0]
        assert (one.wait(10), alive(child)) == (-signal.SIGKILL, False)
    assert not list(tmp_path.glob("standby*"))


RUN = "mercy=1 run_standby {mercy} sh -c '{words}'; until [ -e \"$state_dir\"/standby.*[0-9] ]; do sleep 0.1; done"


@shells
def test_standby_exits_once_its_requests_are_done(shell: Shell, tmp_path: Path) -> None:
    said = shell(RUN.format(mercy=60, words='trap "exit 0" TERM; sleep 600 & wait') + "; end_standbys 10 kill")
    assert said == []
    assert not list(tmp_path.glob("standby*"))


@shells
def test_standby_is_killed_at_limit_without_its_script(shell: Shell, tmp_path: Path) -> None:
    said = shell(RUN.format(mercy=1, words='trap "" TERM; sleep 600; sleep 600') + "; end_standbys 0 leave")
    assert "ends by itself within" in said[0]
    (path,) = tmp_path.glob("standby.*[0-9]")
    keeper, master = (int(path.read_text().split()[place]) for place in (1, 3))
    end = time.monotonic() + 20
    while alive(keeper) or alive(master):
        assert time.monotonic() < end, "it goes on"
        time.sleep(0.1)
