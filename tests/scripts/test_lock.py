"""The host's lock, under each shell: what is held is called that, and whatever else goes wrong says what it is."""

import errno
import fcntl
import subprocess
from pathlib import Path

import pytest

from tests.scripts.local_agent import probed
from tests.scripts.remote import SHELLS, FakeHost, Ran, executable, run


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def ask(shell: str, state: Path, path: str = "") -> Ran:
    """Run a transaction as far as it gets."""
    return run(shell, "transaction", [f"state_dir {state}", "by tester, a test", "limit 60", "end"], path=path)


@pytest.mark.parametrize(
    "flock",
    [
        "echo 'flock: 9: No locks available' >&2; exit 71",  # util-linux, on NFS without locks
        "echo 'flock: No locks available' >&2; exit 1",  # busybox
        "exit 127",
    ],
)
def test_unavailable_lock_is_not_reported_as_held(shell: str, tmp_path: Path, flock: str) -> None:
    """STAND-IN for flock."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state/lock").write_text("jane@desk, r0 since yesterday\n")
    executable(tmp_path / "flock", f"#!/bin/sh\n{flock}\n")
    ran = ask(shell, tmp_path / "state", str(tmp_path))
    assert ran.values("locked") == [], ran
    (said,) = ran.values("unlockable")
    assert "No locks available" in said or "127" in said
    assert ran.code == 1


def test_unwritable_state_dir_is_named(shell: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    ran = ask(shell, tmp_path / "file/state")
    assert ran.values("locked") == [], ran
    (said,) = ran.values("unlockable")
    assert f"{tmp_path}/file" in said


def test_held_lock_is_reported_as_held(shell: str, tmp_path: Path) -> None:
    lock = tmp_path / "state/lock"
    lock.parent.mkdir()
    lock.write_text("jane@desk, r0 since today\n")
    with subprocess.Popen(
        ["flock", lock, "sh", "-c", "echo held; exec sleep 60"], stdout=subprocess.PIPE
    ) as lock_owner:
        assert lock_owner.stdout
        lock_owner.stdout.readline()
        ran = ask(shell, tmp_path / "state")
        lock_owner.kill()
    assert ran.values("locked") == ["jane@desk, r0 since today"], ran
    assert ran.values("unlockable") == []


def test_concurrent_probes_do_not_report_lock(tmp_path: Path) -> None:
    """The text of a task that died is there, and another look has the lock for a moment."""
    lock = tmp_path / "state/lock"
    lock.parent.mkdir()
    lock.write_text("jane@desk, r0 since yesterday\n")
    with lock.open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert probed(tmp_path / "state").lock == ""
        fcntl.flock(other, fcntl.LOCK_EX)
        assert probed(tmp_path / "state").lock == "jane@desk, r0 since yesterday"


def test_probe_reports_no_lock_where_locks_do_not_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STAND-IN for a file system without locks."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    (tmp_path / "state").mkdir()
    (tmp_path / "state/lock").write_text("jane@desk, r0 since yesterday\n")
    monkeypatch.setattr(fcntl, "flock", refuse)
    assert probed(tmp_path / "state").lock == ""


def test_task_waits_for_lock_held_briefly(shell: str, tmp_path: Path) -> None:
    """STAND-IN for flock: the first time somebody has it."""
    fake = FakeHost(tmp_path)
    executable(tmp_path / "flock", '#!/bin/sh\n[ -e "${0%/*}/again" ] || { : >"${0%/*}/again"; exit 1; }\n')
    ran = run(shell, "transaction", [*fake.request(), "commit"], path=str(tmp_path))
    assert ran.values("locked") == [], ran
    assert (tmp_path / "again").exists()
