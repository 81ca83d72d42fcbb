"""Start supervisord at boot: by a line in the account's crontab, or by a systemd user unit."""

import os

from ops.agent import crontab, durable
from ops.agent.apache_messages import LockRefused
from ops.agent.boot_messages import BootChanged, BootFacts
from ops.agent.lock import Lock, Locked, Unlockable
from ops.agent.long_steps import kept_alive
from ops.agent.step_failed import StepFailed
from ops.agent.survival import boot_facts
from ops.agent.systemd import USER, has_systemd, systemctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.boot_messages import BootRequest
    from ops.agent.messages import Message

UNITS = "~/.config/systemd/user"


def answer(request: "BootRequest") -> "Iterator[Message]":
    """What starts it; with an action, whether that was done."""
    if not request.action:
        yield (yield from kept_alive(lambda: _look(request)))
        return
    try:
        with Lock(request.state_dir, request.owner):
            yield (yield from kept_alive(lambda: _changed(request)))
    except Locked as error:
        yield LockRefused(owner=str(error))
    except Unlockable as error:
        yield LockRefused(problem=str(error))


def _look(request: "BootRequest") -> BootFacts:
    found = BootFacts(survival=boot_facts(request.conf), has_unit=os.path.exists(_unit_path(request.unit)))
    try:
        table = crontab.read()
    except StepFailed:  # which boot_facts tells
        pass
    else:
        found.lines, found.own = crontab.count(table), crontab.own_line(table)
    found.has_manager = has_systemd() and systemctl(USER, "show", "-p", "Version").code == 0
    return found


def _changed(request: "BootRequest") -> BootChanged:
    try:
        _change(request)
    except (StepFailed, OSError) as error:
        return BootChanged(problem=str(error))
    return BootChanged()


def _change(request: "BootRequest") -> None:
    if request.action in ("add-line", "remove-line"):
        before = crontab.read()
        is_added = request.action == "add-line"
        after = crontab.with_line(before, request.line) if is_added else crontab.without_line(before)
        crontab.write(before, after)
    elif request.action == "add-unit":
        path = _unit_path(request.unit)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        durable.replace(path, request.text.encode())
        _need_systemctl("daemon-reload")
        _need_systemctl("enable", request.unit)
    elif request.action == "remove-unit":
        _need_systemctl("disable", request.unit)
        durable.remove(_unit_path(request.unit))
        _need_systemctl("daemon-reload")
    else:
        raise StepFailed(f"there is no action '{request.action}'")


def _unit_path(unit: str) -> str:
    return os.path.join(os.path.expanduser(UNITS), unit)


def _need_systemctl(*words: str) -> None:
    ended = systemctl(USER, *words)
    if ended.code:
        raise StepFailed(ended.text)
