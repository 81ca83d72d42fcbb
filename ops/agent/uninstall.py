"""Remove a version of the app that nothing needs."""

import os

from ops.agent import durable
from ops.agent.apache_messages import LockRefused
from ops.agent.install import remove_version
from ops.agent.install_messages import InstallEnded, InstallStep
from ops.agent.lock import Lock, Locked, Unlockable
from ops.agent.narration import narrated
from ops.agent.program_versions import program_versions
from ops.agent.software import UNFINISHED, current, is_there, unfinished
from ops.agent.software_state import running_programs
from ops.agent.step_failed import StepFailed
from ops.agent.supervisord_state import state_of
from ops.agent.versions import versions_of_releases

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.messages import Message
    from ops.agent.narration import Tell
    from ops.agent.uninstall_messages import UninstallRequest


def answer(request: "UninstallRequest") -> "Iterator[Message]":
    """Whether it was removed. The locks of deploys and of installations are held: nothing comes to need it."""
    state_dir = request.supervisord.state_dir
    try:
        with Lock(state_dir, request.owner), Lock(os.path.join(state_dir, UNFINISHED), request.owner):
            yield from narrated(lambda tell: _uninstall(request, tell))
    except Locked as error:
        yield LockRefused(owner=str(error))
    except Unlockable as error:
        yield LockRefused(problem=str(error))


def _uninstall(request: "UninstallRequest", tell: "Tell") -> None:
    mark = unfinished(request.supervisord.state_dir, request.software.version)
    try:
        if not is_there(request.software, request.software.version):
            durable.remove(mark)
            tell(InstallEnded(how="absent"))
            return
        reasons = _needed_by(request)
        if reasons:
            tell(InstallEnded(how="refused", reasons=reasons))
            return
        durable.write(mark, f"{request.owner}\n".encode("utf-8", "replace"))
        tell(InstallStep(step="uninstall"))
        remove_version(request, request.command, tell)
    except (StepFailed, OSError) as error:
        tell(InstallEnded(how="failed", reasons=[str(error)]))
    else:
        tell(InstallEnded(how="removed"))


def _needed_by(request: "UninstallRequest") -> "list[str]":
    """What needs the version. Raises StepFailed if that is not known."""
    software, place = request.software, request.supervisord
    found = ["it is current"] if current(software) == software.version else []
    running = program_versions(software, running_programs(place))
    supervisord = state_of(place).pid  # after a switch, it is still of the version that started it
    running += [one for one in program_versions(software, {"supervisord": supervisord}) if one.pid == supervisord]
    programs = [one.program for one in running if any(version == software.version for version, _ in one.found)]
    found += [f"{program} runs it" for program in dict.fromkeys(programs)]
    releases = versions_of_releases(place.state_dir).get(software.version, [])
    return found + [f"release {name} needs it" for name in releases]
