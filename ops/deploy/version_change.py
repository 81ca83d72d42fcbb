"""The app's version in a plan: what runs now, what is wanted, and what has to change for it. Pure."""

from dataclasses import dataclass

from ops.agent.service_messages import ProgramVersion, SoftwareState
from ops.errors import HostError
from ops.schema import Host

UNKNOWN = "unknown"


@dataclass(frozen=True)
class VersionChange:
    """The wanted version, the one that runs (UNKNOWN, or several separated by commas), and what differs.

    `moves`: what leads to the current version and will be moved ("chain current", "link /home/poms/current"), or "";
    `outdated`: the programs that were started with another version.
    """

    wanted: str
    before: str
    moves: str = ""
    is_installed: bool = True
    outdated: tuple[str, ...] = ()

    def describe(self) -> str:
        """One line for the plan."""
        change = self.wanted if self.before == self.wanted else f"{self.before} to {self.wanted}"
        missing = "" if self.is_installed else f"; {self.wanted} is NOT INSTALLED: a deploy is refused"
        return f"version: {change}{f'; {self.moves} moves to it' if self.moves else ''}{missing}"


def version_change(host: Host, state: SoftwareState | None) -> VersionChange | None:
    """What the wanted version changes on a host; None for a host whose inventory names none."""
    if host.software is None or state is None:
        return None
    wanted = host.software.version
    started = started_with(state)
    outdated = tuple(name for name, version in started.items() if version != wanted)
    before = ", ".join(sorted(set(started.values()))) or state.current or UNKNOWN
    moves = what_leads_to_it(host) if state.current != wanted and not state.problem else ""
    return VersionChange(wanted, before, moves, state.is_installed or bool(state.problem), outdated)


def what_leads_to_it(host: Host) -> str:
    """What a switch moves, in words; "" for nothing."""
    wanted = host.software
    if wanted is None:
        return ""
    if wanted.product:
        return f"chain {wanted.chain}" if wanted.chain else ""
    return f"link {wanted.link}" if wanted.link else ""


def started_with(state: SoftwareState) -> dict[str, str]:
    """The version in whose environment each program was started, where its first process shows one."""
    first: dict[str, ProgramVersion] = {}
    for process in state.running:
        first.setdefault(process.program, process)
    found = {name: [version for version, by in one.found if by == "environment"] for name, one in first.items()}
    return {name: versions[0] for name, versions in found.items() if versions}


def need_installed(host: Host, state: SoftwareState | None) -> None:
    """Raise HostError unless the wanted version is installed as a whole."""
    if host.software is None or state is None:
        return
    if state.problem:
        raise HostError(
            host.name,
            f"it is unknown whether version {host.software.version} is installed: {state.problem}",
            left="everything",
            next_step=f"fab -H {host.name} versions shows what is known",
            outcome="unknown versions",
        )
    if not state.is_installed:
        raise HostError(
            host.name,
            f"version {host.software.version} is not installed",
            left="everything",
            next_step=f"fab -H {host.name} install {host.software.version}, then deploy again",
            outcome="version not installed",
        )
