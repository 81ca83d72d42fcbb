"""The request for the installed and running versions of the app, and its answer."""

from ops.agent.messages import Message
from ops.agent.service_messages import ProgramVersion, Software, SupervisordPlace


class VersionsRequest(Message):
    """Which versions are installed, which one is current, and what runs."""

    software: Software
    supervisord: SupervisordPlace


class InstalledVersion(Message):
    """One version; `chains` lead to it; `kilobytes`: of its folder, None where that is not known.

    `is_whole`: its installation has succeeded; `releases`: the kept releases that need it.
    """

    version: str
    chains: "list[str]"
    folder: str
    kilobytes: "int | None"
    is_whole: bool
    releases: "list[str]"


class VersionsReport(Message):
    """All of it; `problem`: why the installed versions are not known, or ""."""

    installed: "list[InstalledVersion]" = []
    current: str = ""
    running: "list[ProgramVersion]" = []
    problem: str = ""
