"""The host's lock: what is held is called that, and whatever else goes wrong says what it is."""

import errno
import fcntl
import threading
import time
from pathlib import Path

import pytest

from ops.agent.lock import Lock, Locked, Unlockable, owner_of
from tests.agent.held_lock import OWNER, held
from tests.agent.local_agent import probed


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """The lock of a task that died."""
    path = tmp_path / "state/lock"
    path.parent.mkdir()
    path.write_text("jane@desk, r0 since yesterday\n")
    return path


def refuse(*_: object) -> None:
    raise OSError(errno.ENOLCK, "No locks available")


def test_unavailable_lock_is_not_reported_as_held(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STAND-IN for a file system without locks."""
    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(Unlockable, match="No locks available"), Lock(str(lock.parent), "me"):
        pass
    assert probed(lock.parent).lock == ""


def test_unwritable_state_dir_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unlockable, match=f"{tmp_path}/file"), Lock(f"{tmp_path}/file/state", "me"):
        pass


def test_full_disk_is_named(lock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """STAND-IN for a full disk."""

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.write", full)
        with pytest.raises(Unlockable, match="no space is left"), Lock(str(lock.parent), "me"):
            pass
    with Lock(str(lock.parent), "me"):  # nobody holds it
        pass


def test_lock_of_a_task_that_died_is_taken_over(lock: Path) -> None:
    with Lock(str(lock.parent), "me") as taken:
        assert taken.took_over == "jane@desk, r0 since yesterday"
        assert owner_of(str(lock.parent)).startswith("me since ")
        assert probed(lock.parent).lock.startswith("me since ")
    assert lock.read_text() == ""


def test_held_lock_names_its_owner_and_stays(lock: Path) -> None:
    with held(lock.parent), pytest.raises(Locked, match=OWNER), Lock(str(lock.parent), "me"):
        pass


def test_lock_that_a_look_holds_for_a_moment_is_awaited(lock: Path) -> None:
    with lock.open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        threading.Timer(0.1, lambda: fcntl.flock(other, fcntl.LOCK_UN)).start()
        with Lock(str(lock.parent), "me"):
            pass
        time.sleep(0.1)


def test_concurrent_probes_do_not_report_lock(lock: Path) -> None:
    """The text of a task that died is there, and another look has the lock for a moment."""
    with lock.open() as other:
        fcntl.flock(other, fcntl.LOCK_SH)
        assert probed(lock.parent).lock == ""
        fcntl.flock(other, fcntl.LOCK_EX)
        assert probed(lock.parent).lock == "jane@desk, r0 since yesterday"
