"""Remove a version of the app that nothing needs."""

import os

from ops.agent import durable
from ops.agent.apache_messages import LockRefused
from ops.agent.host_processes import is_own, numbers, process
from ops.agent.install import remove_version
from ops.agent.install_messages import InstallEnded, InstallStep
from ops.agent.lock import Lock, Locked, Unlockable
from ops.agent.narration import narrated
from ops.agent.program_versions import ENVIRONMENT, versions_of
from ops.agent.software import UNFINISHED, current, is_there, unfinished
from ops.agent.step_failed import StepFailed
from ops.agent.versions import versions_of_releases

SUPERVISORD = "supervisord"

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
    for pid in filter(is_own, numbers()):  # of supervisord or not: a job, a login, what a killed one has left
        one = process(pid)
        seen = [where for version, where in versions_of(software, pid) if version == software.version]
        # Programs do not inherit the environment that supervisord was started with, before some switch.
        if seen and not (one and one.name == SUPERVISORD and seen == [ENVIRONMENT]):
            found.append(f"{one.name if one else 'a process'}, process {pid}, runs it")
    releases = versions_of_releases(place.state_dir).get(software.version, [])
    return found + [f"release {name} needs it" for name in releases]
