"""The host's lock, for one change at a time.

The kernel holds it while this process lives, so no lock outlives its deploy; the file's text names the lock owner.
"""

import errno
import os
import time

TRIES = 3  # a check may hold it for a moment
LOCK = "lock"  # in the state folder


class Locked(Exception):
    """Another task holds the lock; the text is its owner."""


class Unlockable(Exception):
    """The lock cannot be taken at all, held or not; the text is why."""


class Lock:
    """The lock of a state folder, as a context. Raises Locked or Unlockable.

    `took_over`: the owner of the lock that a task which died has left; "" if none.
    """

    def __init__(self, state_dir: str, owner: str) -> None:
        self._path = os.path.join(state_dir, LOCK)
        self._owner = owner
        self.took_over = ""

    def __enter__(self) -> "Lock":
        try:
            os.makedirs(os.path.dirname(self._path), 0o700, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unlockable(str(error)) from None
        try:
            for left in reversed(range(TRIES)):
                if _try_lock(self._file, exclusive=True):
                    break
                if not left:
                    raise Locked(owner_of(os.path.dirname(self._path)))
                time.sleep(0.2)
            self.took_over = owner_of(os.path.dirname(self._path))
            os.ftruncate(self._file, 0)
            os.write(self._file, f"{self._owner} since {time.strftime('%Y-%m-%d %H:%M:%S %z')}\n".encode())
        except OSError as error:
            os.close(self._file)
            full = f"no space is left on the disk of {os.path.dirname(self._path)}"
            raise Unlockable(full if error.errno == errno.ENOSPC else str(error)) from None
        except BaseException:
            os.close(self._file)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.ftruncate(self._file, 0)
        os.close(self._file)


def owner_of(state_dir: str) -> str:
    """The text of the lock: its owner, or that of a task that died; "" if it was released."""
    try:
        with open(os.path.join(state_dir, LOCK), encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def is_locked(path: str) -> bool:
    """Whether somebody holds the lock of a file or folder. Raises Unlockable if that is unknown.

    It uses a shared lock, so that two checks do not take each other for a deploy.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise Unlockable(str(error)) from None
    try:
        return not _try_lock(file, exclusive=False)
    finally:
        os.close(file)


def _try_lock(file: int, *, exclusive: bool) -> bool:
    import fcntl

    try:
        fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise Unlockable(f"flock: {error}") from None
    return True
