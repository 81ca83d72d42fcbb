"""A host's lock that another task holds."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

OWNER = "jane@desk, r0 since today"


@contextlib.contextmanager
def held(state_dir: Path) -> Iterator[None]:
    """Hold the lock of this state folder; afterwards its text must still be that of its OWNER."""
    state_dir.mkdir(exist_ok=True)
    lock = state_dir / "lock"
    lock.write_text(f"{OWNER}\n")
    with lock.open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        yield
    assert lock.read_text() == f"{OWNER}\n"
