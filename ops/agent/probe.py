"""The state of this host before a deploy, in one answer. Changes nothing."""

import hashlib
import os
import stat
import time

from ops.agent.apache_processes import apache_read_at
from ops.agent.app_socket import problem_of
from ops.agent.bake_notes import ends_at, last_end
from ops.agent.lock import LOCK, Unlockable, is_locked, owner_of
from ops.agent.probe_messages import BakeState, FileState, HostState, ProgramState, ServiceState
from ops.agent.process_memory import memory_of
from ops.agent.release_folders import content_of, lines_of, releases_elsewhere, running_release
from ops.agent.supervisord_state import state_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.messages import Message
    from ops.agent.probe_messages import ProbeRequest
    from ops.agent.service_messages import App, SupervisordPlace

APP_SECONDS = 10.0  # for an answer of the app
APACHE_SECONDS = 2.0  # for Apache to reach it
LOST_RECORD = "a deploy whose record was lost in a power cut"
DOES_NOT_ANSWER = "it runs but does not answer: fab status says why"


def answer(request: "ProbeRequest") -> "Iterator[Message]":
    """The whole state; what only matters if something differs is found out only then."""
    place = request.supervisord
    found = HostState(
        lock=_lock(place.state_dir),
        owed=lines_of(os.path.join(place.state_dir, "owed")) or [],
        staged=[name for name in _names(place.state_dir) if name.startswith("incoming.")],
        present=[path for folder in request.folders for path in _files_in(folder)],
        supervisord=state_of(place),
    )
    _add_release(request, found)
    if not found.lock:
        found.unfinished = _unfinished(place.state_dir)
    found.bake = _bake(place.state_dir, is_locked=bool(found.lock))
    wanted = dict(request.files)
    for path in [*wanted, *(path for path, _ in found.deployed if path not in wanted)]:
        found.files.append(_file(path, wanted.get(path, ""), request.contents))
    if not (found.lock and found.bake):  # else what was written is on trial, and not recorded yet
        found.rewritten = _rewritten(found, wanted)
    if found.supervisord.state == "down":
        found.start = _way_to_start(place.conf)
    found.services = [_service(request.supervisord, app) for app in request.apps if app.program]
    if request.software:
        from ops.agent.software_state import software_state

        found.software = software_state(request.software, request.supervisord)
    _add_what_changes_need(request, found, wanted)
    yield found


def _add_what_changes_need(request: "ProbeRequest", found: HostState, wanted: "dict[str, str]") -> None:
    changed = [file.path for file in found.files if not file.exists or file.content is not None]
    if found.rewritten:
        found.read = _read_times(request.supervisord.state_dir)
    if found.rewritten or (request.supervisord.conf in changed and request.supervisord.conf in wanted):
        conf = next((file.content for file in found.files if file.path == request.supervisord.conf), None) or b""
        if b"[include]" in conf or b"%(ENV_" in conf:
            from ops.agent.supervisord_surroundings import surroundings

            found.surroundings = surroundings(request.supervisord.conf, found.supervisord.pid)
        if found.supervisord.state == "up":
            found.programs, found.untold = _programs(request.supervisord)
        elif found.supervisord.state != "down":
            found.untold = DOES_NOT_ANSWER
    if any(file.content is not None for file in found.files):
        found.memory = {name: memory_of(ini) for name, ini in request.uwsgi_files.items()}
    if request.restart and (changed or found.rewritten or found.owed):
        from ops.agent.apache_unit import restart_settings

        found.restart = restart_settings(request.restart, request.server_root)
    if changed or found.unfinished is not None:
        space = os.statvfs(os.path.expanduser("~"))
        found.free = space.f_bavail * space.f_frsize // 1024


# ---- files ---------------------------------------------------------------------------------------------------


def _file(path: str, wanted: str, contents: bool) -> FileState:
    """One path; of one that is not wanted any more, the content is told, too."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return FileState(path=path, exists=False)
    except OSError:
        return FileState(path=path)
    content = content_of(path) if stat.S_ISREG(mode) else None
    if content is None:
        return FileState(path=path)
    found = FileState(path=path, mode=f"{stat.S_IMODE(mode):04o}", digest=hashlib.sha256(content).hexdigest())
    found.mode_is_fixed = not os.access(os.path.dirname(path), os.W_OK)
    if contents and found.digest != wanted:
        found.content = content
    return found


def _rewritten(found: HostState, wanted: "dict[str, str]") -> "list[tuple[str, float]]":
    """Wanted files that are not as deployed, or as wanted if they never were: what runs may not have read them."""
    deployed = dict(found.deployed)
    return [
        (file.path, os.stat(file.path).st_mtime)
        for file in found.files
        if file.path in wanted and file.digest and file.digest != deployed.get(file.path, wanted[file.path])
    ]


def _files_in(folder: str) -> "list[str]":
    paths = [os.path.join(folder, name) for name in _names(folder) if not name.startswith(".")]
    return [path for path in paths if os.path.isfile(path)]


def _names(folder: str) -> "list[str]":
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _read_times(state_dir: str) -> "list[tuple[str, float]]":
    """When what runs has read its files.

    Apache; uWSGI, whoever reloaded it, which writes a file as it begins to serve; programs at a start or a reload of
    ours. A start by supervisord is told with the programs.
    """
    apache, taken = apache_read_at(), os.path.join(state_dir, "taken")
    paths = [os.path.join(state_dir, name) for name in _names(state_dir) if name.endswith(".serving")]
    paths += [os.path.join(taken, name) for name in _names(taken)]
    times = [(os.path.basename(path), os.stat(path).st_mtime) for path in paths if os.path.exists(path)]
    return [*([] if apache is None else [("apache", apache)]), *times]


# ---- releases ------------------------------------------------------------------------------------------------


def _add_release(request: "ProbeRequest", found: HostState) -> None:
    """What is recorded of the last release."""
    state_dir = request.supervisord.state_dir
    found.release = running_release(state_dir)
    if not found.release:
        found.elsewhere = releases_elsewhere(state_dir, request.home, request.uwsgi_files.values())
        return
    folder = os.path.join(state_dir, "releases", found.release)
    for line in lines_of(os.path.join(folder, "manifest")) or []:
        digest, _, path = line.split(" ", 2)
        found.deployed.append((path, digest))
    for words in [line.split(" ", 2) for line in lines_of(os.path.join(folder, "meta")) or []]:
        if words[0] == "commit":
            found.commit = words[1]
        elif words[0] == "toolkit":
            found.toolkit = words[1]
        elif words[0] == "secret":
            found.secrets.append((words[2], words[1]))


def _lock(state_dir: str) -> str:
    """The owner of the lock of a running deploy; "" if there is none."""
    owner = owner_of(state_dir)
    try:
        return owner if owner and is_locked(os.path.join(state_dir, LOCK)) else ""
    except Unlockable:
        return ""


def _bake(state_dir: str, *, is_locked: bool) -> "BakeState | None":
    if not is_locked:
        last = last_end(state_dir)
        return BakeState(how=last[0], release=last[1]) if last else None
    end, meta = ends_at(state_dir), lines_of(os.path.join(state_dir, "pending/meta")) or [""]
    return BakeState(release=meta[0].partition(" ")[2], seconds_left=max(0, end - int(time.time()))) if end else None


def _unfinished(state_dir: str) -> "str | None":
    """The first line of the record of a deploy that died; None if none did."""
    if not os.path.exists(os.path.join(state_dir, "pending")):
        return None
    return (lines_of(os.path.join(state_dir, "pending/meta")) or [LOST_RECORD])[0]


# ---- services ------------------------------------------------------------------------------------------------


def _way_to_start(conf: str) -> str:
    from ops.agent.survival import way_to_start

    return way_to_start(conf)


def _service(place: "SupervisordPlace", app: "App") -> ServiceState:
    """Whether an app answers. One that is only starting gets the time for that."""
    problem, state = problem_of(app, app.listen, APP_SECONDS), ""
    if problem:
        programs, _ = _programs(place)
        state = next((one.state for one in programs or [] if one.name == app.program), "")
        if state in ("STARTING", "BACKOFF"):
            problem = problem_of(app, app.listen, app.start, lambda: True)
    if problem:
        return ServiceState(app=app.name, problem=problem, program=state)
    if app.own_page:
        from ops.agent.through_apache import ask_through_apache

        through = ask_through_apache(app.own_page, APACHE_SECONDS)
        if through.state == "failed":
            return ServiceState(app=app.name, problem=through.found, unreached=True)
    return ServiceState(app=app.name)


def _programs(place: "SupervisordPlace") -> "tuple[list[ProgramState] | None, str]":
    """supervisord's programs; or None and why it does not list them."""
    from ops.agent.supervisord_rpc import Refused, Server, full_name

    try:
        found = Server(place)("getAllProcessInfo")
    except (OSError, Refused) as error:
        return None, str(error)
    programs = [(one["statename"], full_name(one), one["start"] if one["pid"] else 0) for one in found]
    return [ProgramState(state=state, name=name, started=at) for state, name, at in programs], ""
