"""The app's version in a plan and in the findings: what is wanted, what runs, and what has to change for it."""

from dataclasses import replace

import pytest

from ops.agent.service_messages import ProgramVersion, SoftwareState
from ops.deploy.plan import Plan, make_plan
from ops.deploy.snapshot import FoundFile, Snapshot
from ops.deploy.version_change import need_installed
from ops.errors import BadInput, HostError
from ops.formats.start_program import start_program_path
from ops.inventory.constraints import constraint_violations
from ops.inventory.defaults import host_from
from ops.monitoring.findings import ERROR, WARNING
from ops.monitoring.versions import assess_versions, by_program
from ops.rendering.rendered_file import RenderedFile
from ops.rendering.renderer import render
from ops.schema import Host
from ops.services.supervisord_survival import cron_line
from tests.unit.hosts import host

INI = "/home/poms/private/config/poms/uwsgi-service.ini"
PROGRAMS = {
    "web": {"command": f"uwsgi --ini {INI}", "reload_signal": "HUP"},
    "agent": {"command": "agent", "reload_signal": "HUP"},
}
OLD, NEW = "v1", "v2"


def versioned(**software: object) -> Host:
    wanted = {"version": NEW, "product": "poms"} | software
    return host(activate="setup poms {version}", software=wanted, programs=PROGRAMS)


def runs(version: str, by: str = "environment", **others: str) -> list[ProgramVersion]:
    """Both programs run a version, but for the others."""
    running = dict.fromkeys(PROGRAMS, version) | others
    return [ProgramVersion(program=name, pid=7, found=[(one, by)] if one else []) for name, one in running.items()]


def planned(host: Host, state: SoftwareState | None, was: str = NEW) -> Plan:
    """The plan for a host whose only managed file, the script that starts programs, is of version `was`."""
    wanted = next(file for file in render(host) if file.path == start_program_path(host))
    content = wanted.content.replace(NEW.encode(), was.encode())
    there = RenderedFile("", wanted.path, content, wanted.mode, wanted.service)
    found = FoundFile(wanted.path, there.digest, wanted.mode, False, content)
    snapshot = Snapshot({wanted.path: found}, {wanted.path: there.digest}, "r1", None, "up", 1, 1000)
    return make_plan(host, [wanted], replace(snapshot, software=state))


def test_switch_reloads_uwsgi_restarts_the_others_and_moves_the_chain() -> None:
    plan = planned(versioned(), SoftwareState(is_installed=True, current=OLD, running=runs(OLD)), was=OLD)
    assert plan.reload_lines() == ["program graceful web", "program restart-running agent", "current"]
    assert plan.services()[0] == "version: v1 to v2; chain current moves to it"


def test_nothing_changes_where_all_is_as_wanted() -> None:
    plan = planned(versioned(), SoftwareState(is_installed=True, current=NEW, running=runs(NEW)))
    assert (plan.is_empty, plan.services()) == (True, [])


@pytest.mark.parametrize(
    ("software", "current", "lines"),
    [
        ({}, OLD, ["current"]),
        ({}, "", ["current"]),
        ({"chain": None}, "", []),
        ({"product": None, "folder": "/r", "link": "/current"}, OLD, ["current"]),
        ({"product": None, "folder": "/r"}, "", []),
    ],
)
def test_only_what_leads_to_the_current_version_moves(
    software: dict[str, object], current: str, lines: list[str]
) -> None:
    state = SoftwareState(is_installed=True, current=current, running=runs(NEW))
    assert planned(versioned(**software), state).reload_lines() == lines


def test_program_that_was_started_with_another_version_is_restarted() -> None:
    state = SoftwareState(is_installed=True, current=NEW, running=runs(NEW, web=OLD))
    assert planned(versioned(), state).reload_lines() == ["program graceful web"]


def test_what_no_restart_would_change_restarts_nothing() -> None:
    """It works in another version's folder, or does not show its version: else each deploy would restart it."""
    for running in (runs(OLD, by="folder"), runs("")):
        assert planned(versioned(), SoftwareState(is_installed=True, current=NEW, running=running)).is_empty


@pytest.mark.parametrize(
    "state", [SoftwareState(is_installed=False, current=OLD), SoftwareState(problem="ups is gone")]
)
def test_deploy_needs_an_installed_version(state: SoftwareState) -> None:
    with pytest.raises(HostError) as raised:
        need_installed(versioned(), state)
    assert raised.value.left == "everything"
    need_installed(host(), None)


# ---- findings --------------------------------------------------------------------------------------------------


def test_findings_name_what_is_not_as_wanted() -> None:
    state = SoftwareState(is_installed=False, current=OLD, running=runs(OLD, agent=NEW))
    found = list(assess_versions(versioned(), state))
    assert [finding.level for finding in found] == [ERROR] * 3
    assert {finding.level for finding in assess_versions(versioned(), state, is_deployed=False)} == {WARNING}
    assert "web runs v1 (environment)" in found[2].found
    assert list(assess_versions(host(), None)) == []


def test_unknown_version_of_a_process_is_no_finding() -> None:
    state = SoftwareState(is_installed=True, current=NEW, running=runs(""))
    assert list(assess_versions(versioned(), state)) == []
    assert by_program(state.running) == {"web": "unknown", "agent": "unknown"}


# ---- the inventory ---------------------------------------------------------------------------------------------


def test_version_stands_in_every_text_but_activate_of_the_release() -> None:
    made = host_from(
        {
            "name": "h",
            "activate": "setup {version}",
            "software": {"version": NEW, "product": "p", "install": "upd {version}", "chain": False},
            "uwsgi": {"options": {"chdir": "/p/{version}", "env": ["A={version}", "B"]}},
            "programs": {"a": {"command": "run {version}"}},
        }
    )
    assert (made.activate, made.activation) == ("setup {version}", "setup v2")
    assert made.uwsgi.options == {"chdir": "/p/v2", "env": ["A=v2", "B"]}
    assert made.programs["a"].command == "run v2"
    assert made.software and (made.software.install, made.software.chain) == ("upd {version}", None)
    plain = host_from({"name": "h", "programs": {"a": {"command": "run {version}"}}})
    assert plain.programs["a"].command == "run {version}"


def test_activate_must_name_the_version() -> None:
    made = host(software={"version": NEW, "product": "poms"})
    assert [loc for loc, _ in constraint_violations(made)] == [("activate",)]


@pytest.mark.parametrize(
    "software", [{}, {"product": "p", "folder": "/r"}, {"product": "p", "link": "/l"}, {"version": "../x"}]
)
def test_software_is_a_product_or_a_folder(software: dict[str, str]) -> None:
    with pytest.raises((ValueError, BadInput)):
        host(software={"version": NEW} | software)


def test_start_at_boot_does_not_name_the_version() -> None:
    assert NEW not in cron_line(versioned())
    assert start_program_path(versioned()) in cron_line(versioned())
