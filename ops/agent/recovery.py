"""Roll back a change that died after its first file changed: a later run does so first.

It was killed, or the host lost its power; an earlier version may have begun it.
"""

import contextlib
import os
import time

from ops.agent import durable
from ops.agent.change import STORED, Change
from ops.agent.change_of_scripts import read_change
from ops.agent.host_processes import is_process
from ops.agent.lines import value_of
from ops.agent.plain_message import field_names
from ops.agent.release_folders import lines_of, text_of
from ops.agent.release_store import finish_link
from ops.agent.service_messages import Note
from ops.agent.standby_end import end_standbys
from ops.agent.transaction_messages import TransactionRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.agent.messages import Message

STAGED_SECONDS = 600.0  # after which nobody sends any more what has no name of a process


def unfinished(request: TransactionRequest, tell: "Callable[[Message], None]") -> "Change | None":
    """The change to roll back, by today's `request` where it does not say; None if there is none.

    What died before it changed anything is removed. Raises OSError.
    """
    state_dir = request.supervisord.state_dir
    finish_link(state_dir)
    end_standbys(state_dir, 0, "leave", tell)  # it serves the files that are restored now
    _remove_staged(state_dir)
    folder = os.path.join(state_dir, "pending")
    if not os.path.exists(folder):
        return None
    name = (lines_of(os.path.join(folder, "meta")) or [""])[0]
    if any(os.path.exists(os.path.join(folder, sign)) for sign in ("swapping", "reloading")):
        change = Change(folder, _request_of(folder, request), tell)
        change.is_way_back = True
        return change
    tell(Note(text=f"removed the staged files of a deploy that was killed before it changed anything: {name}"))
    durable.remove_tree(folder)
    return None


def _request_of(folder: str, today: TransactionRequest) -> TransactionRequest:
    """What the change was asked; each field that this version cannot read is as today's."""
    values = {name: getattr(today, name) for name in field_names(TransactionRequest)}
    lines = lines_of(os.path.join(folder, "request"))
    values.update(read_change(folder, today) if lines is None else _stored(lines))
    request = TransactionRequest(**values)
    request.commands.start = today.commands.start  # today's inventory says how Apache is started
    return request


def _stored(lines: "list[str]") -> "dict[str, object]":
    found = {}
    for line in lines:
        name, _, text = line.partition(" ")
        if name in STORED:
            with contextlib.suppress(ValueError):
                found[name] = value_of(text)
    return found


def _remove_staged(state_dir: str) -> None:
    """What deploys of an earlier version that died had received: incoming.PID-START-BOOT.XXXXXX, or without them."""
    for name in os.listdir(state_dir):
        path = os.path.join(state_dir, name)
        if name.startswith("incoming.") and not _is_received(path, name.split(".")[1].split("-", 2)):
            durable.remove_tree(path)


def _is_received(path: str, fields: "list[str]") -> bool:
    """Whether the process still runs that receives it."""
    if len(fields) == 3 and fields[0].isdigit() and fields[1].isdigit():
        boot = text_of("/proc/sys/kernel/random/boot_id")
        return fields[2] == boot and is_process(int(fields[0]), int(fields[1]))
    return time.time() - os.stat(path).st_mtime < STAGED_SECONDS
