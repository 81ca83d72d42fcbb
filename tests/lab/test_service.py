"""Green only when visitors are served: what `status` and `deploy` say of a service that does not serve."""

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.lab.site import Site, until

HOST, WEB, AGENT = "pomsgpvm01", "poms_webservice", "poms_joblog_agent"
STATE = "/home/poms/private/poms-ops"
APP = "/home/poms/poms/poms_app.py"
CERTIFICATE = "/etc/grid-security/hostcert.pem"
FOREIGN = "/etc/httpd/conf.d/zz_foreign.conf"


@pytest.fixture
def serving(deployed: Site) -> Site:
    """A host of which status has nothing to say."""
    deployed.fab("reload-uwsgi", check=True)
    said = deployed.fab("-H", HOST, "status")
    assert said.code == 0, said.all
    return deployed


def status(site: Site) -> tuple[int, dict[str, Any]]:
    """The exit code, and what the document says of the host."""
    said = site.fab("-H", HOST, "status", "--json")
    found: dict[str, Any] = json.loads(said.out)[HOST]
    return said.code, found


def wrong(site: Site) -> list[str]:
    """What is wrong, as status judges it; only that makes its exit code."""
    code, found = status(site)
    names = [one["what"] for one in found["findings"] if one["level"] == "error"]
    assert code == (2 if names else 0), found
    return names


@contextmanager
def fatal(site: Site) -> Iterator[None]:
    """The web service as supervisord gives it up."""
    # Without the file uWSGI would find the app of the product, by PYTHONPATH.
    site.poms(f"mv {APP} {APP}.away; echo 'raise SystemExit' >{APP}")
    site.poms(f"supervisorctl -s unix:///home/poms/supervisor.sock restart {WEB} || :")
    try:
        until(lambda: site.program_states()[WEB] == "FATAL", 60, "supervisord gives up")
        yield
    finally:
        site.poms(f"mv {APP}.away {APP}")
        site.fab("restart-programs", f"--programs={WEB}", check=True)


def test_status_checks_visitor_page_and_app(serving: Site) -> None:
    _, found = status(serving)
    assert (found["pages"]["443"], found["app"], found["configtest"]) == (302, "", "")


def test_status_names_who_stopped_service_and_deploy_fails(serving: Site) -> None:
    serving.fab("stop-programs", f"--programs={WEB}", check=True)
    try:
        assert wrong(serving) == [f"program {WEB}"]
        told = status(serving)[1]["programs"][WEB]
        assert f"{getpass.getuser()}@" in told["stopped_by"]
        assert told["stopped_ago"] < 600
        said = serving.fab("-H", HOST, "deploy", "--yes")
        assert said.code == 2, said.all
        assert "start-programs" in said.err
        assert serving.program_states()[WEB] == "STOPPED"
    finally:
        serving.fab("start-programs", f"--programs={WEB}", check=True)
    assert wrong(serving) == []
    assert serving.fab("-H", HOST, "deploy", "--yes").code == 0


@pytest.mark.exhaustive
def test_stopped_agent_is_reported_but_is_no_error(serving: Site) -> None:
    serving.fab("stop-programs", f"--programs={AGENT}", check=True)
    try:
        assert wrong(serving) == []
        assert f"program {AGENT}" in [one["what"] for one in status(serving)[1]["findings"]]
        assert serving.fab("-H", HOST, "deploy", "--yes").code == 0
    finally:
        serving.fab("start-programs", f"--programs={AGENT}", check=True)


@pytest.mark.exhaustive
def test_deploy_without_changes_reports_service_that_does_not_serve(
    serving: Site,
) -> None:
    with fatal(serving):
        assert wrong(serving) == [f"program {WEB}"]
        said = serving.fab("-H", HOST, "deploy", "--yes")
        assert (said.code, f"{WEB} is FATAL" in said.err) == (2, True), said.all
        serving.poms(f"echo apache >{STATE}/owed")
        said = serving.fab("-H", HOST, "deploy", "--yes")
        assert (said.code, f"{WEB} is FATAL" in said.err) == (2, True), said.all
        assert not serving.poms(f"cat {STATE}/owed"), "the reload was made up for all the same"
    assert serving.fab("-H", HOST, "deploy", "--yes").code == 0


@pytest.mark.exhaustive
def test_crashing_program_is_error_until_restart(serving: Site) -> None:
    def pids() -> set[str]:
        return set(
            serving.root(f"pgrep -u poms -f '{AGENT.removeprefix('poms_').removesuffix('_agent')}$' || :").split()
        )

    for _ in range(3):
        before = pids()
        until(lambda: serving.program_states()[AGENT] == "RUNNING", 60, "it runs")
        serving.root(f"kill -9 {' '.join(before)}")
        until(lambda before=before: bool(pids() - before), 60, "it is started again")  # type: ignore[misc]
    until(lambda: serving.program_states()[AGENT] == "RUNNING", 60, "it runs")
    assert wrong(serving) == [f"program {AGENT}"]
    serving.fab("restart-programs", f"--programs={AGENT}", check=True)
    assert wrong(serving) == []


@pytest.mark.exhaustive
def test_repeatedly_killed_workers_are_error_until_reload(serving: Site) -> None:
    for _ in range(6):  # one that uWSGI was about to send away does not count as killed
        (victim, *_) = [one["pid"] for one in serving.workers()["workers"] if one["status"] == "idle"]
        serving.root(f"kill -9 {victim}")
        until(
            lambda victim=victim: victim not in [one["pid"] for one in serving.workers()["workers"]],  # type: ignore[misc]
            30,
            "it is replaced",
        )
        if wrong(serving):
            break
    until(lambda: wrong(serving) == ["workers"], 20, "the log tells of the last one, too")
    serving.fab("reload-uwsgi", check=True)
    assert wrong(serving) == []


@pytest.mark.exhaustive
def test_status_reports_foreign_file_that_apache_rejects(serving: Site) -> None:
    serving.root(f"echo NoSuchDirective on >{FOREIGN}")
    try:
        assert wrong(serving) == ["Apache"]
        assert "NoSuchDirective" in status(serving)[1]["configtest"]
        assert serving.ask("https://HOST/poms")[0] == 302, "it serves on"
    finally:
        serving.root(f"rm {FOREIGN}")
    assert wrong(serving) == []


def test_status_reports_renewed_certificate_not_yet_served(serving: Site) -> None:
    made = "openssl req -x509 -newkey rsa:2048 -nodes -days 400 -subj /CN=new -keyout /dev/null -out /root/new.pem"
    serving.root(f"cp -p {CERTIFICATE} /root/kept.pem; {made} 2>/dev/null; cat /root/new.pem >{CERTIFICATE}")
    try:
        assert set(wrong(serving)) == {"certificates"}
    finally:
        serving.root(f"cat /root/kept.pem >{CERTIFICATE}")
    assert wrong(serving) == []


def test_hanging_app_is_error_although_its_program_runs(serving: Site) -> None:
    master = serving.workers()["pid"]
    try:
        serving.root(f"pkill -STOP -P {master}")
        assert wrong(serving) == ["app"]
        assert serving.program_states()[WEB] == "RUNNING"
        assert serving.fab("-H", HOST, "deploy", "--yes").code == 2
    finally:
        serving.root(f"pkill -CONT -P {master} || :")
    until(lambda: wrong(serving) == [], 60, "it answers again")
