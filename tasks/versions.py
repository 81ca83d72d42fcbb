"""`versions`, `install`, `uninstall`: the versions of the app."""

from collections.abc import Callable, Iterator
from typing import Any

from ops.agent.versions_messages import VersionsReport
from ops.errors import BadInput, LeftAtWork
from ops.monitoring import versions as known_versions
from ops.monitoring.findings import Finding
from ops.monitoring.versions import ask, assess_versions, by_program, state_of
from ops.rollout import AT_ONCE, HostResult, apply_serially
from ops.schema import Host
from ops.secrets.masking import masked
from ops.services import install as installation
from ops.ssh.session import connect
from ops.ui import colours, console, finding_list
from tasks._query import PARALLEL_HELP, ask_hosts, by_host, code_of, nothing, rendered
from tasks._task import chosen, inventory, print_json, task

KB = 1024  # in a MB


@task(
    help={
        "json": "Print one JSON document: per host, the wanted, the current, all installed and all running versions.",
        **PARALLEL_HELP,
    }
)
def versions(context: Any, json: bool = False, parallel: int = AT_ONCE) -> int:
    """Show which versions of the app are installed, current and running, and which one the inventory wants.

    What runs is read from each process. Exit code 2 if something is not as the inventory wants it. Without -H: all
    hosts of the inventory.
    """
    answers = ask_hosts(context, parallel, ask, nothing if json else _show)
    if json:
        print_json(by_host(answers, lambda one: one.result and known_versions.facts(one.host, one.result)))
    differs = any(_findings(one.host, one.result) for one in answers if one.result)
    return code_of(answers, attention=differs)


def _show(answers: list[HostResult[VersionsReport]]) -> None:
    for answer in answers:
        if answer.result:
            _show_one(answer.host, answer.result)


def _show_one(host: Host, report: VersionsReport) -> None:
    console.show(*finding_list.lines(finding_list.grouped((host, one) for one in _findings(host, report))))
    if host.software is None:
        console.say(f"{host.name}: {report.problem}", "dim")
    if report.installed:
        console.table((host.name, "state", "size", "kept releases"), list(_rows(report, host)))
    if report.running:
        rows = [(name, version) for name, version in by_program(report.running).items()]
        console.table((host.name, "runs"), rows)


def _findings(host: Host, report: VersionsReport) -> list[Finding]:
    return list(assess_versions(host, state_of(host, report)))


def _rows(report: VersionsReport, host: Host) -> Iterator[tuple[str, ...]]:
    """Each installed version: what it is, its size, and how many kept releases need it."""
    wanted = host.software and host.software.version
    for one in report.installed:
        marks = ["installed"] if one.is_whole else ["!not whole"]
        marks += ["wanted"] if one.version == wanted else []
        marks += one.chains if report.current != one.version else dict.fromkeys(["current", *one.chains])
        size = "" if one.kilobytes is None else f"{one.kilobytes / KB:.1f} MB"
        yield masked(one.version), ", ".join(map(masked, marks)), size, str(len(one.releases) or "")


@task(word="version", help={"version": "The version; without it, the one that the inventory wants."})
def install(context: Any, version: str = "") -> None:
    """Install a version of the app by the site's command (software.install), and check that it is whole.

    Nothing switches to it: fab deploy does, once the inventory wants it. If it fails or is interrupted, what there is
    of it is removed. Without -H: the default host; several hosts, one after the other.
    """

    def install_on(host: Host) -> None:
        files = rendered([host])[host.name]
        with connect(host, context.config) as remote:
            _say(host, installation.install(remote, files, _shown_for(host)))

    try:
        apply_serially(_at(version), install_on)
    except LeftAtWork as interrupted:
        raise LeftAtWork(
            interrupted.host,
            "interrupted; the host ends the command and removes what there is of the version",
            f"fab -H {interrupted.host} versions",
        ) from None


@task(word="version", help={"version": "The version to remove."})
def uninstall(context: Any, version: str = "") -> None:
    """Remove a version of the app that is not current, does not run, and is in no kept release.

    fab versions lists them with their sizes. Without -H: the default host.
    """
    if not version:
        raise BadInput("uninstall needs the version: fab uninstall VERSION. Nothing was touched.")

    def uninstall_on(host: Host) -> None:
        with connect(host, context.config) as remote:
            _say(host, installation.uninstall(remote, _shown_for(host)))

    apply_serially(_at(version), uninstall_on)


def _at(version: str) -> list[Host]:
    """The hosts of this run, each with that version as the wanted one. Raises BadInput."""
    hosts, known = chosen(everywhere=False), inventory()
    for host in hosts:
        if host.software is None:
            raise BadInput(
                f"{host.name}: its inventory names no software (docs/guide/versions.md). Nothing was touched."
            )
    return [known.at_version(host, version) if version else host for host in hosts]


def _shown_for(host: Host) -> Callable[[str], None]:
    return lambda text: console.say(f"{host.name}: {text}", "dim")


def _say(host: Host, outcome: str) -> None:
    version = host.software.version if host.software else ""
    console.say(f"{host.name}: version {version} {outcome}", colours.OK)
