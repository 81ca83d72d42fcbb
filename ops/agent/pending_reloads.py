"""The pending reloads: those of a change that are not done yet, for a later run in which no file differs any more."""

import contextlib
import os

from ops.agent import durable
from ops.agent.release_folders import lines_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.change import Change

FILE = "owed"  # in the state folder
BEFORE = "owed.before"  # in the folder of a change


def _path(change: "Change") -> str:
    return os.path.join(change.state_dir, FILE)


def note_all(change: "Change", reloads: "list[str]") -> None:
    """Record the reloads of a change, on the disk. Raises OSError."""
    _write(change, reloads)


def keep_before(change: "Change") -> None:
    """Keep those from before the change. Raises OSError."""
    change.write_lines(BEFORE, lines_of(_path(change)) or [])


def restore(change: "Change") -> None:
    """Those from before the change; on failure, an unneeded reload stays pending."""
    if change.has(BEFORE):
        with contextlib.suppress(OSError):
            _write(change, change.lines(BEFORE))


def note_done(change: "Change", reload: str) -> None:
    """Remove one. Raises OSError."""
    _write(change, [line for line in lines_of(_path(change)) or [] if line != reload])


def _write(change: "Change", lines: "list[str]") -> None:
    durable.replace(_path(change), "".join(f"{line}\n" for line in lines).encode())
