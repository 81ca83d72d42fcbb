"""Nothing waits for ever, and nothing is left: an app that hangs, two tasks, a full disk, a boot in the middle."""

import contextlib
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.bases import exhaustive
from tests.lab.faults import Bench, ended, the_other
from tests.lab.messages import UNTOUCHED
from tests.lab.site import Site, until

HOST = "pomsgpvm01"
APP = "/home/poms/poms/poms_app.py"
STATE = "/home/poms/private/poms-ops"
SOCKET = "unix:///home/poms/supervisor.sock"
THREADS = ("threads = 10", "threads = 12")
START = ("[defaults.uwsgi]\n", "[defaults.app]\nstart_seconds = 4\n\n[defaults.uwsgi]\n")


def ours(site: Site) -> list[str]:
    """Processes of the account that are neither supervisord's nor supervisord, nor systemd's own for a login."""
    daemon = site.read("/home/poms/supervisord.pid").strip()
    lines = site.root("ps -u poms -o pid=,sid=,stat=,args=").splitlines()
    lines = [line for line in lines if line.split()[1] != daemon and line.split()[2][0] != "Z"]
    return [line for line in lines if not re.search(r"systemd --user|\(sd-pam\)|dbus-daemon", line)]


def lock_is_free(site: Site) -> bool:
    return site.root(f"flock -n {STATE}/lock echo free || echo held").strip() == "free"


@pytest.fixture
def hanging(deployed: Site) -> Iterator[Site]:
    """An app whose next import waits for a database that does not answer, and heeds no signal while it does."""
    deployed.root(
        f"cp -p {APP} /root/app.py; (echo 'import signal, time; signal.pthread_sigmask(signal.SIG_BLOCK, [15])';"
        f" echo 'time.sleep(600)'; cat /root/app.py) >{APP}"
    )
    try:
        yield deployed
    finally:
        deployed.root(f"cp -p /root/app.py {APP}")


def test_app_hanging_in_import_is_killed_and_lock_released(hanging: Site, tmp_path: Path) -> None:
    master = hanging.workers()["pid"]
    said = hanging.fab("deploy", "--yes", inventory=hanging.changed(tmp_path, THREADS, START))
    assert said.code == 1, said.all
    assert UNTOUCHED in said.err
    assert lock_is_free(hanging)
    until(lambda: not ours(hanging), 10, "no process is left")
    assert hanging.workers()["pid"] == master


def test_ctrl_c_stops_validation_of_hanging_app(hanging: Site, tmp_path: Path) -> None:
    running = hanging.start("deploy", "--yes", inventory=hanging.changed(tmp_path, THREADS))
    until(lambda: any("trial.ini" in line for line in ours(hanging)), 30, "the trial has begun")
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)  # the app may take 120 seconds
    assert running.returncode != 0, out + err
    until(lambda: lock_is_free(hanging), 20, "the lock is free")
    until(lambda: not ours(hanging), 20, "no process is left")


@pytest.mark.parametrize(
    "task",
    [
        *("restart-programs --yes", "reload-uwsgi"),
        *exhaustive("stop-supervisord --yes", "reload-apache", "stop-programs --yes"),
        *exhaustive("start-supervisord", "start-programs", "reload-programs"),
    ],
)
def test_every_changing_task_acquires_host_lock(deployed: Site, task: str) -> None:
    before, apache = deployed.program_states(), deployed.apache()
    deployed.root(f"echo 'jane, deploy r0 since today' >{STATE}/lock")
    deployed.root(f"setsid runuser -u poms -- flock {STATE}/lock sleep 60 >/dev/null 2>&1 &")
    until(lambda: not lock_is_free(deployed), 10, "somebody holds the lock")
    try:
        said = deployed.fab(*task.split())
        assert (said.code, "jane, deploy r0" in said.err) == (4, True), said.all
        assert (deployed.program_states(), deployed.apache()) == (before, apache)
    finally:
        deployed.root("pkill -u poms -x sleep")
    assert deployed.fab(*task.split()).code == 0
    deployed.fab("start-supervisord", check=True)
    deployed.fab("start-programs", check=True)


@pytest.mark.exhaustive
def test_hanging_activate_command_is_killed(deployed: Site, tmp_path: Path) -> None:
    hangs = ("[defaults.ssh]\n", "[defaults]\nactivate = 'sleep 1000'\n\n[defaults.ssh]\n")
    said = deployed.fab("restart-programs", "--yes", inventory=deployed.changed(tmp_path, hangs))
    assert said.code == 1, said.all
    assert lock_is_free(deployed)
    until(lambda: not any("sleep 1000" in line for line in ours(deployed)), 20, "nothing is left")


def without_supervisord(bench: Bench) -> tuple[str, str]:
    """End supervisord on a whole host; which of its two inventories is deployed, and the other one."""
    before = bench.settled()
    bench.site.poms(f"supervisorctl -s {SOCKET} shutdown")
    until(lambda: not bench.site.processes("supervisord"), 60, "supervisord has ended")
    return before, the_other(before)


@pytest.mark.exhaustive
def test_recovery_keeps_supervisord_started_at_boot(bench: Bench) -> None:
    """The deploy was to start it, and died with the host; cron was quicker than the recovery."""
    site, (before, other) = bench.site, without_supervisord(bench)
    with bench.held("check", other) as running:
        bench.power_cut(running)  # and what the account's crontab starts then
    ended(running)
    until(lambda: site.ask("https://HOST:8443/poms", *site.certificate("jdoe"))[0] == 200, 60, "it serves")
    pid = site.read("/home/poms/supervisord.pid")
    assert site.fab("recover", inventory=bench.inventories[before]).code == 0
    assert site.read("/home/poms/supervisord.pid") == pid
    assert site.ask("https://HOST:8443/poms", *site.certificate("jdoe"))[0] == 200
    bench.assert_well(before)


@pytest.mark.exhaustive
def test_rollback_stops_supervisord_started_by_deploy(bench: Bench) -> None:
    site, (_before, other) = bench.site, without_supervisord(bench)
    with bench.held("check", other) as running:
        bench.ctrl_c(running)
        bench.let_go()
        running.communicate(timeout=120)
    assert running.returncode != 0
    assert not site.processes("supervisord")
    assert site.fab("deploy", "--yes", inventory=bench.inventories[other]).code == 0
    bench.assert_well(other)


@pytest.mark.exhaustive
def test_disk_filling_during_reload_does_not_block_later_deploy(bench: Bench) -> None:
    site, other = bench.site, the_other(bench.settled())
    site.root(
        "mkdir -p /root/state && cp -a /home/poms/private/poms-ops/. /root/state/; "
        f"mount -t tmpfs -o size=4m,mode=700,uid=1000,gid=1000 tmpfs {STATE}; cp -a /root/state/. {STATE}/"
    )
    try:
        with bench.held("reload-poms_webservice", other) as running:
            site.root(f"head -c 8m /dev/zero >{STATE}/filler 2>/dev/null || :")
        out, err = running.communicate(timeout=90)  # 736 s before
        site.root(f"rm -f {STATE}/filler")
        assert "Traceback" not in out + err
        assert site.fab("deploy", "--yes", inventory=bench.inventories[other]).code == 0
        bench.assert_well(other)
    finally:
        site.root(
            f"rm -f {STATE}/filler; rm -rf /root/state; mkdir /root/state; cp -a {STATE}/. /root/state/; "
            f"umount -l {STATE}; rm -rf {STATE}/*; cp -a /root/state/. {STATE}/; rm -rf /root/state"
        )


TASKS = ("check-apache", "diff", "doctor", "releases", "restart-programs --yes", "status", "workers", "tail-logs")


@contextlib.contextmanager
def login_runs(site: Site, text: str) -> Iterator[None]:
    """The account's start file does this before all else."""
    site.poms(f"cp $HOME/.bashrc $HOME/.bashrc.kept; (echo '{text}'; cat $HOME/.bashrc.kept) >$HOME/.bashrc")
    try:
        yield
    finally:
        site.poms("pkill -x sleep; mv $HOME/.bashrc.kept $HOME/.bashrc")


@pytest.mark.exhaustive
def test_tasks_time_out_if_login_shell_starts_no_command(deployed: Site, tmp_path: Path) -> None:
    brief = ("[defaults.ssh]\n", "[defaults.ssh]\nanswer_timeout = 2\n")
    inventory = deployed.changed(tmp_path, brief, THREADS)
    for text in ("sleep 1000", "while sleep 0.3; do echo .; done"):  # silent, and not
        with login_runs(deployed, text):
            for task in (("deploy", "--yes"), *map(str.split, TASKS)):
                said = deployed.fab("-H", HOST, *task, inventory=inventory)
                assert (said.code, "ssh.answer_timeout" in " ".join(said.all.split())) == (1, True), (task, said.all)
    assert "threads = 10" in deployed.read("/home/poms/private/config/poms/uwsgi-service.ini")


@pytest.mark.exhaustive
def test_tasks_run_nothing_if_start_file_reads_standard_input(deployed: Site, tmp_path: Path) -> None:
    inventory = deployed.changed(tmp_path, THREADS)
    with login_runs(deployed, "read -r x"):
        for task in (("deploy", "--yes"), *map(str.split, TASKS)):
            said = deployed.fab("-H", HOST, *task, inventory=inventory)
            assert (said.code, "reads standard input" in " ".join(said.all.split())) == (1, True), (task, said.all)
    assert "threads = 10" in deployed.read("/home/poms/private/config/poms/uwsgi-service.ini")


@pytest.mark.parametrize("step", exhaustive("prove", "reload-poms_webservice", "verdict"))
def test_repeated_ctrl_c_rolls_back_host(bench: Bench, step: str) -> None:
    before = bench.settled()
    with bench.held(step, the_other(before)) as running:
        for _ in range(4):
            bench.ctrl_c(running)
            time.sleep(0.15)
    out, err = running.communicate(timeout=90)
    assert (running.returncode, "Traceback" in out + err) == (1, False), out + err
    assert "unchanged:" in err
    assert len(err.splitlines()) <= 4, err  # a log is for what has failed
    bench.assert_well(before)


def test_ctrl_c_during_restart_lets_host_finish_it(deployed: Site) -> None:
    with deployed.start("-H", HOST, "restart-programs", "--yes") as running:
        until(lambda: not lock_is_free(deployed) or running.poll() is not None, 20, "it has begun")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert running.returncode == 130, out + err
    assert f"fab -H {HOST} status" in err
    until(lambda: lock_is_free(deployed), 60, "the host has come to the end")
    until(lambda: set(deployed.program_states().values()) == {"RUNNING"}, 30, "all programs run again")
