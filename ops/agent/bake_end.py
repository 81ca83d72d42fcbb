"""End the bake that is under way by a rollback, which the task that keeps it on trial does."""

import contextlib
import os
import time

from ops.agent import durable
from ops.agent.bake_end_messages import BakeEndState
from ops.agent.bake_notes import UNWANTED, ends_at
from ops.agent.lock import LOCK, Unlockable, is_locked
from ops.agent.narration import narrated
from ops.agent.release_folders import lines_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.bake_end_messages import BakeEndRequest
    from ops.agent.messages import Message
    from ops.agent.narration import Tell

PAUSE = 0.3


def answer(request: "BakeEndRequest") -> "Iterator[Message]":
    """Which release is on trial, or how the release that is asked for ended."""
    if request.release:
        yield from narrated(lambda tell: _end(request, tell))
    else:
        yield BakeEndState(release=_on_trial(request.state_dir))


def _end(request: "BakeEndRequest", tell: "Tell") -> None:
    release = request.release
    if _on_trial(request.state_dir) == release:
        with contextlib.suppress(OSError):  # it ends in this moment, or another operator asks for the same
            durable.write(os.path.join(request.state_dir, "pending", UNWANTED), f"{request.why}\n".encode())
    while _on_trial(request.state_dir) == release:
        time.sleep(PAUSE)
    meta = lines_of(os.path.join(request.state_dir, "releases", release, "meta")) or []
    tell(BakeEndState(release=release, ended="".join(line[6:] for line in meta if line.startswith("ended "))))


def _on_trial(state_dir: str) -> str:
    """The release on trial; "" if there is none. One that is being rolled back still counts."""
    try:
        if not (ends_at(state_dir) and is_locked(os.path.join(state_dir, LOCK))):
            return ""
    except Unlockable:
        return ""
    meta = lines_of(os.path.join(state_dir, "pending/meta")) or [""]
    return meta[0].partition(" ")[2]
