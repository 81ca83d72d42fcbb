"""Another version of the app: switched to and gone back from under load, refused, killed half-way, moved by hand.

With POMS_TEST_ALL each switch has at least 20,000 requests, an app that takes 10 seconds to import and requests that
take 8, and the agent is killed at every step.
"""

import dataclasses
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.faults import AGENT, HELD, INSTALL, STATE, STRACE
from tests.lab.load import Rate, loaded
from tests.lab.messages import UNTOUCHED
from tests.lab.site import Said, Site, until
from tests.lab.versioned import HOST, NEW, OLD, PRODUCTS, START, Service

ALL = bool(os.environ.get("POMS_TEST_ALL"))
IMPORT, SLOW = (10, 8) if ALL else (2, 2)
STEPS = [  # of a switch, as the journal has them
    *("stage", "directories", "keep", "prove", "look", "swap", "apply-programs", "reload-poms_webservice"),
    *("switch-version", "check", "verdict", "commit"),
]


@pytest.fixture(scope="module")
def service(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """With an app that takes its time to import."""
    made = Service(site, tmp_path_factory.mktemp("switch"))
    for version in (OLD, NEW):
        site.poms(f"sed -i '1i import time; time.sleep({IMPORT})' {PRODUCTS}/{version}/poms_version.py")
    made.fab("deploy", "--yes", "--force", check=True)
    yield made
    made.without_versions_again()


@pytest.fixture
def old(service: Service) -> Service:
    """The same, at the old version."""
    return service.at_old_version()


def test_switch_up_and_down_under_load_loses_no_request(old: Service, load_row: Any) -> None:
    rate = Rate(rate=200, seconds=150) if ALL else Rate(rate=50, patient=2, slow=SLOW)
    switches: list[tuple[str, str, tuple[str, ...]]] = [
        (OLD, NEW, ("deploy", "--yes")),
        (NEW, OLD, ("rollback", "--yes")),
    ]
    for before, after, words in switches:
        with loaded(old.site, rate) as load:
            time.sleep(3)
            begun = time.monotonic()
            old.fab(*words, version=NEW, check=True)
            took = time.monotonic() - begun
        back = load.sent_back(before, after)
        load_row(f"{words[0]} from {before} to {after}; {back} sent back to the old version", load, took)
        assert load.sent > (20_000 if ALL else 300), load.said
        assert (load.lost, back) == (0, 0), load.said
        assert old.together() == {after}
    assert [one["version"] for one in old.versions()["running"][0]["versions"]] == [OLD]


def test_plan_and_release_name_the_versions(old: Service) -> None:
    plan = old.fab("diff", version=NEW)
    assert (plan.code, f"version: {OLD} to {NEW}; chain current moves to it" in plan.out) == (2, True), plan.all
    old.fab("deploy", "--yes", version=NEW, check=True)
    assert old.fab("deploy", "--yes", version=NEW).out.count("nothing to do") == 1
    releases = json.loads(old.fab("releases", "--json").out)[HOST]
    assert [one["facts"]["version"] for one in releases[-2:]] == [OLD, NEW]
    assert old.fab("drift", version=NEW).code == 0
    assert old.fab("status", version=NEW).code == 0


@pytest.mark.exhaustive
def test_switch_restarts_in_place_where_the_database_allows_no_second_uwsgi(old: Service, load_row: Any) -> None:
    """Both hosts of the lab, 6 workers with 10 threads each: the limit is used up."""
    full = dataclasses.replace(old, changes=(("[fleet]\n", "[fleet]\ndatabase_connections = 120\n"),))
    assert "restart in place" in full.fab("diff", version=NEW).out
    refused = full.fab("reload-uwsgi")
    assert (refused.code, "Nothing was touched" in refused.err) == (3, True), refused.all
    with loaded(old.site, Rate(rate=20, patient=1, slow=1)) as load:
        begun = time.monotonic()
        said = full.fab("deploy", "--yes", version=NEW, check=True)
        took = time.monotonic() - begun
    assert "not validated: uWSGI and the app" in said.out, said.all
    load_row(f"deploy from {OLD} to {NEW} without a second uWSGI", load, took)
    assert old.together() == {NEW}


def test_restarts_and_reloads_run_what_is_deployed_whatever_is_current(old: Service) -> None:
    old.site.poms(f"ups declare -c poms {NEW}")  # by hand
    for words in (("reload-uwsgi",), ("restart-programs", "--yes")):
        old.fab(*words, check=True)
        assert old.served() == OLD
    drift = old.fab("drift", "--json")
    found = json.loads(drift.out)[HOST]
    assert (drift.code, set(found["files"].values()), len(found["versions"])) == (2, {"same"}, 1), drift.all
    assert f"leads to {NEW}" in found["versions"][0]
    assert old.fab("status").code == 2
    old.fab("deploy", "--yes", check=True)
    assert old.together() == {OLD}


def test_program_of_another_version_is_found_and_restarted_by_a_deploy(old: Service) -> None:
    site, agent = old.site, "poms_joblog_agent"
    site.poms(f"cp -p {START} {START}.own; sed -i s/{OLD}/{NEW}/ {START}")
    site.poms(f"supervisorctl -s unix:///home/poms/supervisor.sock restart {agent}; mv {START}.own {START}")
    found = old.versions()
    wrong = {
        one["program"] for one in found["running"] if {"version": NEW, "seen_in": "environment"} in one["versions"]
    }
    assert wrong == {agent}
    assert [one["found"].split()[:3] for one in found["findings"]] == [[agent, "runs", NEW]]
    old.fab("deploy", "--yes", check=True)
    assert old.versions()["findings"] == []


def test_version_that_does_not_import_is_never_switched_to(old: Service, load_row: Any) -> None:
    bad = "v4_7_0"
    said = old.fab("install", bad)
    assert (said.code, "ImportError" in said.err, f"uninstall {bad}" in said.err) == (1, True, True), said.all
    refused = old.fab("deploy", "--yes", version=bad)
    assert (refused.code, f"version {bad} is not installed" in refused.err) == (1, True), refused.all
    old.fab("uninstall", bad, check=True)
    assert bad not in [one["version"] for one in old.versions()["installed"]]
    old.site.poms(f"upd install poms {bad}")  # by somebody else, who does not check it
    with loaded(old.site, Rate(rate=50, patient=2, slow=SLOW)) as load:
        begun = time.monotonic()
        failed = old.fab("deploy", "--yes", version=bad)
        took = time.monotonic() - begun
    load_row(f"deploy of {bad}, which does not import", load, took)
    assert load.lost == 0, load.said
    assert (failed.code, "ImportError" in failed.err, UNTOUCHED in failed.err) == (1, True, True), failed.all
    assert old.together() == {OLD}
    old.fab("uninstall", bad, check=True)


def test_interrupted_install_leaves_nothing_that_could_be_switched_to(old: Service) -> None:
    version = "v4_6_0"
    old.site.poms("echo 5 >$HOME/products/upd/pause")
    try:
        running = old.site.start("-H", HOST, "install", version, inventory=old.inventory(OLD))
        until(lambda: old.site.root(f"ls {PRODUCTS}/{version} 2>/dev/null || :") != "", 60, "it has begun")
        running.kill()  # the line is cut
        running.communicate()
        until(lambda: old.site.root(f"pgrep -f '[u]pd install poms {version}' || :") == "", 60, "the host ends it")
    finally:
        old.site.poms("rm $HOME/products/upd/pause")
    refused = old.fab("deploy", "--yes", version=version)
    assert (refused.code, "is not installed" in refused.err) == (1, True), refused.all
    old.fab("install", version, check=True)
    assert old.fab("install", version).out.count("nothing to do") == 1
    whole = {one["version"]: one["whole"] for one in old.versions()["installed"]}
    assert whole[version] is True
    for needed in (OLD, version):
        said = old.fab("uninstall", needed)
        assert (said.code, "it is current" in said.err) == ((1, True) if needed == OLD else (0, False)), said.all


BY_FOLDER = """[defaults]
activate = '. "$HOME/releases/{version}/bin/activate"'

[defaults.software]
folder = "/home/poms/releases"
link = "/home/poms/current"
version = "VERSION"
install = '"$HOME/bin/make-release" {version}'

[defaults.ssh]
"""


def test_release_folders_on_a_second_host(site: Site, tmp_path: Path) -> None:
    host, releases = "fermicloud045", "/home/poms/releases"

    def fab(*words: str, version: str) -> Said:
        (tmp_path / version).mkdir(exist_ok=True)
        inventory = site.changed(
            tmp_path / version,
            ("[defaults.ssh]\n", BY_FOLDER.replace("VERSION", version)),
            ('chdir = "/home/poms/poms"\npython-path = ["/home/poms/poms"]\n', 'chdir = "/home/poms"\n'),
        )
        return site.fab("-H", host, *words, inventory=inventory)

    def served() -> str:
        _, page = site.ask("https://HOST:8443/poms", *site.certificate("jdoe"), host=host)
        return next(line for line in page.splitlines() if line.startswith("version: "))

    def link() -> str:
        return site.root("readlink -f /home/poms/current", host).strip()

    steps: list[tuple[tuple[str, ...], str, str]] = [
        (("deploy", "--yes", "--force"), "4.4.0", "4.4.0"),
        (("install",), "4.6.0", "4.4.0"),
        (("deploy", "--yes"), "4.6.0", "4.6.0"),
        (("rollback", "--yes"), "4.6.0", "4.4.0"),
    ]
    for words, wanted, after in steps:
        said = fab(*words, version=wanted)
        assert said.code == 0, said.all
        assert (link(), served()) == (f"{releases}/{after}", f"version: {after}")
    assert fab("drift", version="4.4.0").code == 0
    assert fab("uninstall", "4.6.0", version="4.4.0").code == 1, "a kept release needs it"
    assert site.fab("-H", host, "deploy", "--yes", "--remove").code == 0  # without software again
    assert "version: checkout" in served()


@pytest.fixture
def strace(service: Service) -> Iterator[None]:
    """strace in front of the host's Python, which stops the agent where HELD says."""
    service.site.root(INSTALL)
    yield
    service.site.root(f"rm -f /usr/local/bin/python3 {STRACE} {HELD}")


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("step", STEPS if ALL else ["reload-poms_webservice", "switch-version"])
def test_version_and_files_belong_together_after_a_kill(old: Service, step: str) -> None:
    site = old.site
    site.root(f"echo {STATE}/pending/journal {STEPS.index(step) + 1} >{HELD}")
    running = site.start("-H", HOST, "deploy", "--yes", inventory=old.inventory(NEW))
    stopped = f"for one in $(pgrep {AGENT}); do grep -s '^State:.*stop' /proc/$one/status; done; :"
    last = f"sed -n '$s/.* //p' {STATE}/pending/journal 2>/dev/null || :"

    def is_held() -> bool:
        return site.root(last).strip() == step and site.root(stopped) != ""

    try:
        until(lambda: is_held() or running.poll() is not None, 180, f"the deploy comes to {step}")
        assert running.poll() is None, running.communicate()
    finally:
        site.root(f"rm -f {HELD}; pkill -KILL {AGENT} || :")
        running.communicate(timeout=60)
    old.fab("recover", check=True)
    assert old.together() == {OLD}
    assert old.versions()["findings"] == []
