"""Whether visitors are served: the app asked, Apache's files tested, a program's ends counted, who stopped it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from ops.agent import programs
from ops.agent.program_action_messages import ProgramActionRequest
from ops.agent.programs_messages import ProgramsRequest
from ops.agent.service_messages import SupervisordPlace
from ops.deploy import snapshot
from ops.deploy.snapshot import Snapshot
from ops.monitoring import health, workers
from ops.monitoring.health import AppMetrics, HostMetrics
from ops.services import request_parts, supervisord
from ops.services.supervisord import ProgramState
from ops.services.web_service import Service
from ops.ssh.agent_answers import Answer
from tests.agent import local_agent
from tests.agent.shells import SHELLS, executable
from tests.agent.stand_in_app import App
from tests.agent.test_seeing import stats_server
from tests.unit.hosts import host

TOOLS = Path(sys.executable).parent
INI = "/home/poms/private/config/poms/uwsgi-service.ini"


def look(shell: str, folder: Path, configtest: str = "exit 0", listen: str = "") -> tuple[HostMetrics, AppMetrics]:
    """How an app at `listen` is, and Apache's files."""
    command = executable(folder / "configtest", f"#!/bin/sh\n{configtest}\n")
    one = host(
        app={"listen": listen or f"{folder}/app.sock", "check_headers": {"X-Shib-Userid": "poms"}},
        apache={"configtest": [str(command)]},
        programs={"web": {"command": f"uwsgi --ini {INI}"}},
    )
    found, apps = health.read(local_agent.ask(shell, health.request(one))[0])
    return found, apps["service"]


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    made = App(tmp_path / "app.sock")
    yield made
    made.server.close()


@pytest.mark.parametrize("shell", SHELLS)
def test_app_is_checked_on_its_own_socket(shell: str, app: App, tmp_path: Path) -> None:
    assert look(shell, tmp_path)[1].problem == ""
    assert len(app.told) == 1
    gone = look(shell, tmp_path, listen=f"{tmp_path}/none.sock")[1].problem
    assert gone, "it does not answer"
    assert f"{tmp_path}/none.sock" in gone


def test_app_with_long_queue_is_not_checked(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(tmp_path / "app.sock"))
        hanging.listen(50)
        callers = [socket.socket(socket.AF_UNIX) for _ in range(health.MOST_WAITING)]
        for caller in callers:
            caller.connect(str(tmp_path / "app.sock"))
        found = look("dash", tmp_path)[1]
        assert (found.problem, found.queue) == (None, (10, 50))
        assert look("dash", tmp_path)[1].queue == (10, 50), "nor did the look add to them"
        for caller in callers:
            caller.close()


@pytest.mark.parametrize("shell", SHELLS)
def test_health_runs_apache_configtest(shell: str, tmp_path: Path) -> None:
    assert look(shell, tmp_path)[0].configtest == ""
    assert (
        look(shell, tmp_path, "echo 'Syntax error on line 3' >&2; exit 1")[0].configtest == "Syntax error on line 3"
    )


@pytest.mark.parametrize("configtest", ["exit 127", "echo 'sudo: a password is required' >&2; exit 1"])
def test_configtest_that_cannot_run_gives_no_result(configtest: str, tmp_path: Path) -> None:
    assert look("dash", tmp_path, configtest)[0].configtest is None


def test_recent_worker_replacement_reasons_are_read_from_log_end(tmp_path: Path) -> None:
    events = "*** EVIL RELOAD ON WORKER 1 ADDRESS SPACE: 2 (pid: 41) ***\nRespawned uWSGI worker 1 (new pid: 42)\n"
    filler = "x" * 99 + "\n"
    (tmp_path / "web.log").write_text(events + filler * 2000 + events * 3)
    options = {"stats": f"{tmp_path}/s"}
    one = host(log_dir=str(tmp_path), uwsgi={"options": options}, programs={"web": {"command": f"uwsgi --ini {INI}"}})
    with stats_server(tmp_path / "s", [{"pid": 42, "status": "idle"}]):
        (answer,) = local_agent.ask("dash", workers.request(one, record=False, reasons=True))
    (found,) = workers.parse(one, answer).workers
    assert (found.reasons, found.last) == ({"evil": 3}, "evil")


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Path]:
    """A real supervisord in a zone of its own, with a program that ends twice a second and one that runs."""
    conf = tmp_path / "supervisord.conf"
    conf.write_text(
        f"[unix_http_server]\nfile={tmp_path}/s.sock\n[supervisord]\nlogfile={tmp_path}/log\npidfile={tmp_path}/pid\n"
        "nodaemon=true\n[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
        "[program:flaps]\ncommand=sleep 0.5\nstartsecs=0\nautorestart=true\n"
        "[program:web]\ncommand=sleep 600\nstartsecs=0\n"
    )
    environment = os.environ | {"TZ": "America/Chicago"}
    command = [str(TOOLS / "supervisord"), "-c", str(conf)]
    with (tmp_path / "out").open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)
    try:
        wait_for(lambda: (tmp_path / "log").exists() and "entered RUNNING" in (tmp_path / "log").read_text())
        yield tmp_path
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def wait_for(condition) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def ask(root: Path, action: str, *names: str, by: str = "jdoe") -> None:
    """Do `action` with programs."""
    one = host(programs={"web": {"command": f"uwsgi --ini {INI}"}})
    request = ProgramActionRequest(
        supervisord=place(root),
        apps=[replace(request_parts.app(one), reloadable="web")],
        activate=f"PATH={TOOLS}:$PATH",
        owner=f"{by}, {action}",
        action=action,
        names=list(names),
    )
    supervisord.read_action(one, action, local_agent.ask("dash", request)[0])


def ends(root: Path) -> int:
    return (root / "log").read_text().count("exited: flaps")


def test_recent_exits_of_program_are_counted_until_stop(supervised: Path) -> None:
    wait_for(lambda: ends(supervised) >= 4)
    found = states(supervised)
    assert found["flaps"].ended >= 4
    assert found["web"].ended == 0
    ask(supervised, "stop", "flaps", by="eve")
    ask(supervised, "start", "flaps", by="eve")
    assert states(supervised)["flaps"].ended <= ends(supervised) - 4
    log = (supervised / "log").read_text()
    old = log.replace(time.strftime("%Y"), "2001")
    with (supervised / "log").open("r+") as written:  # supervisord appends to it
        written.write(old)
    assert states(supervised)["flaps"].ended <= 2, "what is long ago does not count"


def test_operator_who_stopped_program_is_shown_until_start(supervised: Path) -> None:
    ask(supervised, "stop", "web", by="key SHA256:x jdoe (eve@desk)")
    found = states(supervised)["web"]
    assert (found.state, found.stopped_by) == ("STOPPED", "key SHA256:x jdoe (eve@desk)")
    assert found.stopped_ago is not None
    assert found.stopped_ago < 60
    ask(supervised, "start", "web", by="eve")
    assert states(supervised)["web"].stopped_ago is None
    tool = [str(TOOLS / "supervisorctl"), "-s", f"unix://{supervised}/s.sock"]
    note = supervised / "state/stopped/web"
    os.utime(note, (time.time() - 60, time.time() - 60))
    subprocess.run([*tool, "stop", "web"], check=True, capture_output=True)
    found = states(supervised)["web"]
    assert (found.stopped_by, found.stopped_ago is None) == ("", False), "by hand, since"


def place(root: Path) -> SupervisordPlace:
    return SupervisordPlace(conf=f"{root}/supervisord.conf", socket=f"{root}/s.sock", state_dir=f"{root}/state")


def states(root: Path) -> dict[str, ProgramState]:
    """The programs that run, by name."""
    answer = Answer("web1", [*programs.answer(ProgramsRequest(supervisord=place(root)))], "3")
    return {state.name: state for state in supervisord.read_states(host(), answer).programs}


def probe(shell: str, root: Path, listen: str) -> Snapshot:
    """What a deploy is told before it decides."""
    one = host(
        app={"listen": listen, "check_headers": {"X-Shib-Userid": "poms"}},
        programs={"web": {"command": f"uwsgi --ini {INI}"}},
    )
    request = snapshot.request(one, [])
    request.supervisord = place(root)
    request.apps = request_parts.apps_with_programs(one)
    return snapshot.read(local_agent.ask(shell, request)[0])


@pytest.mark.parametrize("shell", SHELLS)
def test_probe_reports_whether_service_serves(shell: str, supervised: Path, app: App) -> None:
    assert probe(shell, supervised, f"{supervised}/app.sock").services == (Service("service"),)
    assert len(app.told) == 1
    ask(supervised, "stop", "web", by="eve")
    (found,) = probe(shell, supervised, f"{supervised}/none.sock").services
    assert (found.state, f"{supervised}/none.sock" in found.problem) == ("STOPPED", True)


def test_probe_waits_for_app_that_is_still_starting(supervised: Path) -> None:
    conf = supervised / "supervisord.conf"
    conf.write_text(conf.read_text().replace("sleep 600\nstartsecs=0", "sleep 600\nstartsecs=60"))
    tool = [str(TOOLS / "supervisorctl"), "-s", f"unix://{supervised}/s.sock"]
    subprocess.run([*tool, "update", "web"], check=True, capture_output=True)
    wait_for(lambda: states(supervised)["web"].state == "STARTING")
    made: list[App] = []
    begun = threading.Timer(2, lambda: made.append(App(supervised / "app.sock")))
    begun.start()
    assert probe("dash", supervised, f"{supervised}/app.sock").services == (Service("service"),)
    begun.join()
    made[0].server.close()
