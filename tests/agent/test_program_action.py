"""What an operator asks of the programs: under the host's lock, and only of a supervisord that is as it has to be."""

import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ops.agent import program_action, survival
from ops.agent.apache_messages import LockRefused
from ops.agent.host_processes import process
from ops.agent.messages import Done, Failure, Message
from ops.agent.program_action import answer
from ops.agent.program_action_messages import ActionFailed, ProgramActionRequest, SupervisordFound
from ops.agent.service_messages import App, Note, ProgramChanged, StartRefused, SupervisordState, SystemdUnit
from ops.agent.uwsgi_reload import UwsgiReload
from ops.errors import HostError, LockHeld, NoPython
from ops.services.supervisord import Report, need_supervisord, read_action
from ops.ssh.agent_answers import Answer, take
from tests.agent import local_agent
from tests.agent.held_lock import OWNER, held
from tests.agent.supervised import ACTIVATE, SLEEPS, Supervised, kill_session, running, until
from tests.unit.hosts import host

WHO = "key SHA256:x jdoe (eve@desk)"


def request(supervised: Supervised, action: str, *names: str, **fields: Any) -> ProgramActionRequest:
    app = App(
        listen=f"{supervised.root}/app.sock",
        page="/",
        headers=[],
        statuses=[],
        ini=f"{supervised.root}/web.ini",
        log="/dev/null",
        timeout=1,
        start=1,
        reloadable=fields.pop("reloadable", ""),
    )
    known = {"activate": ACTIVATE, "owner": f"{WHO}, {action}"} | fields
    return ProgramActionRequest(supervisord=supervised.place, apps=[app], action=action, names=list(names), **known)


def do(supervised: Supervised, action: str, *names: str, **fields: Any) -> list[Message]:
    return list(answer(request(supervised, action, *names, **fields)))


def read(supervised: Supervised, messages: list[Message], action: str = "start") -> Report:
    """What the operator's side makes of it."""
    found = Answer("web1")
    for message in [*messages, Done(python="3")]:
        take(found, message)
    return read_action(host(), action, found)


@pytest.fixture
def down(tmp_path: Path) -> Iterator[Supervised]:
    """A supervisord that does not run yet."""
    made = Supervised(tmp_path)
    made.write(nodaemon="false", web=SLEEPS)
    yield made
    if (tmp_path / "pid").exists():
        kill_session(int((tmp_path / "pid").read_text()))


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    with running(tmp_path, web=SLEEPS, agent=SLEEPS) as made:
        yield made


# ---- the lock ---------------------------------------------------------------------------------------------------


def test_unavailable_lock_is_not_reported_as_held(down: Supervised, monkeypatch: pytest.MonkeyPatch) -> None:
    """STAND-IN for a file system without locks."""

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    (down.root / "state/lock").write_text("jane@desk, r0 since yesterday\n")
    monkeypatch.setattr(fcntl, "flock", refuse)
    (said,) = do(down, "start", "web")
    assert isinstance(said, LockRefused)
    assert (said.owner, "No locks available" in said.problem) == ("", True)
    with pytest.raises(HostError, match="No locks available") as told:
        read(down, [said])
    assert not isinstance(told.value, LockHeld)


def test_unwritable_state_dir_is_named(down: Supervised) -> None:
    (down.root / "file").touch()
    down.place.state_dir = f"{down.root}/file/state"
    (said,) = do(down, "start", "web")
    assert isinstance(said, LockRefused)
    assert (said.owner, f"{down.root}/file" in said.problem) == ("", True)


def test_held_lock_is_reported_as_held(down: Supervised) -> None:
    with held(down.root / "state"):
        (said,) = do(down, "start", "web")
    assert said == LockRefused(owner=OWNER)
    with pytest.raises(LockHeld, match=OWNER):
        read(down, [said])


def test_the_lock_of_a_task_that_died_is_taken_over(down: Supervised) -> None:
    (down.root / "state/lock").write_text("jane@desk, r0 since yesterday\n")
    said = do(down, "start", "web")
    assert said[0] == Note(text="took over the lock of a task that died: jane@desk, r0 since yesterday")
    assert read(down, said).notes == (said[0].text,)
    assert (down.root / "state/lock").read_text() == ""


# ---- the actions ------------------------------------------------------------------------------------------------


def test_supervisord_is_started_and_stopped_once(down: Supervised) -> None:
    found, *did = do(down, "start-supervisord")
    assert found == SupervisordFound(supervisord=SupervisordState(state="down"))
    assert [(one.program, one.state) for one in did if isinstance(one, ProgramChanged)] == [("web", "RUNNING")]
    up = SupervisordState(state="up", pid=int((down.root / "pid").read_text()))
    assert do(down, "start-supervisord") == [SupervisordFound(supervisord=up)]
    found, *did = do(down, "stop-supervisord")
    assert found == SupervisordFound(supervisord=up)
    assert did == [ProgramChanged(program="web", did="stopped")]
    (found,) = do(down, "stop-supervisord")
    assert isinstance(found, SupervisordFound)
    assert found.supervisord.state == "down"
    assert found.supervisord.detail.startswith(f"{WHO} since 2")


def test_orphans_are_told_and_not_started_again(down: Supervised) -> None:
    do(down, "start-supervisord")
    until(lambda: down.programs.running() == ["web"])
    leader = int((down.root / "pid").read_text())
    os.kill(leader, 9)
    try:
        until(lambda: process(leader) is None)
        (found,) = do(down, "start-supervisord")
        assert isinstance(found, SupervisordFound)
        assert (found.supervisord.state, len(found.orphans)) == ("down", 1)
        report = read(down, [found])
        with pytest.raises(HostError, match=f"its programs still run without supervision: process {report.orphans}"):
            need_supervisord(host(), report)
    finally:
        kill_session(leader)


@pytest.mark.parametrize("action", ["start", "stop", "restart", "restart-running", "reload-changed", "reload-uwsgi"])
def test_nothing_is_done_without_supervisord(down: Supervised, action: str) -> None:
    (found,) = do(down, action, "web")
    assert isinstance(found, SupervisordFound)
    assert found.supervisord.state == "down"


def test_who_stops_programs_is_noted(supervised: Supervised) -> None:
    _, did = do(supervised, "stop", "web")
    assert did == ProgramChanged(program="web", did="stopped")
    assert (supervised.root / "state/stopped/web").read_text() == f"{WHO}\n"


def test_a_failure_has_its_evidence(supervised: Supervised) -> None:
    said = do(supervised, "start", "web", "other")
    assert said[1:] == [ActionFailed(evidence="supervisord does not know other: deploy its configuration first")]
    with pytest.raises(
        HostError, match="supervisord failed to start; the host's tools printed:\n    supervisord does"
    ):
        read(supervised, said)
    assert do(supervised, "dance", "web")[1:] == [ActionFailed(evidence="there is no action 'dance'")]


def test_a_system_unit_that_would_start_it_again_is_not_fought(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    unit = SystemdUnit(manager="system", enabled="enabled", active="active", restart="always", name="poms.service")
    monkeypatch.setattr(survival, "unit_of_process", lambda *_: unit)
    _, refused, failed = do(supervised, "stop-supervisord")
    assert refused == StartRefused(why="brought-back", name="poms.service")
    assert isinstance(failed, ActionFailed)
    with pytest.raises(HostError) as told:
        read(supervised, [refused, failed])
    assert (told.value.left, "systemctl stop poms.service" in told.value.next_step) == ("everything", True)
    assert sorted(supervised.programs.running()) == ["agent", "web"]


class Watched:
    """STAND-IN for the app's uWSGI: what is asked of it, and of the standbys, in turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, has_other_settings: bool = False) -> None:
        self.steps: list[object] = []
        monkeypatch.setattr(UwsgiReload, "validate_restart", lambda _, name: self.steps.append(f"validate {name}"))
        monkeypatch.setattr(UwsgiReload, "reload", lambda _, name: self.steps.append(f"reload {name}"))
        monkeypatch.setattr(UwsgiReload, "has_other_settings", lambda *_: has_other_settings)
        monkeypatch.setattr(program_action, "end_standbys", lambda _, *how: self.steps.append(how[:2]))


@pytest.mark.parametrize(
    ("action", "names", "steps"),
    [
        ("start", ["web"], [(30, "kill")]),
        ("stop", ["web", "agent"], [(30, "kill")]),
        ("stop", ["agent"], []),
        ("restart", ["web"], ["validate web", (30, "kill")]),
        ("restart-running", ["agent", "web"], ["validate web", (30, "kill")]),
        ("restart", ["agent"], []),
        ("reload-uwsgi", ["web"], ["reload web", (0, "spare")]),
        ("reload-changed", [], []),
    ],
)
def test_standbys_end_before_what_needs_their_port(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch, action: str, names: list[str], steps: list[object]
) -> None:
    watched = Watched(monkeypatch)
    assert not [one for one in do(supervised, action, *names, reloadable="web") if isinstance(one, ActionFailed)]
    assert watched.steps == steps


def test_changed_settings_of_uwsgi_are_validated_before_its_restart(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch, has_other_settings=True)
    do(supervised, "reload-changed", reloadable="web")
    assert watched.steps == ["validate web", (30, "kill")]


def test_uwsgi_is_reloaded_gracefully_if_its_file_changed(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(monkeypatch)
    do(supervised, "reload-changed", reloadable="web", graceful="web")
    assert watched.steps == []
    (supervised.root / "web.ini").touch()
    do(supervised, "reload-changed", reloadable="web")
    assert watched.steps == []
    do(supervised, "reload-changed", reloadable="web", graceful="web")
    assert watched.steps == ["reload web", (0, "spare")]


def test_a_changed_file_reloads_its_program(supervised: Supervised) -> None:
    path = supervised.root / "agent.cfg"
    path.touch()
    wanted = request(supervised, "reload-changed", reloads=[("agent", "restart-running", str(path))])
    (found,) = local_agent.ask("dash", wanted)
    done = read_action(host(), "reload-changed", found).done
    assert [one.did for one in done if one.did] == ["started", "restarted"]
    (found,) = local_agent.ask("dash", wanted)
    assert read_action(host(), "reload-changed", found).done == []


def test_it_goes_on_where_nobody_hears_it_any_more(supervised: Supervised) -> None:
    """The connection is lost once it has begun: the agent still does all, and releases its lock."""
    asked = request(supervised, "restart", "web", "agent")
    before = supervised.programs.states()
    agent = local_agent.start("dash", asked)
    assert agent.stdout
    assert agent.stdout.readline().startswith(b"poms-ops agent")
    assert b"SupervisordFound" in agent.stdout.readline()
    assert b"ProgramChanged" in agent.stdout.readline()
    agent.stdout.close()
    assert agent.stdin
    agent.stdin.close()
    assert agent.stderr
    agent.stderr.close()
    agent.wait(30)
    until(lambda: (supervised.root / "state/lock").read_text() == "")
    assert supervised.programs.states() == before
    assert {path.name for path in (supervised.root / "state/taken").iterdir()} == {"web", "agent"}


# ---- the operator's side ----------------------------------------------------------------------------------------


def test_an_agent_that_failed_in_its_work_left_it_unknown() -> None:
    found = Answer("web1")
    take(found, Failure(reason="OSError: x"))
    with pytest.raises(HostError, match="the agent failed: OSError: x") as told:
        read_action(host(), "stop", found)
    assert told.value.left.startswith("UNKNOWN")


def test_a_host_without_python_is_untouched() -> None:
    found = Answer("web1", error=NoPython("web1", "python3"))
    with pytest.raises(NoPython) as told:
        read_action(host(), "stop", found)
    assert told.value.left == "everything"


@pytest.mark.parametrize("python", ["", "3"])
def test_an_answer_that_says_nothing_is_none(python: str) -> None:
    with pytest.raises(HostError) as told:
        read_action(host(), "stop", Answer("web1", python=python))
    assert told.value.left != "everything"
