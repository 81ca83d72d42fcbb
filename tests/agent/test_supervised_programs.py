"""What is done with the programs of a real supervisord, and what is told of it."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from xmlrpc.client import dumps, loads

import pytest

from ops.agent import program_settling, stop_notes
from ops.agent.programs import answer as answer_states
from ops.agent.programs_messages import ProgramReport, ProgramsReport, ProgramsRequest
from ops.agent.service_messages import ProgramChanged, SupervisordPlace
from ops.agent.step_failed import StepFailed
from ops.agent.supervised_programs import SupervisedPrograms
from ops.agent.supervisord_rpc import Server, processes
from tests.agent.supervised import SLEEPS, Supervised, running, until

SPARE = f"{SLEEPS}\nautostart=false"
DIES = "command=sh -c 'exit 3'\nstartsecs=1\nstartretries=0\nautostart=false"


def reported(supervised: Supervised) -> list[ProgramReport]:
    """The states as `fab status` gets them."""
    (report,) = answer_states(ProgramsRequest(supervisord=supervised.place))
    assert isinstance(report, ProgramsReport)
    return report.programs


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Supervised]:
    """With two programs that run, and one that does not."""
    with running(tmp_path, web=SLEEPS, agent=SLEEPS, spare=SPARE) as made:
        yield made


def test_stopped_programs_are_started_and_others_left(supervised: Supervised) -> None:
    supervised.programs.stop(["web", "spare"])
    assert supervised.did() == {"web": ["stopped"], "spare": ["was stopped"]}
    supervised.programs.start(["web", "agent"])
    assert supervised.did() == {"web": ["started", "RUNNING"], "agent": ["was running", "RUNNING"]}
    assert sorted(supervised.programs.running()) == ["agent", "web"]
    assert supervised.programs.states() == {"agent": "RUNNING", "spare": "STOPPED", "web": "RUNNING"}
    lines = supervised.programs.describe().splitlines()
    assert [line.split()[:2] for line in lines] == [["agent", "RUNNING"], ["spare", "STOPPED"], ["web", "RUNNING"]]


def test_a_restart_tells_the_new_process(supervised: Supervised) -> None:
    supervised.programs.restart(["web"])
    (state,) = [one for one in supervised.told if isinstance(one, ProgramChanged) and one.state]
    assert Server(supervised.place)("getProcessInfo", "web")["pid"] == state.pid
    assert supervised.did() == {"web": ["started", "RUNNING", "restarted"]}
    supervised.programs.restart_running(["web", "spare"])
    assert supervised.did() == {"spare": ["left stopped"], "web": ["started", "RUNNING", "restarted"]}
    supervised.programs.stop_all()
    assert supervised.programs.running() == []


@pytest.mark.parametrize("action", ["start", "stop", "restart", "restart_running"])
def test_an_unknown_name_fails_before_anything_is_touched(supervised: Supervised, action: str) -> None:
    with pytest.raises(StepFailed, match="supervisord does not know other: deploy its configuration first"):
        getattr(supervised.programs, action)(["web", "other"])
    assert supervised.told == []
    assert supervised.programs.is_running("web")


def test_a_failed_restart_does_not_keep_the_next_one_from_its_own(tmp_path: Path) -> None:
    with running(tmp_path, dies=DIES, web=SLEEPS) as supervised:
        with pytest.raises(StepFailed, match="program dies is FATAL: Exited too quickly"):
            supervised.programs.restart(["dies", "web"])
        assert supervised.did()["web"] == ["started", "RUNNING", "restarted"]


def test_an_end_that_the_settings_allow_is_no_failure(tmp_path: Path) -> None:
    once = "command=sh -c 'exit 3'\nstartsecs=0\nautorestart=false\nautostart=false\nexitcodes="
    with running(tmp_path, once=f"{once}3", badly=f"{once}0") as supervised:
        for name in ("once", "badly"):
            Server(supervised.place)("startProcess", name, False)
        until(lambda: set(supervised.programs.states().values()) == {"EXITED"})
        with pytest.raises(StepFailed, match=r"^program badly is EXITED: Bad exit code 3$"):
            supervised.programs.check_still_running(["once", "badly"])


def test_new_settings_reach_all_but_what_was_stopped(supervised: Supervised) -> None:
    supervised.programs.stop(["agent"])
    supervised.told.clear()
    changed = SLEEPS.replace("600", "700")
    supervised.write(web=changed, agent=changed, new=SLEEPS)
    assert supervised.programs.is_changed("web")
    assert supervised.programs.is_changed("new")
    assert not supervised.programs.is_changed("spare")
    supervised.programs.apply(["web"])
    assert supervised.did() == {"web": ["restarted with its new configuration", "RUNNING"]}
    assert not supervised.programs.is_changed("web")
    supervised.programs.apply([])
    assert supervised.did() == {"spare": ["removed"], "agent": ["left stopped"], "new": ["added", "RUNNING"]}
    supervised.programs.start(["agent"])
    assert supervised.did()["agent"][-1] == "RUNNING"
    assert not supervised.programs.is_changed("agent")


def test_a_program_is_due_until_it_has_read_its_file(supervised: Supervised, tmp_path: Path) -> None:
    path = tmp_path / "web.cfg"
    assert not supervised.programs.is_due("web", str(path))
    path.touch()
    reloads = [("web", "signal-URG", str(path)), ("agent", "restart-running", str(path))]
    assert supervised.programs.is_due("web", str(path))
    supervised.programs.reload_changed([], reloads)
    did = supervised.did()
    assert did["web"] == ["reloaded (SIGURG)", "RUNNING"]
    assert did["agent"][-1] == "restarted"
    assert not supervised.programs.is_due("web", str(path))
    supervised.programs.reload_changed([], reloads)
    assert supervised.did() == {}
    os.utime(path, (time.time() + 9, time.time() + 9))
    assert supervised.programs.is_due("web", str(path))


def test_a_signal_starts_what_has_died_and_leaves_what_was_stopped(tmp_path: Path) -> None:
    with running(tmp_path, spare=SPARE, web=f"{SLEEPS}\nautorestart=false") as supervised:
        os.kill(Server(supervised.place)("getProcessInfo", "web")["pid"], 9)
        until(lambda: supervised.programs.states()["web"] == "EXITED")
        supervised.programs.send_signal("HUP", ["web", "spare"])
        assert supervised.did() == {"web": ["started", "RUNNING", "RUNNING"], "spare": ["left stopped"]}


def test_a_program_that_its_signal_ends_is_reported(tmp_path: Path) -> None:
    """As a uWSGI that cannot read its new file."""
    with (
        running(tmp_path, web=f"{SLEEPS}\nautorestart=false") as supervised,
        pytest.raises(StepFailed, match="program web is EXITED"),
    ):
        supervised.programs.send_signal("HUP", ["web"])


def test_what_ran_before_must_run(supervised: Supervised) -> None:
    before = supervised.programs.running()
    supervised.programs.check_still_running(before)
    supervised.programs.check_still_running(["gone", *before])
    supervised.programs.stop(["web"])
    with pytest.raises(StepFailed, match=r"running before, but not now: web$"):
        supervised.programs.check_still_running(before)


def test_a_restart_of_supervisord_keeps_what_was_stopped(supervised: Supervised) -> None:
    supervised.programs.stop(["web"])
    supervised.programs.start(["spare"])
    stop_notes.note(supervised.place.state_dir, ["web"], "jdoe")
    note = Path(stop_notes.note_of(supervised.place.state_dir, "web"))
    os.utime(note, (1, 1))
    supervised.told.clear()
    supervised.programs.restart_supervisord()
    did = supervised.did()
    assert did[""] == ["restarted with all its programs"]
    assert did["web"] == ["stopped"]
    assert supervised.programs.states() == {"agent": "RUNNING", "spare": "RUNNING", "web": "STOPPED"}
    assert (note.read_text(), note.stat().st_mtime > 1) == ("jdoe\n", True)


def test_a_restarted_supervisord_may_want_another_password(tmp_path: Path) -> None:
    with running(tmp_path, "username=u\npassword=first", web=SLEEPS) as supervised:
        supervised.write("username=u\npassword=second", web=SLEEPS)
        (tmp_path / "state/pending").mkdir()
        old = (tmp_path / "s.conf").read_text().replace("second", "first")
        (tmp_path / "state/pending/old.1").write_text(old)
        supervised.programs.restart_supervisord()
        (tmp_path / "state/pending/old.1").unlink()
        assert supervised.programs.running() == ["web"]


def test_a_stop_may_take_longer_than_a_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deaf = (
        "command=sh -c 'trap \"\" TERM; sleep 600'\nstartsecs=1\nstopwaitsecs=3\nstopasgroup=true\nkillasgroup=true"
    )
    with running(tmp_path, web=deaf) as supervised:
        assert supervised.programs.is_running("web")
        monkeypatch.setattr(Server.__call__, "__kwdefaults__", {"seconds": 1.0})
        supervised.programs.stop(["web"])
        assert supervised.did() == {"web": ["stopped"]}


def test_a_program_that_starts_is_awaited(tmp_path: Path) -> None:
    with running(tmp_path, web=SLEEPS.replace("startsecs=0", "startsecs=2")) as supervised:
        assert supervised.programs.states() == {"web": "STARTING"}
        assert supervised.programs.is_running("web")


def test_a_program_that_goes_on_starting_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program_settling, "SETTLE", -58.0)
    with (
        running(tmp_path, web=SLEEPS.replace("startsecs=0", "startsecs=60")) as supervised,
        pytest.raises(StepFailed, match="program web is STARTING"),
    ):
        supervised.programs.start(["web"])


def test_a_supervisord_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StepFailed, match=f"supervisord cannot be reached on {tmp_path}/s.sock"):
        Supervised(tmp_path).programs.running()


def test_a_password_that_is_not_known_is_said(tmp_path: Path) -> None:
    with (
        running(tmp_path, "username=u\npassword={SHA}0") as supervised,
        pytest.raises(StepFailed, match=r"needs a user name and password, and .*s.conf has none"),
    ):
        supervised.programs.running()


def test_broken_settings_are_rejected_in_supervisords_words(supervised: Supervised) -> None:
    with Path(supervised.place.conf).open("a") as file:
        file.write("[program:broken]\n")
    with pytest.raises(StepFailed, match="supervisord rejected 'apply': CANT_REREAD"):
        supervised.programs.apply([])


# ---- one that hangs up, as one does that ends or begins ---------------------------------------------------------

ANSWERS = {
    "supervisor.getState": {"statecode": 1, "statename": "RUNNING"},
    "supervisor.getPID": 41,
    "supervisor.getAllProcessInfo": [],
    "supervisor.getAllConfigInfo": [],
}


def answer(line: socket.socket) -> None:
    """Answer one request, as the real one does."""
    head, _, body = b"", b"", b""
    while b"\r\n\r\n" not in head:
        head += line.recv(65536)
    head, _, body = head.partition(b"\r\n\r\n")
    size = int(next(one.split(b":")[1] for one in head.splitlines() if one.lower().startswith(b"content-length")))
    while len(body) < size:
        body += line.recv(65536)
    _, name = loads(body.decode())
    said = dumps((ANSWERS[str(name)],), methodresponse=True).encode()  # type: ignore[arg-type] # of its own types
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[Path]:
    """The socket of a stand-in for supervisord that hangs up on its first three callers, half-way and at once."""
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(10)

        def serve() -> None:
            for number in range(1000):
                try:
                    line, _ = listening.accept()
                except OSError:
                    return
                with line:
                    if number == 0:
                        line.recv(65536)
                    elif number > 2:
                        answer(line)

        serving = Thread(target=serve, daemon=True)
        serving.start()
        yield path
        listening.shutdown(socket.SHUT_RDWR)
        serving.join()


def test_one_that_hangs_up_while_it_begins_is_asked_again(stand_in: Path) -> None:
    place = SupervisordPlace(conf="/nonexistent", socket=str(stand_in), state_dir=str(stand_in.with_name("state")))
    SupervisedPrograms(place, lambda _: None).await_supervisord()


def test_one_that_never_answers_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.agent.supervisord_restart.RESTART", 0.5)
    with pytest.raises(StepFailed, match="supervisord does not answer on its socket within 0 seconds"):
        Supervised(tmp_path).programs.await_supervisord()


GROUP = "[group:g]\nprograms=web,agent\n"


def test_a_changed_group_restarts_as_a_whole_and_what_was_stopped_in_it_stays_so(tmp_path: Path) -> None:
    with running(tmp_path, web=SLEEPS, agent=SLEEPS, spare=SPARE) as supervised:
        before = {name: info["pid"] for name, info in processes(Server(supervised.place)).items()}
        supervised.write(web=SLEEPS, agent=SLEEPS, spare=SPARE)
        supervised.append(GROUP)
        supervised.programs.apply(["g", "web", "agent"])
        did = supervised.did()
        assert did["g:web"] == ["added", "RUNNING"]
        assert (did["web"], did["agent"]) == (["removed"], ["removed"])
        stop_notes.note(supervised.place.state_dir, ["g:agent"], "me")
        supervised.programs.stop(["g:agent"])
        supervised.told.clear()

        supervised.write(web=SLEEPS, agent=SLEEPS.replace("600", "700"), new=SLEEPS, spare=SPARE)
        supervised.append("[group:g]\nprograms=web,agent,new\n")
        assert supervised.programs.is_changed("g:web")
        supervised.programs.apply(["g:web"])
        assert supervised.did() == {
            "g:web": ["restarted with its new configuration", "RUNNING"],
            "g:agent": ["left stopped"],
            "g:new": ["added", "RUNNING"],
        }
        states = {one.program: one for one in reported(supervised)}
        assert (states["g:agent"].state, states["g:agent"].stopped_by) == ("STOPPED", "me")
        assert before["web"] != states["g:web"].pid
        supervised.programs.start(["g:agent"])
        assert supervised.did() == {"g:agent": ["started", "RUNNING"]}


def test_what_ran_in_a_changed_group_runs_again_without_autostart_too(tmp_path: Path) -> None:
    with running(tmp_path, web=SLEEPS, agent=SPARE, spare=SPARE) as supervised:
        supervised.append(GROUP)
        supervised.programs.apply([])
        supervised.programs.start(["g:agent"])
        supervised.told.clear()
        supervised.write(web=SLEEPS.replace("600", "700"), agent=SPARE, spare=SPARE)
        supervised.append(GROUP)
        supervised.programs.apply([])
        assert supervised.did()["g:agent"] == ["restarted with its new configuration", "RUNNING"]


def test_a_start_with_new_settings_tells_who_else_is_restarted(tmp_path: Path) -> None:
    with running(tmp_path, web=SLEEPS, agent=SLEEPS, spare=SPARE) as supervised:
        supervised.append(GROUP)
        supervised.programs.apply([])
        supervised.programs.stop(["g:agent"])
        supervised.told.clear()
        supervised.write(web=SLEEPS, agent=SLEEPS.replace("600", "700"), spare=SPARE)
        supervised.append(GROUP)
        supervised.programs.start(["g:agent"])
        assert supervised.did() == {
            "g:web": ["restarted with its new configuration"],
            "g:agent": ["started", "RUNNING"],
        }


def test_programs_of_one_name_in_two_groups_have_their_own_settings(tmp_path: Path) -> None:
    once = "command=sh -c 'exit 3'\nstartsecs=0\nautorestart=false\nautostart=false\nprocess_name=job\nexitcodes="
    with running(tmp_path, well=f"{once}3", badly=f"{once}0") as supervised:
        for name in ("well:job", "badly:job"):
            Server(supervised.place)("startProcess", name, False)
        until(lambda: set(supervised.programs.states().values()) == {"EXITED"})
        assert {one.program: one.expected for one in reported(supervised)} == {"well:job": True, "badly:job": False}
        with pytest.raises(StepFailed, match=r"^program badly:job is EXITED: Bad exit code 3$"):
            supervised.programs.check_still_running(["well:job", "badly:job"])
