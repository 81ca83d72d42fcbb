"""Programs and supervisord on a real host."""

import json
import re
from pathlib import Path

import pytest

from tests.lab.messages import ALREADY_RUNNING, NOTHING_TO_DO
from tests.lab.site import Site, until

SOCKET = "/home/poms/supervisor.sock"
CONF = "/home/poms/supervisord.conf"


def test_status_shows_state_pid_and_uptime_of_each_program(deployed: Site) -> None:
    said = deployed.fab("-H", "pomsgpvm01", "status", "--json")
    assert said.code == 0, said.all
    found = json.loads(said.out)["pomsgpvm01"]
    assert found["supervisord"] == "up"
    assert found["pid"] == int(deployed.read("/home/poms/supervisord.pid"))
    assert {name: facts["state"] for name, facts in found["programs"].items()} == deployed.program_states()
    assert found["programs"]["poms_webservice"]["pid"] == deployed.workers()["pid"]
    shown = deployed.fab("-H", "pomsgpvm01", "status").out
    assert "poms_webservice" in shown
    assert str(deployed.workers()["pid"]) in shown


def test_status_without_h_checks_every_host(deployed: Site) -> None:
    out = deployed.fab("status", "--json").out
    assert list(json.loads(out)) == ["fermicloud045", "pomsgpvm01"]


def test_stop_start_and_restart_act_on_the_named_program_only(deployed: Site) -> None:
    agents = deployed.root("pgrep -u poms -f poms_agent.py")
    master = deployed.workers()["pid"]
    deployed.fab("stop-programs", "--programs=poms_webservice", check=True)
    assert deployed.program_states()["poms_webservice"] == "STOPPED"
    status = deployed.fab("-H", "pomsgpvm01", "status")
    assert "stopped on purpose" in status.out
    again = deployed.fab("restart-programs", "--yes")
    assert "left stopped" in again.out
    assert deployed.program_states()["poms_webservice"] == "STOPPED"
    deployed.fab("start-programs", "--programs=poms_webservice", check=True)
    assert deployed.program_states()["poms_webservice"] == "RUNNING"
    assert deployed.workers()["pid"] != master
    assert deployed.root("pgrep -u poms -f poms_agent.py") != agents
    agents = deployed.root("pgrep -u poms -f poms_agent.py")
    deployed.fab("restart-programs", "--programs=poms_webservice", check=True)
    assert deployed.root("pgrep -u poms -f poms_agent.py") == agents


def test_reload_programs_applies_only_changed_sections(deployed: Site) -> None:
    deployed.fab("reload-programs", check=True)
    spawned, master = deployed.last_spawn(), deployed.workers()["pid"]
    agents = deployed.root("pgrep -u poms -f poms_agent.py")
    said = deployed.fab("reload-programs")
    assert NOTHING_TO_DO in said.out, said.all
    deployed.poms("sleep 1; touch $HOME/private/config/poms/uwsgi-service.ini")
    said = deployed.fab("reload-programs")
    assert "poms_webservice" in said.out
    assert "poms_joblog_agent" not in said.out
    assert deployed.last_spawn() > spawned
    assert deployed.workers()["pid"] == master
    deployed.poms(f"sed -i 's/poms_agent.py joblog/poms_agent.py joblog9/' {CONF}")
    said = deployed.fab("reload-programs")
    assert "restarted with its new configuration" in said.out
    assert deployed.root("pgrep -u poms -f 'poms_agent.py joblog9'").strip()
    assert len(set(deployed.root("pgrep -u poms -f poms_agent.py").split()) & set(agents.split())) == 1


@pytest.mark.exhaustive
def test_a_program_that_keeps_failing_needs_attention(deployed: Site, tmp_path: Path) -> None:
    deployed.poms("kill -STOP $(cat $HOME/supervisord.pid); kill -CONT $(cat $HOME/supervisord.pid)")
    deployed.poms(f"sed -i 's/poms_agent.py status/no_such_agent.py/' {CONF}")
    said = deployed.fab("restart-programs", "--programs=poms_status_agent")
    assert said.code == 1
    assert "poms_status_agent" in said.err
    until(lambda: deployed.program_states()["poms_status_agent"] in ("FATAL", "EXITED"), 20, "it gives up")
    status = deployed.fab("-H", "pomsgpvm01", "status")
    assert status.code == 2
    assert "poms_status_agent" in status.out


@pytest.mark.exhaustive
def test_stopping_all_programs_requires_yes_flag(deployed: Site) -> None:
    before, master = deployed.program_states(), deployed.workers()["pid"]
    for task in ("stop-programs", "restart-programs", "stop-supervisord"):
        said = deployed.fab(task)
        assert (said.code, "--yes" in said.err) == (3, True), said.all
    assert (deployed.program_states(), deployed.workers()["pid"]) == (before, master)
    deployed.fab("stop-programs", "--yes", check=True)
    assert set(deployed.program_states().values()) == {"STOPPED"}
    deployed.fab("start-programs", check=True)


@pytest.mark.exhaustive
@pytest.mark.parametrize("task", ["restart-programs --yes", "restart-programs --programs=poms_webservice"])
def test_app_that_fails_validation_is_not_restarted(deployed: Site, task: str) -> None:
    master, states = deployed.workers()["pid"], deployed.program_states()
    deployed.poms("cp $HOME/poms/poms_app.py $HOME/kept.py; echo 'raise SystemExit' >>$HOME/poms/poms_app.py")
    try:
        said = deployed.fab(*task.split())
        assert said.code == 1, said.all
        assert (deployed.workers()["pid"], deployed.program_states()) == (master, states)
        code, _ = deployed.ask("https://HOST:8443/poms", *deployed.certificate("jdoe"))
        assert code == 200
    finally:
        deployed.poms("mv $HOME/kept.py $HOME/poms/poms_app.py")
    deployed.fab(*task.split(), check=True)
    assert deployed.workers()["pid"] != master


def test_stop_supervisord_stops_programs_and_status_names_operator(deployed: Site) -> None:
    said = deployed.fab("stop-supervisord", "--yes")
    assert said.code == 0, said.all
    assert (deployed.processes("supervisord"), deployed.processes("uwsgi")) == (0, 0)
    status = deployed.fab("-H", "pomsgpvm01", "status")
    assert (status.code, "stopped by" in status.out) == (2, True), status.out
    again = deployed.fab("stop-supervisord", "--yes")
    assert (again.code, "was not running" in again.out) == (0, True), again.all
    assert deployed.fab("start-supervisord").code == 0
    assert set(deployed.program_states().values()) == {"RUNNING"}
    deployed.poms(f"supervisorctl -s unix://{SOCKET} shutdown")
    until(lambda: deployed.processes("supervisord") == 0, 40, "supervisord ends")
    assert "stopped by" not in deployed.fab("-H", "pomsgpvm01", "status").out
    assert deployed.fab("start-supervisord").code == 0


@pytest.mark.exhaustive
def test_stopped_supervisord_is_reported_and_can_be_started(deployed: Site) -> None:
    deployed.poms(f"supervisorctl -s unix://{SOCKET} shutdown")
    until(lambda: deployed.processes("supervisord") == 0, 40, "supervisord ends")
    status = deployed.fab("-H", "pomsgpvm01", "status")
    assert status.code == 2
    assert "fab -H pomsgpvm01 start-supervisord" in status.out
    for words in ("restart-programs --yes", "stop-programs --yes", "start-programs", "reload-programs"):
        said = deployed.fab(*words.split())
        assert (said.code, "supervisord is not running" in said.err) == (1, True), said.all
    said = deployed.fab("start-supervisord")
    assert said.code == 0, said.all
    assert set(deployed.program_states().values()) == {"RUNNING"}
    assert ALREADY_RUNNING in deployed.fab("start-supervisord").out
    assert deployed.processes("supervisord") == 1


@pytest.mark.exhaustive
def test_a_second_supervisord_is_never_started(deployed: Site) -> None:
    pid = deployed.read("/home/poms/supervisord.pid").strip()
    deployed.poms(f"rm {SOCKET}")
    assert "cannot be controlled" in deployed.fab("-H", "pomsgpvm01", "status").out
    said = deployed.fab("start-supervisord")
    assert (said.code, f"kill -HUP {pid}" in said.err) == (1, True), said.all
    assert deployed.root("pgrep -c -u poms -f 'supervisord -c'").strip() == "1"
    deployed.poms(f"kill -HUP {pid}; while [ ! -S {SOCKET} ]; do sleep 0.1; done")
    until(lambda: set(deployed.program_states().values()) == {"RUNNING"}, 40, "programs are back")

    master = str(deployed.workers()["pid"])  # the agents end with their next line of log, which nobody reads
    deployed.poms(f"kill -9 {pid}")
    said = deployed.fab("start-supervisord")
    assert said.code == 1
    assert "its programs still run" in said.err
    assert re.search(rf"\b{master}\b", said.err), (master, said.err)
    deployed.root("pkill -u poms -f poms_agent.py; pkill -9 -u poms -f 'uwsgi --ini'; sleep 1")
    assert deployed.fab("start-supervisord").code == 0


def test_workers_exit_with_killed_master_and_free_its_port(deployed: Site) -> None:
    """Else one that is left holds the port, each start fails for that, and nothing that fab does ends it."""
    old = deployed.workers()
    numbers = " ".join(str(worker["pid"]) for worker in old["workers"] if worker["pid"])
    deployed.root(f"kill -9 {old['pid']}")
    until(
        lambda: deployed.root(f"ps -o stat= -p {numbers.replace(' ', ',')} || :").strip(" Z\n") == "", 20, "they end"
    )
    until(lambda: deployed.program_states()["poms_webservice"] == "RUNNING", 30, "it runs again")
    assert deployed.workers()["pid"] != old["pid"]
    code, _ = deployed.ask("https://HOST:8443/poms", *deployed.certificate("jdoe"))
    assert code == 200


def test_late_start_failure_leaves_no_worker_running(deployed: Site) -> None:
    """uWSGI spawns its workers and ends then, for the folder of its handover socket cannot be written for a while."""
    state = "/home/poms/private/poms-ops"
    deployed.root(f"chmod 500 {state}")
    try:
        deployed.poms("supervisorctl -s unix:///home/poms/supervisor.sock restart poms_webservice || :")
    finally:
        deployed.root(f"chmod 700 {state}")
    deployed.fab("-H", "pomsgpvm01", "restart-programs", "--programs=poms_webservice", check=True)
    code, _ = deployed.ask("https://HOST:8443/poms", *deployed.certificate("jdoe"))
    assert code == 200
