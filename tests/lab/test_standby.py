"""The standby, a second uWSGI that serves during a reload: nothing of it is left, and it never costs the service."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.site import Site, until
from tests.lab.test_app_socket import APP as ON_A_SOCKET

HOST = ("-H", "pomsgpvm01")
LOG = "/home/poms/private/logs/poms/poms_webservice.log"
PROCNAME = ("need-app = true\n", "need-app = true\nauto-procname = true\n")
BRIEF = ("[defaults.uwsgi]\n", "[defaults.app]\ntimeout = 5\n\n[defaults.uwsgi]\n")
RELOADING = "gracefully killing workers"  # uWSGI's own words, once its workers take no new request
RESTART = ("restart-programs", "--programs=poms_webservice")


def standbys(site: Site) -> list[int]:
    """uWSGI processes that are not supervisord's, by what the kernel says of them."""
    daemon = site.read("/home/poms/supervisord.pid").strip()
    lines = [line.split() for line in site.root("ps -eo pid=,sid=,stat=,comm=").splitlines()]
    return [int(words[0]) for words in lines if words[3] == "uwsgi" and words[1] != daemon and words[2][0] != "Z"]


@contextlib.contextmanager
def slow(site: Site, seconds: int, count: int = 1) -> Iterator[list["subprocess.Popen[str]"]]:
    """So many requests that take so long, on their way through Apache."""
    name = site.record().server_name
    begun = [
        subprocess.Popen(
            [
                *("curl", "-sS", "--resolve", f"{name}:8443:{site.address()}"),
                *("--cacert", str(site.lab.certificates / "ca.pem"), *site.certificate("jdoe")),
                *("-w", "%{http_code}", f"https://{name}:8443/poms/slow?seconds={seconds}"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for _ in range(count)
    ]
    try:
        yield begun
    finally:
        for one in begun:
            one.kill()
            one.communicate()


def busy(site: Site) -> int:
    """Requests that supervisord's uWSGI answers now."""
    return sum(core["in_request"] for worker in site.workers()["workers"] for core in worker["cores"])


def serves(site: Site) -> None:
    code, body = site.ask("https://HOST:8443/poms", *site.certificate("jdoe"))
    assert (code, site.program_states()["poms_webservice"]) == (200, "RUNNING"), body


def status(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(site.fab(*HOST, "status", "--json").out)["pomsgpvm01"]
    return found


@contextlib.contextmanager
def left_behind(site: Site, seconds: int, inventory: Path | None = None) -> Iterator[str]:
    """A reload that has ended well while its standby answers three requests of so many seconds; what it said."""
    site.root(f": >{LOG}")
    with slow(site, 8):
        until(lambda: busy(site) == 1, 10, "the first uWSGI is in a request, for which its reload will wait")
        running = site.start(*HOST, "reload-uwsgi", inventory=inventory)
        until(lambda: RELOADING in site.read(LOG), 40, "the first uWSGI takes no new request")
        with slow(site, seconds, count=3):
            out, err = running.communicate(timeout=120)
            assert running.returncode == 0, out + err
            assert "Traceback" not in out + err
            yield out + err


@pytest.fixture
def site_(deployed: Site) -> Iterator[Site]:
    """A host that is deployed to."""
    yield deployed
    deployed.root("pkill -9 -u poms uwsgi; true")  # supervisord starts its own again


@pytest.mark.parametrize("where", ["port", pytest.param("socket", marks=pytest.mark.exhaustive)])
def test_reload_leaves_no_standby_with_any_process_name(site_: Site, tmp_path: Path, where: str) -> None:
    changes = [PROCNAME, ON_A_SOCKET] if where == "socket" else [PROCNAME]
    inventory = site_.changed(tmp_path, *changes)
    site_.fab(*HOST, "deploy", "--yes", inventory=inventory, check=True)
    for _ in range(2):
        site_.fab(*HOST, "reload-uwsgi", inventory=inventory, check=True)
        assert standbys(site_) == []
    site_.fab(*RESTART, inventory=inventory, check=True)
    serves(site_)
    assert list(status(site_)["standbys"]) == []


@pytest.mark.exhaustive
def test_serving_standby_is_reported_and_stopped_before_restart(site_: Site) -> None:
    with left_behind(site_, 300) as said:
        alive = standbys(site_)
        assert alive
        assert "3 requests" in said
        (shown,) = status(site_)["standbys"]
        assert shown["pid"] in alive
        assert shown["requests"] == 3
        assert 0 < shown["age"] < 120
        assert 0 < shown["ends_within"] <= 600
        findings = json.loads(site_.fab(*HOST, "doctor", "--json").out)["pomsgpvm01"]
        assert "standby" in json.dumps(findings)

        again = site_.fab(*HOST, "reload-uwsgi", check=True)  # one more beside it
        assert "3 requests" in again.all
        assert set(standbys(site_)) == set(alive)

        other = site_.fab("restart-programs", "--programs=poms_status_agent", check=True)
        assert (standbys(site_), "lost" in other.all) == (alive, False), other.all

        restarted = site_.fab(*RESTART)
        assert (restarted.code, "3 requests" in restarted.all, "lost" in restarted.all) == (0, True, True)
        assert standbys(site_) == []
        serves(site_)


def test_restart_loses_no_request_of_standby(site_: Site) -> None:
    with slow(site_, 8):
        site_.root(f": >{LOG}")
        until(lambda: busy(site_) == 1, 10, "the first uWSGI is in a request")
        running = site_.start(*HOST, "reload-uwsgi")
        until(lambda: RELOADING in site_.read(LOG), 40, "the first uWSGI takes no new request")
        with slow(site_, 20) as requests:
            assert running.wait(60) == 0
            running.communicate()
            site_.fab(*RESTART, check=True)
            assert standbys(site_) == []
            assert requests[0].communicate(timeout=30)[0].endswith("200")
    serves(site_)


@pytest.mark.exhaustive
def test_restarting_deploy_first_stops_standby(site_: Site, tmp_path: Path) -> None:
    with left_behind(site_, 300):
        inventory = site_.changed(tmp_path, ("startsecs = 3\n", "startsecs = 2\n"))
        said = site_.fab(*HOST, "deploy", "--yes", inventory=inventory)
        assert (said.code, "lost" in said.out) == (0, True), said.all
        assert standbys(site_) == []
    serves(site_)


@pytest.mark.exhaustive
def test_standby_with_hung_app_is_stopped_at_request_limit(site_: Site, tmp_path: Path) -> None:
    inventory = site_.changed(tmp_path, BRIEF)
    site_.fab(*HOST, "deploy", "--yes", inventory=inventory, check=True)
    with left_behind(site_, 3600, inventory):
        until(lambda: standbys(site_) == [], 30, "it is ended at the limit")
    serves(site_)
    assert "standby." not in site_.poms("ls $HOME/private/poms-ops")


@pytest.mark.exhaustive
def test_restart_stops_standby_whose_script_was_killed(site_: Site) -> None:
    site_.root(f": >{LOG}")
    with slow(site_, 30):
        until(lambda: busy(site_) == 1, 10, "the first uWSGI is in a request")
        running = site_.start(*HOST, "reload-uwsgi")
        until(lambda: RELOADING in site_.read(LOG), 40, "the first uWSGI takes no new request")
        site_.root("pkill -9 -u poms -f ops.agent.main")
        assert running.wait(30) != 0
        running.communicate()
        assert standbys(site_)
        site_.fab(*RESTART, check=True)
        assert standbys(site_) == []
    serves(site_)
