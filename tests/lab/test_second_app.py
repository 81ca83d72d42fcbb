"""Two apps on one host, each with a uWSGI of its own: deployed, told apart, reloaded one without the other."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.lab.load import Rate, loaded
from tests.lab.messages import UNTOUCHED
from tests.lab.site import Site

CONFIG = "/home/poms/private/config/poms"
TABLES = f"""
[defaults.apps.agent]
path = "/agent"
listen = "/home/poms/private/run/agent/app.sock"
start_seconds = 60

[defaults.apps.agent.uwsgi]
workers = 2
threads = 5
cheaper = 0

[defaults.apps.agent.uwsgi.options]
master = true
enable-threads = true
vacuum = true
die-on-term = true
chdir = "/home/poms/poms"
python-path = ["/home/poms/poms"]
module = "poms_app"
need-app = true
memory-report = true
env = ["LAB_APP_PATH=/agent"]
stats = "/home/poms/private/agent-stats.sock"

[defaults.programs.agent]
command = "uwsgi --ini {CONFIG}/uwsgi-agent.ini"
startsecs = 3
stopsignal = "INT"
stopwaitsecs = 20
reload_signal = "HUP"

[defaults.programs.poms_webservice]
"""
TWO = ("\n[defaults.programs.poms_webservice]\n", TABLES)


def inventory(site: Site, folder: Path, *changes: tuple[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    return site.changed(folder, TWO, *changes)


def pids(site: Site, program: str) -> tuple[str, str]:
    """The process of a program, and its workers."""
    pid = site.poms(f"supervisorctl -c $HOME/supervisord.conf pid {program}").strip()
    return pid, site.poms(f"pgrep -P {pid}")


@pytest.fixture
def two(deployed: Site, tmp_path: Path) -> Path:
    """The inventory with both apps, deployed."""
    made = inventory(deployed, tmp_path)
    said = deployed.fab("deploy", "--yes", inventory=made, check=True)
    assert "identity-probe" in said.out
    return made


def of_host(site: Site, task: str, path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(site.fab("-H", "pomsgpvm01", task, "--json", inventory=path).out)
    return dict(found["pomsgpvm01"])


def test_each_app_is_served_seen_and_reloaded_by_itself(deployed: Site, two: Path, tmp_path: Path) -> None:
    # Served on both ports, to the same visitors, and to no others.
    for path in ("/poms", "/agent"):
        status, body = deployed.ask(f"https://HOST:8443{path}", *deployed.certificate("jdoe"))
        assert (status, "X-Shib-Userid: jdoe" in body) == (200, True), body
        forged = deployed.ask(f"https://HOST:8443{path}", *deployed.certificate("jdoe"), "-H", "X-Shib-Userid: root")
        assert "root" not in forged[1]
        assert deployed.ask(f"https://HOST{path}")[0] == 302
        assert deployed.ask(f"https://HOST:8443{path}")[0] == 0
    pages = [f"https://HOST:8443{path}" for path in ("/poms", "/agent")]
    first, second = (deployed.ask(page, *deployed.certificate("jdoe"))[1] for page in pages)
    assert "workers: 6" in first
    assert "workers: 2" in second

    # Seen.
    status_of = of_host(deployed, "status", two)
    assert status_of["findings"] == []
    assert (status_of["app"], status_of["apps"]["agent"]["app"]) == ("", "")
    assert status_of["apps"]["agent"]["through_apache"]["state"] == "ok"
    workers = of_host(deployed, "workers", two)
    assert (len(workers["workers"]), len(workers["apps"]["agent"]["workers"])) == (6, 2)
    assert json.loads(deployed.fab("hosts", "--json", inventory=two).out)["pomsgpvm01"]["requests_at_once"] == 70

    # A change of one leaves the other alone, and a version that does not start changes nothing.
    before = pids(deployed, "poms_webservice"), pids(deployed, "agent")
    more = inventory(deployed, tmp_path / "more", ("threads = 5\n", "threads = 6\n"))
    said = deployed.fab("deploy", "--yes", inventory=more, check=True)
    assert "agent: reload without losing a request" in said.out
    after = pids(deployed, "poms_webservice"), pids(deployed, "agent")
    assert (after[0], after[1][0], after[1][1] == before[1][1]) == (before[0], before[1][0], False)
    broken = inventory(deployed, tmp_path / "broken", ('module = "poms_app"\n', 'module = "no_such_app"\n'))
    said = deployed.fab("deploy", "--yes", inventory=broken)
    assert (said.code, UNTOUCHED in said.all) == (1, True), said.all
    assert pids(deployed, "agent") == after[1]


def test_reload_loses_no_request_of_either_app(deployed: Site, two: Path) -> None:
    before = [pids(deployed, program)[1] for program in ("poms_webservice", "agent")]
    with loaded(deployed, Rate(40, slow=2)) as first, loaded(deployed, Rate(40, slow=2, path="/agent")) as second:
        deployed.fab("reload-uwsgi", inventory=two, check=True)
    for load in (first, second):
        assert (load.lost, load.sent > 20) == (0, True), load.said
    after = [pids(deployed, program)[1] for program in ("poms_webservice", "agent")]
    assert not {*before[0].split(), *before[1].split()} & {*after[0].split(), *after[1].split()}


def test_an_app_that_is_down_is_named(deployed: Site, two: Path) -> None:
    deployed.fab("stop-programs", "--programs=agent", inventory=two, check=True)
    try:
        said = deployed.fab("deploy", "--yes", inventory=two)
        assert (said.code, "agent" in said.err) == (2, True), said.all
        found = of_host(deployed, "status", two)
        assert [(one["what"], one["level"]) for one in found["findings"]] == [("program agent", "error")]
        assert found["app"] == ""
    finally:
        deployed.fab("start-programs", "--programs=agent", inventory=two, check=True)


def test_a_rollback_before_the_second_app_removes_it(deployed: Site, two: Path) -> None:
    said = deployed.fab("deploy", "--yes", "--remove", check=True)
    assert "agent" in said.out
    assert deployed.ask("https://HOST:8443/agent", *deployed.certificate("jdoe"))[0] == 403
    deployed.fab("rollback", "--yes", inventory=two, check=True)
    status, body = deployed.ask("https://HOST:8443/agent", *deployed.certificate("jdoe"))
    assert (status, "workers: 2" in body) == (200, True), body
