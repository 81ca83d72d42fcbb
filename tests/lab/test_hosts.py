"""Each task once on a host of every other base: systemd, an EL8-like one. What differs there shows here.

The rest of the suite runs on one base; `make test-all` runs it on each.
"""

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.base.table import BASES, DEFAULT
from tests.lab.bases import one_host
from tests.lab.messages import NOTHING_TO_DO
from tests.lab.site import Said, Site, until

HOST = ("-H", "pomsgpvm01")
WEB = "poms_webservice"
INI = "/home/poms/private/config/poms/uwsgi-service.ini"
SSL_CONF = "/etc/httpd/conf.d/ssl.conf"
GARBAGE = "/etc/grid-security/garbage.pem"
# Those with systemd have tests of their own (test_systemd.py, test_survival.py); `make test` leaves them out here.
EVERY = tuple(name for name in BASES if name != DEFAULT)
TRIED = EVERY if os.environ.get("POMS_TEST_ALL") else ("el8-like",)


@pytest.fixture(scope="module", params=TRIED)
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A lab with one host of that base, new at the first test and changed by one test after the other."""
    with one_host(request.param, tmp_path_factory.mktemp("lab")) as site:
        yield site


@pytest.fixture(autouse=True)
def noted(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> None:
    """For the table of bases and tasks (conftest.py)."""
    record_property("host", (request.node.callspec.params["host"], request.node.originalname))


def systemd(host: Site) -> bool:
    """Whether this host's first process is systemd."""
    return BASES[host.record().base].systemd


def fab(host: Site, *words: str, code: int = 0, **settings: Any) -> Said:
    """Run a task on the host; it ends with that exit code."""
    said = host.fab(*HOST, *words, **settings)
    assert said.code == code, said.all
    return said


def documents(said: Said) -> Any:
    """What it printed as JSON, of the one host."""
    return json.loads(said.out)["pomsgpvm01"]


def serves(host: Site) -> bool:
    """A person is sent to the login, and a job with a certificate gets a page of the app."""
    page = host.ask("https://HOST:8443/poms", *host.certificate("jdoe"))
    return host.ask("https://HOST/poms")[0] == 302 and page[0] == 200 and "X-Shib-Userid: jdoe\n" in page[1]


def test_doctor_before_the_first_deploy(host: Site) -> None:
    """Nothing is in the way, and the whole of the validation can be had: trial start and identity probe."""
    said = fab(host, "doctor", "--json")
    found = {finding["what"]: finding for finding in documents(said)}
    assert [one for one in found.values() if one["level"] == "error"] == []
    assert found["trial start"]["level"] == "ok"
    assert found["trial start"]["found"].startswith("identity-probe")


def test_deploy(host: Site) -> None:
    said = fab(host, "deploy", "--yes")
    assert "validated (identity-probe)" in said.all
    assert serves(host)
    again = fab(host, "deploy", "--yes")
    assert NOTHING_TO_DO in again.all


def test_status(host: Site) -> None:
    found = documents(fab(host, "status", "--json"))
    assert [one for one in found["findings"] if one["level"] == "error"] == []
    assert found["programs"][WEB]["state"] == "RUNNING"
    assert found["processes"]["apache"]
    assert found["processes"]["shibd"]
    assert found["queue"], "the host tells how many connections wait for the app"


def test_workers(host: Site) -> None:
    assert "idle" in fab(host, "workers").out


def test_certs(host: Site) -> None:
    assert "host certificate" in fab(host, "certs").out


def test_check_apache(host: Site) -> None:
    fab(host, "check-apache")


def test_restart_apache(host: Site) -> None:
    started = host.apache()[2]
    fab(host, "restart-apache")
    assert host.apache()[2] > started
    assert serves(host)


def test_reload_apache(host: Site) -> None:
    pid, generation, started = host.apache()
    fab(host, "reload-apache")
    assert host.apache() == (pid, generation + 1, started)


def test_reload_uwsgi(host: Site) -> None:
    spawned = host.last_spawn()
    fab(host, "reload-uwsgi")
    assert host.last_spawn() > spawned
    assert serves(host)


def test_reload_programs(host: Site) -> None:
    fab(host, "reload-programs")


def test_restart_programs(host: Site) -> None:
    fab(host, "restart-programs", "--programs=poms_joblog_agent")
    assert host.program_states()["poms_joblog_agent"] == "RUNNING"


def test_stop_and_start_programs(host: Site) -> None:
    fab(host, "stop-programs", "--programs=poms_status_agent")
    assert host.program_states()["poms_status_agent"] == "STOPPED"
    fab(host, "start-programs", "--programs=poms_status_agent")
    assert host.program_states()["poms_status_agent"] == "RUNNING"


def test_stop_and_start_supervisord(host: Site) -> None:
    fab(host, "stop-supervisord", "--yes")
    assert host.processes("supervisord") == 0
    fab(host, "start-supervisord")
    until(lambda: serves(host), 30, "the app serves")


def test_tail_logs(host: Site) -> None:
    assert f"{WEB} |" in fab(host, "tail-logs", "--lines=5").out


def test_fetch_logs(host: Site, tmp_path: Path) -> None:
    fab(host, "fetch-logs", f"--to={tmp_path}")
    assert len(list(tmp_path.glob("*.tar.gz"))) == 1


def test_run(host: Site) -> None:
    assert "poms" in fab(host, "run", "id -un; command -v uwsgi").out


def test_diff_drift_and_adopt(host: Site) -> None:
    """Of a file that was edited on the host."""
    host.poms(f"echo '# by hand' >>{INI}")
    fab(host, "diff", code=2)
    fab(host, "drift", code=2)
    fab(host, "adopt", INI)
    fab(host, "deploy", "--yes", code=1)
    fab(host, "deploy", "--yes", "--force")


def test_import_and_compare(host: Site) -> None:
    said = host.fab("import", "pomsgpvm01", "--json")
    assert said.code in (0, 2), said.all
    report = json.loads(said.out)
    assert ("supervisord", f"program {WEB}", "command") in {(i["of"], i["place"], i["name"]) for i in report["equal"]}
    assert [one for one in report["changed"] if one["of"] != "apache"] == []
    assert not any("printed" in note for note in report["notes"])
    assert host.fab("compare", "pomsgpvm01", "pomsgpvm01").code == 0


def test_rollback_and_releases(host: Site, tmp_path: Path) -> None:
    inventory = host.changed(tmp_path, ("threads = 10", "threads = 9"))
    fab(host, "deploy", "--yes", inventory=inventory)
    assert "threads = 9" in host.read(INI)
    fab(host, "rollback", "--yes")
    assert "threads = 10" in host.read(INI)
    assert serves(host)
    assert len(fab(host, "releases").out.splitlines()) > 3


def test_deploy_of_files_that_start_no_apache(host: Site, tmp_path: Path) -> None:
    """Apache's own test reads no key: the trial start refuses it before anything is live."""
    host.root(f"echo garbage >{GARBAGE}; chmod 644 {GARBAGE}")
    inventory = host.changed(tmp_path, ("[defaults.apache]\n", f'[defaults.apache]\nkey = "{GARBAGE}"\n'))
    before = host.apache(), host.read(SSL_CONF)
    fab(host, "deploy", "--yes", code=1, inventory=inventory)
    assert (host.apache(), host.read(SSL_CONF)) == before


def test_deploy_whose_reload_ends_apache(host: Site, tmp_path: Path) -> None:
    """No trial start on this host: the way back starts Apache again, by whatever starts it."""
    inventory = host.changed(tmp_path, ("[defaults.apache]\n", f'[defaults.apache]\nkey = "{GARBAGE}"\n'))
    before = host.read(SSL_CONF)
    host.root("chmod 700 /usr/bin/unshare")
    try:
        fab(host, "deploy", "--yes", "--unvalidated", code=1, inventory=inventory)
    finally:
        host.root("chmod 755 /usr/bin/unshare")
    assert host.read(SSL_CONF) == before
    assert serves(host)
    if systemd(host):
        assert host.root("systemctl is-active httpd").strip() == "active"


def test_deploy_over_what_a_hand_has_broken(host: Site) -> None:
    """Apache is down, with files that start none: a deploy of good ones starts it again."""
    host.root(f"echo 'NoSuchDirective on' >>{SSL_CONF}; service httpd restart || :")
    assert not serves(host)
    fab(host, "deploy", "--yes", "--force")
    assert serves(host)


def test_deploy_with_the_app_on_a_socket(host: Site, tmp_path: Path) -> None:
    """Apache, which may be confined by its unit, reaches it."""
    changes = (
        "[defaults.uwsgi]\n",
        '[defaults.app]\nlisten = "/home/poms/private/run/app.sock"\n\n[defaults.uwsgi]\n',
    )
    fab(host, "deploy", "--yes", inventory=host.changed(tmp_path, changes))
    assert serves(host)
    fab(host, "rollback", "--yes")
    assert serves(host)


def test_recover_after_the_operator_was_killed(host: Site, tmp_path: Path) -> None:
    """The host goes back by itself, and `recover` finds nothing left to do."""
    inventory = host.changed(
        tmp_path,
        ("threads = 10", "threads = 8"),
        ("[defaults.uwsgi]\n", "[defaults.deploy]\nlimit = 10\n\n[defaults.uwsgi]\n"),
    )
    with host.start(*HOST, "deploy", "--yes", inventory=inventory) as running:
        until(lambda: "threads = 8" in host.read(INI), 60, "the new file is live")
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate(timeout=30)
    until(lambda: "threads = 10" in host.read(INI), 60, "the old file is back")
    until(lambda: host.fab(*HOST, "recover").code == 0, 60, "the host's own recovery has ended")
    assert serves(host)
