"""What a bake notes for others: when it ends, why it is to end, and how it has ended."""

import contextlib
import os

from ops.agent import durable
from ops.agent.release_folders import text_of

UNTIL, UNWANTED = "bake", "bake-unwanted"  # in the folder of a change: its end, in seconds since 1970; why to end it
LAST = "last-bake"  # in the state folder: how one ended that nobody followed to its end


def ends_at(state_dir: str) -> int:
    """When the bake that is under way ends, in seconds since 1970; 0 if there is none."""
    text = text_of(os.path.join(state_dir, "pending", UNTIL)).strip()
    return int(text) if text.isdigit() else 0


def note_end(state_dir: str, how: str, release: str) -> None:
    """Note how the bake of a release ended, as ChangeEnded has it, for the operator's next command."""
    with contextlib.suppress(OSError):
        durable.replace(os.path.join(state_dir, LAST), f"{how} {release}\n".encode())


def last_end(state_dir: str) -> "tuple[str, str] | None":
    """How the last bake ended that nobody followed to its end, and its release; None since another change began."""
    words = text_of(os.path.join(state_dir, LAST)).split()
    return (words[0], words[1]) if len(words) == 2 else None


def forget_end(state_dir: str) -> None:
    """Another change begins."""
    with contextlib.suppress(OSError):
        durable.remove(os.path.join(state_dir, LAST))
