"""Start, stop, restart and reload supervisord's programs, and supervisord itself."""

import time

from ops.agent import stop_notes
from ops.agent.apache_messages import LockRefused
from ops.agent.evidence import tail
from ops.agent.lock import Lock, Locked, Unlockable
from ops.agent.narration import narrated
from ops.agent.program_action_messages import ActionFailed, SupervisordFound
from ops.agent.service_messages import Note, StartRefused
from ops.agent.standby_end import KILL, RESTART_MERCY, SPARE, end_standbys
from ops.agent.step_failed import StepFailed
from ops.agent.supervised_programs import SupervisedPrograms
from ops.agent.supervisord_state import state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.messages import Message
    from ops.agent.narration import Tell
    from ops.agent.program_action_messages import ProgramActionRequest
    from ops.agent.service_messages import App
    from ops.agent.uwsgi_reload import UwsgiReload

EVIDENCE_LINES = 40
UP, DOWN = "up", "down"
RESTARTS_ALWAYS = ("always", "on-success")  # a unit's Restart, by which systemd starts it again after a good end


def answer(request: "ProgramActionRequest") -> "Iterator[Message]":
    """supervisord's state, then what is done; nothing is, if supervisord is not as the action needs it."""
    try:
        with Lock(request.supervisord.state_dir, request.owner) as lock:
            if lock.took_over:
                yield Note(text=f"took over the lock of a task that died: {lock.took_over}")
            found = _found(request)
            yield found
            is_up = found.supervisord.state == UP
            may_start = found.supervisord.state == DOWN and not found.orphans
            if is_up or (may_start and request.action == "start-supervisord"):
                yield from narrated(lambda tell: _act(request, found.supervisord.pid, tell))
    except Locked as error:
        yield LockRefused(owner=str(error))
    except Unlockable as error:
        yield LockRefused(problem=str(error))
    except StepFailed as failed:
        yield ActionFailed(evidence=tail(failed.evidence, EVIDENCE_LINES))


def _found(request: "ProgramActionRequest") -> SupervisordFound:
    place = request.supervisord
    found = SupervisordFound(supervisord=state_of(place))
    if found.supervisord.state == DOWN:
        from ops.agent.supervisord_process import orphans

        found.orphans = orphans(place)
        found.supervisord.detail = stop_notes.of_supervisord(place.state_dir)
    return found


def _act(request: "ProgramActionRequest", pid: int, tell: "Tell") -> None:
    """Do the action; `pid` is the supervisord that is up, or 0. Raises StepFailed.

    What it needs is imported before anything changes: the connection may be lost then.
    """
    if request.action == "start-supervisord":
        if not pid:
            _start_supervisord(request, tell)
    elif request.action == "stop-supervisord":
        _stop_supervisord(request, pid, tell)
    elif request.action == "reload-uwsgi":
        for name in request.names:
            _reload_uwsgi(request, name, tell)
    elif request.action == "reload-changed":
        _reload_changed(request, tell)
    else:
        _change(request, tell)


def _change(request: "ProgramActionRequest", tell: "Tell") -> None:
    """Start, stop or restart the programs."""
    programs = SupervisedPrograms(request.supervisord, tell)
    actions = {
        "start": programs.start,
        "stop": programs.stop,
        "restart": programs.restart,
        "restart-running": programs.restart_running,
    }
    if request.action not in actions:
        raise StepFailed(f"there is no action '{request.action}'")
    if request.action == "stop":
        stop_notes.note(request.supervisord.state_dir, request.names, _who(request))
    named = [app for app in request.apps if app.reloadable and app.reloadable in request.names]
    for app in named if request.action.startswith("restart") else []:  # do not stop one that would not serve again
        _uwsgi(request, app, tell).validate_restart(app.reloadable)
    if named:
        _end_standbys(request, tell)  # it may hold the program's port, or serve for it
    actions[request.action](request.names)


def _uwsgi(request: "ProgramActionRequest", app: "App", tell: "Tell") -> "UwsgiReload":
    from ops.agent.uwsgi_reload import UwsgiReload

    return UwsgiReload(request.supervisord, app, request.activate, tell)


def _reload_changed(request: "ProgramActionRequest", tell: "Tell") -> None:
    programs = SupervisedPrograms(request.supervisord, tell)
    for app in [app for app in request.apps if app.reloadable]:
        reload = _uwsgi(request, app, tell)
        if reload.has_other_settings(app.reloadable):
            reload.validate_restart(app.reloadable)
            _end_standbys(request, tell)
    programs.reload_changed(request.names, request.reloads)
    for app in [app for app in request.apps if app.reloadable in request.graceful]:
        if programs.is_due(app.reloadable, app.ini):
            _reload_uwsgi(request, app.reloadable, tell)


def _reload_uwsgi(request: "ProgramActionRequest", name: str, tell: "Tell") -> None:
    app = next((app for app in request.apps if app.reloadable == name), None)
    if not app:
        raise StepFailed(f"{name} is not the uWSGI of an app")
    try:
        _uwsgi(request, app, tell).reload(name)
    finally:  # whatever went wrong
        end_standbys(request.supervisord.state_dir, 0, SPARE, tell)


def _start_supervisord(request: "ProgramActionRequest", tell: "Tell") -> None:
    from ops.agent.supervisord_start import start_supervisord

    _end_standbys(request, tell)
    start_supervisord(request.supervisord, request.activate, tell)
    SupervisedPrograms(request.supervisord, tell).await_supervisord()


def _stop_supervisord(request: "ProgramActionRequest", pid: int, tell: "Tell") -> None:
    from ops.agent.supervisord_start import shut_down_supervisord
    from ops.agent.survival import unit_of_process
    from ops.agent.systemd import SYSTEM

    place = request.supervisord
    unit = unit_of_process(pid, place.conf)
    if unit and unit.manager == SYSTEM and unit.restart in RESTARTS_ALWAYS:
        tell(StartRefused(why="brought-back", name=unit.name))
        raise StepFailed(f"supervisord is not stopped: {unit.name} would start it again")
    _end_standbys(request, tell)
    SupervisedPrograms(place, tell).stop_all()
    shut_down_supervisord(place, pid, tell)
    stop_notes.note_supervisord(place.state_dir, f"{_who(request)} since {time.strftime('%Y-%m-%d %H:%M:%S %z')}")


def _end_standbys(request: "ProgramActionRequest", tell: "Tell") -> None:
    end_standbys(request.supervisord.state_dir, RESTART_MERCY, KILL, tell)


def _who(request: "ProgramActionRequest") -> str:
    """The lock's owner without what for."""
    return request.owner.rpartition(", ")[0] or request.owner
