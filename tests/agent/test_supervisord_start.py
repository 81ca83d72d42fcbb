"""A real supervisord is started so that it stays alive, and only if its programs would not run twice."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.agent import stop_notes, supervisord_start, systemd
from ops.agent.host_processes import process
from ops.agent.lock import Lock
from ops.agent.service_messages import StartRefused, SystemdUnit
from ops.agent.step_failed import StepFailed
from ops.agent.supervised_programs import SupervisedPrograms
from ops.agent.supervisord_start import need_way_to_start, shut_down_supervisord, start_supervisord
from ops.agent.supervisord_state import state_of
from tests.agent.machine import CONF, YES, Machine, in_session
from tests.agent.shells import executable
from tests.agent.supervised import ACTIVATE, SLEEPS, Supervised, kill_session, until


@pytest.fixture
def supervised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervised]:
    """Not yet started; the host has no systemd."""
    monkeypatch.setattr(systemd, "ROOT", str(tmp_path))
    made = Supervised(tmp_path)
    made.write(nodaemon="false", web=SLEEPS)
    yield made
    if (tmp_path / "pid").exists():
        kill_session(int((tmp_path / "pid").read_text()))


def start(supervised: Supervised) -> int:
    """Its process."""
    start_supervisord(supervised.place, ACTIVATE, supervised.told.append)
    until(lambda: state_of(supervised.place).state == "up")
    return state_of(supervised.place).pid


def test_it_is_started_once_and_ended_with_its_programs(supervised: Supervised) -> None:
    stop_notes.note_supervisord(supervised.place.state_dir, "jdoe since today")
    with Lock(supervised.place.state_dir, "jdoe, a test"):
        pid = start(supervised)
        assert start(supervised) == pid
    supervised.programs.await_supervisord()
    assert supervised.did() == {"web": ["RUNNING"]}
    assert stop_notes.of_supervisord(supervised.place.state_dir) == ""
    held = [str(one.resolve()) for one in Path(f"/proc/{pid}/fd").iterdir()]
    assert not [path for path in held if path.endswith("/lock")]
    status = Path(f"/proc/{pid}/status").read_text()
    assert "\nUmask:\t0022\n" in status
    shut_down_supervisord(supervised.place, pid, supervised.told.append)
    assert process(pid) is None
    assert state_of(supervised.place).state == "down"


def test_what_the_products_lack_is_said(supervised: Supervised) -> None:
    with pytest.raises(StepFailed, match="the products give no supervisord after: PATH=/nowhere"):
        start_supervisord(supervised.place, "PATH=/nowhere", supervised.told.append)
    with pytest.raises(StepFailed, match="gone\nthe products give no supervisord"):
        start_supervisord(supervised.place, f"{ACTIVATE}; echo gone; exit 1", supervised.told.append)


def test_what_supervisord_says_of_its_file_is_the_evidence(supervised: Supervised) -> None:
    Path(supervised.place.conf).write_text("[supervisord]\nlogfile=%(nothing)s\n")
    with pytest.raises(StepFailed, match="nothing"):
        start_supervisord(supervised.place, ACTIVATE, supervised.told.append)


def test_a_host_without_its_file_has_no_supervisord(supervised: Supervised) -> None:
    Path(supervised.place.conf).unlink()
    with pytest.raises(StepFailed, match=r"there is no .*s.conf: nothing was deployed to this host"):
        start_supervisord(supervised.place, ACTIVATE, supervised.told.append)


def test_no_second_one_is_started_beside_one_that_is_deaf(supervised: Supervised) -> None:
    pid = start(supervised)
    Path(supervised.place.socket).unlink()
    with pytest.raises(StepFailed, match=rf"cannot be used \(deaf {pid}\); a second one would run every program"):
        start_supervisord(supervised.place, ACTIVATE, supervised.told.append)


def test_no_second_one_is_started_beside_orphans(supervised: Supervised) -> None:
    leader = start(supervised)
    until(lambda: supervised.programs.running() == ["web"])
    os.kill(leader, 9)
    until(lambda: process(leader) is None)
    with pytest.raises(StepFailed, match="an earlier supervisord was killed and left its programs running: process"):
        start_supervisord(supervised.place, ACTIVATE, supervised.told.append)


# ---- STAND-INS for systemd ----------------------------------------------------------------------------------------


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return in_session(tmp_path, monkeypatch)


@pytest.fixture
def place(machine: Machine) -> Supervised:
    """Its file is CONF on that machine, where it does not run."""
    made = Supervised(machine.root)
    made.place.state_dir = str(machine.root)
    return made


@pytest.mark.parametrize(
    ("unit", "why"),
    [
        ((), StartRefused(why="killed")),
        (("system", "enabled", "inactive"), StartRefused(why="system-unit", name="poms.service")),
        (("user", "enabled", "inactive"), StartRefused(why="lingerless", name="poms.service")),
    ],
)
def test_what_would_not_stay_is_not_started(
    machine: Machine, place: Supervised, unit: tuple[str, str, str], why: StartRefused
) -> None:
    machine.kills = YES
    if unit:
        machine.unit(*unit)
    machine.write()
    place.place.conf = CONF
    with pytest.raises(StepFailed, match=f"supervisord is not started: refused {why.why}"):
        need_way_to_start(place.place, place.told.append)
    assert place.told == [why]


def note_words(machine: Machine, name: str, then: str = "exit 0") -> Path:
    """STAND-IN: a command that notes its words and runtime directory."""
    noted = machine.root / f"{name}.noted"
    text = f'#!/bin/sh\nprintf "%s\\n" "$XDG_RUNTIME_DIR" "$@" >>"{noted}"\n{then}\n'
    executable(machine.root / "bin" / name, text)
    return noted


@pytest.mark.parametrize(("version", "keeps"), [("252 (252-1)", False), ("257 (257)", True)])
def test_a_scope_outlives_the_session(machine: Machine, place: Supervised, version: str, keeps: bool) -> None:
    machine.kills, machine.linger = YES, True
    machine.write()
    noted = note_words(machine, "systemd-run")
    note_words(machine, "supervisord")
    executable(machine.root / "bin/systemctl", f"#!/bin/sh\necho 'systemd {version}'\n")
    start_supervisord(place.place, f"PATH={machine.root}/bin:$PATH", place.told.append)
    runtime, *words = noted.read_text().splitlines()
    assert runtime == f"{machine.root}/run/user/{os.getuid()}"
    policy = ["-p", "OOMPolicy=continue"] if keeps else []
    assert words == ["--user", "--scope", "-q", *policy, "--", "supervisord", "-c", place.place.conf]
    assert stat.S_ISDIR(Path(runtime).stat().st_mode)


def unit_of_ours(manager: str) -> SystemdUnit:
    return SystemdUnit(manager=manager, enabled="enabled", active="active", restart="always", name="poms.service")


def test_a_user_unit_is_started_by_its_manager(
    machine: Machine, place: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisord_start, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(supervisord_start, "way_to_start", lambda _: "unit poms.service")
    noted = note_words(machine, "systemctl")
    with pytest.raises(StepFailed, match=r"unit poms.service has not started supervisord within 0 seconds"):
        start_supervisord(place.place, ":", place.told.append)
    assert noted.read_text().splitlines()[1:] == ["--user", "--no-ask-password", "start", "poms.service"]
    note_words(
        machine, "systemctl", 'case "$*" in *status*) echo Active: failed ;; *) echo Job failed; exit 1 ;; esac'
    )
    with pytest.raises(StepFailed, match="Active: failed\nJob failed"):
        start_supervisord(place.place, ":", place.told.append)


def test_a_system_unit_that_is_about_to_start_it_is_awaited(
    place: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisord_start, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(supervisord_start, "way_to_start", lambda _: "await poms.service")
    with pytest.raises(StepFailed, match=r"unit poms.service has not started supervisord"):
        start_supervisord(place.place, ":", place.told.append)


def test_the_user_manager_ends_what_it_would_start_again(
    machine: Machine, place: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisord_start, "unit_of_process", lambda *_: unit_of_ours("user"))
    noted = note_words(machine, "systemctl")
    shut_down_supervisord(place.place, 2**22 + 1, place.told.append)
    assert noted.read_text().splitlines()[1:] == ["--user", "--no-ask-password", "stop", "poms.service"]
    note_words(machine, "systemctl", "echo no; exit 1")
    with pytest.raises(StepFailed, match=r"^no$"):
        shut_down_supervisord(place.place, 2**22 + 1, place.told.append)


def test_a_supervisord_that_does_not_end_is_reported(place: Supervised, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisord_start, "END_SECONDS", 0.1)
    monkeypatch.setattr(supervisord_start, "unit_of_process", lambda *_: None)
    monkeypatch.setattr(SupervisedPrograms, "shut_down", lambda _: None)
    with pytest.raises(StepFailed, match=f"supervisord, process {os.getpid()}, has not ended after 0 seconds"):
        shut_down_supervisord(place.place, os.getpid(), place.told.append)
