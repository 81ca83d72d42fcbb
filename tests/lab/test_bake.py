"""A version on trial under real traffic: kept, rolled back by the host itself, ended by an operator."""

import dataclasses
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.lab.load import Load, Rate, loaded
from tests.lab.site import Said, Site, until
from tests.lab.versioned import HOST, NEW, OLD, Service

FAILS, GROWS = "v4_8_0", "v4_9_0"
# The deploy's own checks may meet the request that fails; whether a bake finds the fault is the question here.
TOLERANT = "[defaults.app]\ncheck_status = [200, 500]\n\n"
RATE = Rate(rate=50, patient=1, slow=2)
STATE = "/home/poms/private/poms-ops"


@pytest.fixture(scope="module")
def service(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The host with the old version."""
    made = Service(site, tmp_path_factory.mktemp("bake"))
    made.fab("deploy", "--yes", "--force", check=True)
    yield made
    made.without_versions_again()


@pytest.fixture
def old(service: Service) -> Service:
    """The same, at the old version and without a bake."""
    return service.at_old_version()


def baking(service: Service, bake: str, more: str = "") -> Service:
    """With a bake of that time, and more of the inventory."""
    deploy = f'[defaults.deploy]\nbake = "{bake}"\n\n{more}[defaults.ssh]\n'
    return dataclasses.replace(service, changes=(("[defaults.ssh]\n", deploy),))


def on_trial(service: Service) -> bool:
    """Whether a release is on trial, by the host's own note."""
    return service.site.root(f"test -e {STATE}/pending/bake && echo yes || :", HOST) != ""


@contextmanager
def installed(service: Service, version: str) -> Iterator[None]:
    """With another version."""
    service.fab("install", version, check=True)
    try:
        yield
    finally:
        service.fab("uninstall", version)


def deployed_under_load(service: Service, version: str, load_row: Any, what: str) -> tuple[Said, Load, float]:
    """A deploy of the version, on trial while visitors come; the host has the old one afterwards."""
    with installed(service, version), loaded(service.site, RATE) as load:
        time.sleep(5)
        begun = time.monotonic()
        said = service.fab("deploy", "--yes", version=version)
        took = time.monotonic() - begun
    load_row(what, load, took)
    return said, load, took


def test_version_that_fails_at_times_is_rolled_back_by_its_bake(old: Service, load_row: Any) -> None:
    baked = baking(old, "5m", TOLERANT)
    said, load, took = deployed_under_load(baked, FAILS, load_row, "500 to one in five: bake of 5 min rolls back")
    assert said.code == 1, said.all
    assert "server errors" in said.err, said.all
    assert took < 120
    assert load.failed > 5
    assert old.together() == {OLD}


@pytest.mark.exhaustive
def test_version_that_grows_is_rolled_back_by_its_bake(old: Service, load_row: Any) -> None:
    said, load, _ = deployed_under_load(
        baking(old, "135s"), GROWS, load_row, "50 MB a minute: bake of 135 s rolls back"
    )
    assert said.code == 1, said.all
    assert "memory of a worker" in said.err, said.all
    assert load.lost == 0, load.said
    assert old.together() == {OLD}


def test_good_version_is_kept_although_the_operator_is_gone(old: Service, load_row: Any) -> None:
    baked = baking(old, "25s")
    with loaded(old.site, RATE) as load:
        time.sleep(3)
        begun = time.monotonic()
        with baked.site.start("-H", HOST, "deploy", "--yes", inventory=baked.inventory(NEW)) as running:
            until(lambda: on_trial(old), 120, "the release is on trial")
            running.send_signal(signal.SIGKILL)
        assert "on trial" in old.fab("status", version=NEW).out
        assert old.fab("deploy", "--yes", version=NEW).code == 4
        until(lambda: not on_trial(old), 60, "the bake ends")
        took = time.monotonic() - begun
    load_row("bake of 25 s whose operator is killed", load, took)
    assert (load.lost, load.sent_back(OLD, NEW)) == (0, 0), load.said
    assert old.together() == {NEW}
    assert "kept" in old.fab("status", version=NEW).out


def test_ctrl_c_ends_a_bake_whose_output_nobody_reads(old: Service) -> None:
    """As in `fab deploy | tee log`: Ctrl-C ends the reader, too."""
    baked = baking(old, "5m")
    with baked.site.start("-H", HOST, "deploy", "--yes", inventory=baked.inventory(NEW)) as running:
        until(lambda: on_trial(old), 120, "the release is on trial")
        assert running.stdout
        running.stdout.close()
        running.send_signal(signal.SIGINT)
        running.wait(60)
    until(lambda: not on_trial(old), 60, "the bake ends")
    assert old.together() == {OLD}
    assert "without an operator" not in old.fab("status").out


def test_another_operator_ends_a_bake(old: Service) -> None:
    baked = baking(old, "5m")
    with baked.site.start("-H", HOST, "deploy", "--yes", inventory=baked.inventory(NEW)) as running:
        until(lambda: on_trial(old), 120, "the release is on trial")
        assert old.served() == NEW
        said = old.fab("rollback", "--yes")
        _, error = running.communicate(timeout=60)
    assert (said.code, running.returncode) == (0, 1), said.all + error
    assert "rolled back during its bake by" in error
    assert old.together() == {OLD}
