"""The versions of the app on a host: installed, current and running; and what is not as the inventory wants it."""

from collections.abc import Iterator
from typing import Any

from ops.agent.service_messages import ProgramVersion, SoftwareState
from ops.agent.versions_messages import VersionsReport, VersionsRequest
from ops.deploy.version_change import what_leads_to_it
from ops.monitoring.findings import ERROR, WARNING, Finding
from ops.schema import Host
from ops.secrets.masking import masked
from ops.services.request_parts import software, supervisord_place
from ops.ssh.session import Remote

WHAT = "version"
SEEN_IN = {"environment": "environment", "executable": "executable", "folder": "working directory"}
NOT_MANAGED = "the inventory names no software (docs/guide/versions.md)"


def ask(remote: Remote) -> VersionsReport:
    """Ask a host for its versions. Raises HostError for a malformed answer."""
    wanted = software(remote.host)
    if wanted is None:
        return VersionsReport(problem=NOT_MANAGED)
    request = VersionsRequest(software=wanted, supervisord=supervisord_place(remote.host))
    return remote.answer(request).only(VersionsReport)


def state_of(host: Host, report: VersionsReport) -> SoftwareState:
    """The part of a report that the inventory is compared with."""
    wanted = host.software.version if host.software else ""
    return SoftwareState(
        is_installed=any(one.version == wanted and one.is_whole for one in report.installed),
        current=report.current,
        running=report.running,
        problem=report.problem,
    )


def assess_versions(host: Host, state: SoftwareState | None, *, is_deployed: bool = True) -> Iterator[Finding]:
    """What is not as the inventory wants it: a WARNING as long as the wanted version `is_deployed` not yet."""
    if host.software is None or state is None:
        return
    wanted, fab, level = host.software.version, f"fab -H {host.name}", ERROR if is_deployed else WARNING
    if state.problem:
        yield Finding(WHAT, WARNING, f"unknown: {masked(state.problem)}", f"{fab} doctor checks the products")
        return
    if not state.is_installed:
        yield Finding(WHAT, level, f"{wanted} is not installed", f"{fab} install {wanted}")
    led = what_leads_to_it(host)
    if led and state.current != wanted:
        now = f"leads to {masked(state.current)}" if state.current else "leads to no version"
        yield Finding(WHAT, level, f"{led} {now}, the inventory wants {wanted}", f"{fab} diff, then {fab} deploy")
    advice = f"{fab} diff, then {fab} deploy; or set software.version to the version that is to run"
    for program in dict.fromkeys(one.program for one in state.running):
        others = [one for one in state.running if one.program == program and _runs_another(one, wanted)]
        if others:
            pids = ", ".join(str(one.pid) for one in others)
            seen = [pair for one in others for pair in one.found if pair[0] != wanted]
            said = f"{program} runs {in_words(seen)}, the inventory wants {wanted} (process {pids})"
            yield Finding(WHAT, level, said, advice)


def _runs_another(process: ProgramVersion, wanted: str) -> bool:
    return any(version != wanted for version, _ in process.found)


def in_words(found: list[tuple[str, str]]) -> str:
    """Versions with where they were seen: "v4_4_0 (environment, working directory)"."""
    seen: dict[str, list[str]] = {}
    for version, where in dict.fromkeys(found):
        seen.setdefault(masked(version), []).append(SEEN_IN.get(where, where))
    return ", ".join(f"{version} ({', '.join(where)})" for version, where in seen.items())


def by_program(running: list[ProgramVersion]) -> dict[str, str]:
    """Each program with its version, or all that its processes show; "unknown" where none shows one."""
    found: dict[str, set[str]] = {}
    for process in running:
        found.setdefault(process.program, set()).update(masked(version) for version, _ in process.found)
    return {program: ", ".join(sorted(versions)) or "unknown" for program, versions in found.items()}


def facts(host: Host, report: VersionsReport) -> dict[str, Any]:
    """Everything, for JSON."""
    return {
        "wanted": host.software and host.software.version,
        "current": report.current or None,
        "installed": [
            {
                "version": one.version,
                "chains": one.chains,
                "folder": one.folder,
                "kilobytes": one.kilobytes,
                "whole": one.is_whole,
                "releases": one.releases,
            }
            for one in report.installed
        ],
        "running": [
            {
                "program": one.program,
                "pid": one.pid,
                "versions": [
                    {"version": version, "seen_in": SEEN_IN.get(where, where)} for version, where in one.found
                ],
            }
            for one in report.running
        ],
        "problem": report.problem or None,
        "findings": [vars(finding) for finding in assess_versions(host, state_of(host, report))],
    }
