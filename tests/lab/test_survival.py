"""supervisord outlives the logins, and comes back after a boot: on a host with systemd, logind, units and cron."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import lab
from tests.lab.messages import ALREADY_RUNNING
from tests.lab.site import Said, Site, until

HOST = "pomsgpvm01"
CONF = "/home/poms/supervisord.conf"
LOGIND = "/etc/systemd/logind.conf.d/kill.conf"
UNIT = "poms.service"
SYSTEM, USER = f"/etc/systemd/system/{UNIT}", f"/home/poms/.config/systemd/user/{UNIT}"
RUN = "/bin/bash -c '. $$HOME/products/setup && setup poms && exec supervisord -n -c /home/poms/supervisord.conf'"
MANAGER = "env XDG_RUNTIME_DIR=/run/user/1000 runuser -u poms -- systemctl --user"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lab.Lab]:
    """A lab of one host, whose first process is systemd."""
    made = lab.Lab(state=tmp_path_factory.mktemp("lab") / "state")
    lab.up([HOST], base="trixie-systemd", lab=made)
    yield made
    lab.down(lab=made)


@pytest.fixture(scope="module")
def deployed_once(machine: lab.Lab) -> Site:
    """The host, deployed to."""
    site = Site(machine)
    site.fab("-H", HOST, "deploy", "--yes", check=True)
    return site


@pytest.fixture
def host(deployed_once: Site) -> Iterator[Site]:
    """supervisord does not run, nobody is logged in, and nothing starts it; afterwards it is so again."""
    stop(deployed_once)
    yield deployed_once
    deployed_once.root(f"rm -f {LOGIND}; systemctl restart systemd-logind; systemctl start cron")
    deployed_once.root(f"systemctl disable -q --now {UNIT} 2>/dev/null; rm -f {SYSTEM}; systemctl daemon-reload")
    deployed_once.root(
        "crontab -u poms -r 2>/dev/null; rm -rf /home/poms/.config/systemd; loginctl disable-linger poms"
    )
    stop(deployed_once)


def pids(site: Site) -> list[str]:
    """The processes of supervisord with our file."""
    return site.root("pgrep -f '[s]upervisord.* -c /home/poms/supervisord.conf' || :").split()


def stop(site: Site) -> None:
    """End all that the account runs, and wait until its last session is gone."""
    site.root("systemctl stop user@1000.service; pkill -TERM -u poms -f '[s]upervisord.* -c' || :")
    until(lambda: not site.root("pgrep -u poms || :").split(), 30, "nothing of the account runs")
    site.root("rm -f /home/poms/supervisor.sock")


def kill_at_logout(site: Site) -> None:
    """logind ends the processes of sessions from now on."""
    site.root(f"mkdir -p {LOGIND.rpartition('/')[0]}; printf '[Login]\\nKillUserProcesses=yes\\n' >{LOGIND}")
    site.root("systemctl restart systemd-logind")


def linger(site: Site) -> None:
    """The account's own service manager runs from now on."""
    site.root("loginctl enable-linger poms")
    until(lambda: "yes" in site.root(f"{MANAGER} list-units >/dev/null 2>&1 && echo yes || :"), 20, "it answers")


def logged_out(site: Site) -> None:
    """Wait until logind knows of no session of the account."""
    sessions = "loginctl list-sessions --no-legend | grep poms | grep -vc manager || :"
    until(lambda: site.root(sessions).strip() == "0", 30, "nobody is logged in")


def install(site: Site, path: str, more: str = "", wanted_by: str = "multi-user.target", unit: str = "") -> None:
    """A unit that runs supervisord with our file, not enabled."""
    text = f"[Unit]\n{unit}[Service]\n{more}ExecStart={RUN}\nRestart=always\nRestartSec=1\nKillMode=mixed\n"
    text += f"[Install]\nWantedBy={wanted_by}\n"
    folder = path.rpartition("/")[0]
    site.root(f"runuser -u poms -- mkdir -p {folder} 2>/dev/null; cat >{path} <<'END'\n{text}END")
    site.root("chown -R poms: /home/poms/.config 2>/dev/null || :")


def findings(site: Site, task: str, what: str) -> list[dict[str, str]]:
    told: Any = json.loads(site.fab("-H", HOST, task, "--json").out)[HOST]
    listed = told if task == "doctor" else told["findings"]
    return [one for one in listed if one["what"] == what]


def boot(site: Site) -> dict[str, str]:
    return findings(site, "doctor", "boot")[0]


def refused(said: Said, *words: str) -> None:
    assert said.code == 1, said.all
    for word in (*words, "unchanged: "):
        assert word in said.err, said.all


@contextmanager
def logged_in(site: Site, command: str) -> Iterator[None]:
    """Somebody is logged in as the account, with the products, and has run shell text."""
    options = ["-F", "none", "-o", f"UserKnownHostsFile={site.lab.known_hosts}", "-i", str(site.lab.identity_file)]
    text = f". $HOME/products/setup >&2; setup poms >&2; {command} >&2 </dev/null; echo ready; cat"
    words = ["ssh", "-T", *options, f"poms@{site.address()}", text]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as ssh:
        assert ssh.stdin
        assert ssh.stdout
        assert b"ready\n" in ssh.stdout
        yield
        ssh.stdin.close()


def power_cycle(site: Site) -> None:
    """End every process of the host at once, and start it again."""
    os.kill(site.record().pid, signal.SIGKILL)
    until(lambda: not site.record().running, 30, "the host is off")
    lab.up([HOST], lab=site.lab, say=lambda _: None)


def test_nothing_is_started_if_logind_would_kill_it(host: Site) -> None:
    kill_at_logout(host)
    before = host.root(f"ls -l --time-style=full-iso {CONF} /home/poms/private/poms-ops")
    refused(host.fab("-H", HOST, "deploy", "--yes"), "root: loginctl enable-linger poms", "KillUserProcesses")
    refused(host.fab("-H", HOST, "start-supervisord"), "root: loginctl enable-linger poms")
    (wrong,) = [one for one in findings(host, "doctor", "supervisord") if one["level"] == "error"]
    assert "loginctl enable-linger poms" in wrong["advice"]
    assert pids(host) == []
    after = host.root(f"ls -l --time-style=full-iso {CONF} /home/poms/private/poms-ops")
    assert [line for line in after.splitlines() if " lock" not in line] == [
        line for line in before.splitlines() if " lock" not in line
    ]


def test_supervisord_survives_logout_with_linger(host: Site) -> None:
    kill_at_logout(host)
    linger(host)
    host.fab("-H", HOST, "deploy", "--yes", check=True)
    logged_out(host)
    assert len(pids(host)) == 1
    assert findings(host, "status", "supervisord") == []


@pytest.mark.exhaustive
def test_supervisord_that_logind_will_kill_is_reported(host: Site) -> None:
    kill_at_logout(host)
    with logged_in(host, "supervisord -c $HOME/supervisord.conf"):
        assert "KillUserProcesses" in findings(host, "status", "supervisord")[0]["found"]
        assert findings(host, "doctor", "supervisord")[-1]["level"] == "warning"
    until(lambda: not pids(host), 20, "logind has ended it")


@pytest.mark.exhaustive
def test_supervisord_user_unit_without_linger_is_reported(host: Site) -> None:
    install(host, USER, wanted_by="default.target")
    with logged_in(host, "systemctl --user daemon-reload; systemctl --user enable -q poms.service"):
        pass
    stop(host)
    until(lambda: findings(host, "status", "supervisord") != [] and len(pids(host)) == 1, 30, "a look has started it")
    found = findings(host, "status", "supervisord")[0]
    assert "only while somebody is logged in" in found["found"]
    assert found["advice"] == "root: loginctl enable-linger poms"
    assert (boot(host)["level"], boot(host)["advice"]) == ("warning", "root: loginctl enable-linger poms")


def test_user_unit_starts_and_stops_supervisord_with_linger(host: Site) -> None:
    linger(host)
    install(host, USER, wanted_by="default.target")
    host.root(f"{MANAGER} daemon-reload; {MANAGER} enable -q {UNIT}")
    host.fab("-H", HOST, "start-supervisord", check=True)
    (pid,) = pids(host)
    assert f"/{UNIT}" in host.root(f"cat /proc/{pid}/cgroup")
    host.fab("-H", HOST, "stop-supervisord", "--yes", check=True)
    assert host.root(f"{MANAGER} is-active {UNIT} || :").strip() == "inactive", "nothing brings it back"
    assert pids(host) == []
    host.fab("-H", HOST, "start-supervisord", check=True)
    logged_out(host)
    assert len(pids(host)) == 1
    assert boot(host)["level"] == "ok"


@pytest.mark.exhaustive
def test_no_second_supervisord_is_started_if_system_unit_exists(host: Site) -> None:
    install(host, SYSTEM, "User=poms\n")
    host.root("systemctl daemon-reload")
    assert "is not enabled" in boot(host)["found"]
    host.root(f"systemctl enable -q {UNIT}")
    refused(host.fab("-H", HOST, "start-supervisord"), f"root: systemctl start {UNIT}")
    refused(host.fab("-H", HOST, "deploy", "--yes"), f"root: systemctl start {UNIT}")
    assert pids(host) == []
    host.root(f"systemctl start {UNIT}")
    until(lambda: ALREADY_RUNNING in host.fab("-H", HOST, "start-supervisord").out, 20, "the unit has started it")
    before = pids(host)
    refused(host.fab("-H", HOST, "stop-supervisord", "--yes"), f"root: systemctl stop {UNIT}")
    assert pids(host) == before


@pytest.mark.exhaustive
def test_waiting_system_unit_starts_supervisord_after_first_deploy(host: Site) -> None:
    install(host, SYSTEM, "User=poms\n", unit="StartLimitIntervalSec=0\n")
    host.root(f"rm {CONF}; systemctl daemon-reload; systemctl enable -q --now {UNIT} || :")
    host.fab("-H", HOST, "deploy", "--yes", "--force", check=True)
    (pid,) = pids(host)
    assert f"/system.slice/{UNIT}" in host.root(f"cat /proc/{pid}/cgroup")


def test_start_at_boot_adds_cron_line_that_starts_supervisord(host: Site) -> None:
    others = "# kept\nMAILTO=secret@example.org\n0 3 * * * true password=hunter2 % in\n"
    host.root(f"crontab -u poms - <<'END'\n{others}END")
    host.root("systemctl stop cron")
    refused(host.fab("-H", HOST, "start-at-boot", "--yes"), "loginctl enable-linger poms")
    host.root("systemctl start cron")
    assert host.fab("-H", HOST, "start-at-boot").code == 3, "there is no terminal to ask on"
    said = host.fab("-H", HOST, "start-at-boot", "--yes", "--json", check=True)
    assert "hunter2" not in said.all
    ((change,),) = json.loads(said.out).values()
    assert (change["did"], change["what"]) == ("add", "line")
    assert change["text"].startswith("@reboot ")
    written = host.root("crontab -u poms -l")
    assert written.startswith(others)
    assert written.endswith(f"\n{change['text']}\n")
    again = host.fab("-H", HOST, "start-at-boot", "--yes", "--json", check=True)
    assert json.loads(again.out) == {HOST: []}
    power_cycle(host)
    until(lambda: len(pids(host)) == 1, 30, "cron has started it")
    host.fab("-H", HOST, "start-at-boot", "--yes", "--remove", check=True)
    assert host.root("crontab -u poms -l") == others


@pytest.mark.exhaustive
def test_start_at_boot_adds_user_unit_if_cron_is_stopped(host: Site) -> None:
    linger(host)
    host.root("systemctl stop cron")
    said = host.fab("-H", HOST, "start-at-boot", "--yes", "--json", check=True)
    ((change,),) = json.loads(said.out).values()
    assert (change["did"], change["what"]) == ("add", "unit")
    assert pids(host) == []
    host.root("systemctl restart user@1000.service")  # as a boot does of one that lingers
    until(lambda: len(pids(host)) == 1, 30, "its unit has started it")
    again = host.fab("-H", HOST, "start-at-boot", "--yes", "--json", check=True)
    assert json.loads(again.out) == {HOST: []}
    host.fab("-H", HOST, "start-at-boot", "--yes", "--remove", check=True)
    assert host.root("ls /home/poms/.config/systemd/user/*.service 2>/dev/null || :") == ""
