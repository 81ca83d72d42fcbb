"""The versions of the app on this host: installed, current, running, and needed by releases. Changes nothing."""

import os

from ops.agent.program_versions import program_versions
from ops.agent.release_folders import lines_of, names_in
from ops.agent.software import current, is_installed, versions
from ops.agent.software_state import running_programs
from ops.agent.step_failed import StepFailed
from ops.agent.versions_messages import InstalledVersion, VersionsReport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.messages import Message
    from ops.agent.software import Version
    from ops.agent.versions_messages import VersionsRequest

COMMITTED = "ended committed"  # as in release_store.py
SIZE_SECONDS = 20.0  # for one version; a folder on NFS may have many files


def answer(request: "VersionsRequest") -> "Iterator[Message]":
    """All of it, in one message."""
    software, place = request.software, request.supervisord
    found = VersionsReport(running=program_versions(software, running_programs(place)))
    try:
        needed = versions_of_releases(place.state_dir)
        for one in versions(software):
            is_whole = is_installed(software, one.name, place.state_dir)
            found.installed.append(_installed(one, is_whole, needed.get(one.name, [])))
        found.current = current(software)
    except StepFailed as failed:
        found.problem = failed.evidence
    yield found


def versions_of_releases(state_dir: str) -> "dict[str, list[str]]":
    """Version to the kept releases with it that a rollback can restore, the oldest first by name."""
    found: dict[str, list[str]] = {}
    folder = os.path.join(state_dir, "releases")
    for name in names_in(folder):
        lines = lines_of(os.path.join(folder, name, "meta")) or []
        for line in lines if COMMITTED in lines else []:
            if line.startswith("version "):
                found.setdefault(line[len("version ") :], []).append(name)
    return found


def _installed(one: "Version", is_whole: bool, releases: "list[str]") -> InstalledVersion:
    return InstalledVersion(
        version=one.name,
        chains=one.chains,
        folder=one.folder,
        kilobytes=_kilobytes(one.folder),
        is_whole=is_whole,
        releases=releases,
    )


def _kilobytes(folder: str) -> "int | None":
    from ops.agent.processes import output_of

    if not os.path.isdir(folder):
        return None
    size = output_of(["du", "-sk", folder], seconds=SIZE_SECONDS).split()[:1]
    return int(size[0]) if size and size[0].isdigit() else None
