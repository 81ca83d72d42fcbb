"""No request is lost while the service is changed: a steady load by a client that is not ours, and each change in it.

With POMS_TEST_ALL each change has at least 20,000 requests of its own, an app that takes 10 seconds to import and
requests that take 8, and the ways that do lose some are measured beside it. The table is printed at the end.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab.load import VISITORS, Rate, loaded
from tests.lab.messages import UNTOUCHED
from tests.lab.site import Said, Site
from tests.lab.test_app_socket import APP as ON_A_SOCKET

ALL = bool(os.environ.get("POMS_TEST_ALL"))
IMPORT, SLOW = (10, 8) if ALL else (1, 2)
APP = "$HOME/poms/poms_app.py"


@dataclass(frozen=True)
class Service:
    """A host whose app is behind the unix socket that is shipped, and speaks HTTP to the host's own jobs."""

    site: Site
    folder: Path

    def fab(self, *words: str, changes: tuple[tuple[str, str], ...] = ()) -> Said:
        """Run fab with the inventory of that, and more changes to it."""
        return self.site.fab(*words, inventory=self.site.changed(self.folder, ON_A_SOCKET, *changes))

    def well(self, *words: str, changes: tuple[tuple[str, str], ...] = ()) -> Said:
        """The same, which must go well."""
        said = self.fab(*words, changes=changes)
        assert said.code == 0, said.all
        return said

    def workers(self) -> set[str]:
        """Process ids of the workers that supervisord's uWSGI has."""
        return set(self.site.poms("pgrep -P $(supervisorctl -c $HOME/supervisord.conf pid poms_webservice)").split())

    def begin_app_with(self, line: str, name: str) -> None:
        """Put a line before the app for whoever imports it from now on; what was there is kept as `name`."""
        self.site.poms(f'cp {APP} {APP}.{name}; (echo "{line}"; cat {APP}.{name}) >{APP}.new; mv {APP}.new {APP}')

    def put_app_back(self, name: str) -> None:
        """Undo that."""
        self.site.poms(f"mv {APP}.{name} {APP}")


Action = Callable[[Service], None]


def _other_numbers(threads: int) -> tuple[tuple[str, str], ...]:
    return ("threads = 10", f"threads = {threads}"), ("workers = 6", "workers = 5")


def deploy_workers_and_threads(service: Service) -> None:
    """A deploy that changes how many there are."""
    said = service.well("deploy", "--yes", changes=_other_numbers(8))
    assert "reload without losing a request" in said.out


def reload_uwsgi(service: Service) -> None:
    """The verb; it comes back when new workers serve."""
    before = service.workers()
    service.well("reload-uwsgi")
    assert not before & service.workers()


def reload_apache(service: Service) -> None:
    """Apache's graceful."""
    service.well("reload-apache")


def rollback(service: Service) -> None:
    """Back to the release before."""
    service.well("rollback", "--yes")


def deploy_of_an_app_that_does_not_import(service: Service) -> None:
    """A deploy and a reload of one: refused, and the old workers go on serving."""
    before = service.workers()
    service.begin_app_with(f"import time; time.sleep({IMPORT}); raise SystemExit", "whole")
    try:
        said = service.fab("deploy", "--yes", changes=_other_numbers(7))
        assert (said.code, UNTOUCHED in said.all) == (1, True), said.all
        said = service.fab("reload-uwsgi")
        assert (said.code, "the running uWSGI is unchanged" in said.all) == (1, True), said.all
    finally:
        service.put_app_back("whole")
    assert service.workers() & before  # a reload would have replaced them all; under load one more may be started


def restart_apache(service: Service) -> None:
    """For comparison."""
    service.well("restart-apache")


def supervisorctl_restart(service: Service) -> None:
    """For comparison: what one would type without this tool."""
    service.site.poms("supervisorctl -c $HOME/supervisord.conf restart poms_webservice")


LOSSLESS: list[Action] = [
    deploy_workers_and_threads,
    reload_uwsgi,
    reload_apache,
    rollback,
    deploy_of_an_app_that_does_not_import,
]
COMPARED: list[Action] = [restart_apache, supervisorctl_restart]


@pytest.fixture(scope="module")
def service(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """With an app that takes its time to import, which the workers that serve have done."""
    made = Service(site, tmp_path_factory.mktemp("service"))
    made.well("deploy", "--yes", "--force")  # whatever other tests have edited
    made.begin_app_with(f"import time; time.sleep({IMPORT})", "quick")
    made.well("restart-programs", "--programs=poms_webservice")
    yield made
    made.put_app_back("quick")
    site.fab("deploy", "--yes", check=True)
    site.fab("reload-uwsgi", check=True)


def test_deploy_reload_rollback_and_broken_app_lose_no_request(service: Service, load_row: Any) -> None:
    job = "curl -s -m 20 -o /dev/null -w '%{http_code} ' http://127.0.0.1:8889/poms"
    service.site.root(f"(for i in $(seq 150); do {job}; sleep 0.2; done) >/tmp/jobs 2>&1 &")
    with loaded(service.site, Rate(rate=50, patient=2, slow=SLOW)) as load:
        time.sleep(3)
        begun = time.monotonic()
        for action in LOSSLESS:
            action(service)
        took = time.monotonic() - begun
    load_row("all of it, one after the other", load, took)
    assert load.sent > 1000, load.said
    assert load.failed == load.closed, load.said
    assert load.closed <= VISITORS, load.said  # once each, when Apache reloads
    jobs = service.site.read("/tmp/jobs").split()
    assert (len(jobs) > 50, set(jobs)) == (True, {"200"})  # they wait for the first uWSGI: the second speaks no HTTP


if ALL:

    @pytest.mark.parametrize("action", [*LOSSLESS, *COMPARED], ids=lambda action: action.__name__)
    def test_each_change_under_20_000_requests(service: Service, load_row: Any, action: Action) -> None:
        service.well("deploy", "--yes")
        if action is rollback:
            service.well("deploy", "--yes", changes=_other_numbers(9))
        with loaded(service.site, Rate(rate=200, seconds=220)) as load:
            time.sleep(20)
            begun = time.monotonic()
            action(service)
            took = time.monotonic() - begun
        load_row(action.__name__.replace("_", " "), load, took)
        assert load.sent > 20_000, load.said
        assert load.failed <= (load.closed if action is reload_apache else 0) or action in COMPARED, load.said
