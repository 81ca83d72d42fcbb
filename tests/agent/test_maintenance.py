"""The maintenance page's files on a host: written whole, not through foreign files; and when it ends."""

import getpass
import json
import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.agent import apache_trial, app_folders, maintenance
from ops.agent.apache_messages import ApacheConfiguration
from ops.agent.maintenance import end_of, ports_that_know
from ops.agent.maintenance_files import switch_off, switch_on
from ops.agent.maintenance_messages import (
    MaintenanceFound,
    MaintenancePages,
    MaintenanceRequest,
    MaintenanceState,
    MaintenanceSwitched,
)
from ops.agent.maintenance_state import state_of
from ops.agent.processes import Ended
from ops.agent.step_failed import StepFailed
from ops.formats.apache import maintenance_mark
from ops.rendering.renderer import render
from ops.services.maintenance_switch import request
from tests.unit.hosts import host

PAGES = MaintenancePages(html="<p>é</p>", text="é", retry_after="600")
STATE = MaintenanceState(by="jdoe", since=1000, until=5000, message="é <b>")
ME = getpass.getuser()  # stands for Apache's account


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home/private/maintenance"


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "America/Chicago")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def on(folder: Path) -> None:
    switch_on(str(folder), ME, PAGES, STATE)


def test_everybody_may_read_the_page_and_nobody_the_details(folder: Path) -> None:
    on(folder)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert modes == {"on": 0o644, "page.html": 0o644, "page.txt": 0o644, "details": 0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert ((folder / "on").read_text(), (folder / "page.html").read_text()) == ("600\n", "<p>é</p>")


def test_state_is_what_was_switched_on(folder: Path, zone: None) -> None:
    assert state_of(str(folder)) is None
    on(folder)
    found = state_of(str(folder))
    assert found
    assert (found.by, found.since, found.until, found.message) == ("jdoe", 1000, 5000, "é <b>")
    assert found.until_text == "1969-12-31 19:23 CST"
    switch_off(str(folder))
    assert state_of(str(folder)) is None
    left = sorted(path.name for path in folder.iterdir())
    assert left == ["page.html", "page.txt"], "a request of that moment still gets its page"
    switch_off(str(folder))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"by": 1, "since": "x", "until": null, "message": ""}', "\0"])
def test_switch_without_readable_details_is_still_on(folder: Path, text: str) -> None:
    on(folder)
    (folder / "details").write_text(text)
    found = state_of(str(folder))
    assert found
    assert (found.by, found.since, found.message) == ("", None, "")


def test_switch_is_written_last_and_never_half(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = []
    rename = os.rename

    def noted(source: str, target: str) -> None:
        order.append(Path(target).name)
        rename(source, target)

    monkeypatch.setattr(os, "rename", noted)
    on(folder)
    assert order[-1] == "on"

    def full(_: int) -> None:
        raise OSError("No space left on device")

    switch_off(str(folder))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        on(folder)
    assert state_of(str(folder)) is None
    assert not [name for name in [path.name for path in folder.iterdir()] if name.startswith(".")]


@pytest.mark.parametrize("name", ["on", "page.html", "page.txt", "details"])
def test_link_in_the_place_of_a_file_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    on(folder)
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (folder / name).unlink()
    (folder / name).symlink_to(victim)
    with pytest.raises(StepFailed, match=name):
        on(folder)
    assert victim.read_text() == "mine"


def test_folder_that_is_a_link_or_foreign_or_writable_for_others_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    folder.parent.mkdir(parents=True)
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StepFailed):
        on(folder)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    folder.unlink()
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(StepFailed):
        on(folder)
    folder.chmod(0o755)
    monkeypatch.setattr(os, "geteuid", lambda: 4321)
    with pytest.raises(StepFailed):
        on(folder)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [
        (7200, 7200),
        ("18:30", 6.5 * 3600),
        ("11:59", 24 * 3600 - 60),
        ("12:00", 24 * 3600),
        ("2026-11-28 03:00:00", 15 * 3600),
        ("2026-11-27 18:30:00+0000", 1800),
        ("2026-11-27 19:30:00+0100", 1800),
    ],
)
def test_end_is_in_the_hosts_zone(wanted: "int | str", seconds: float, zone: None) -> None:
    noon = int(time.mktime((2026, 11, 27, 12, 0, 0, 0, 0, -1)))
    assert end_of(wanted, noon) - noon == seconds


def test_ports_whose_files_know_the_page(tmp_path: Path) -> None:
    made = host(maintenance={"folder": f'{tmp_path}/it\'s "50%" $1'})
    for number, file in enumerate(one for one in render(made) if one.service == "apache"):
        (tmp_path / f"{number}.conf").write_bytes(file.content)
    files = [f"{tmp_path}/{number}.conf" for number in range(2)]
    assert ports_that_know(files, maintenance_mark(made)) == [443, 8443]
    assert ports_that_know(files, maintenance_mark(host())) == []


def test_past_end_is_refused_before_anything_is_written(folder: Path) -> None:
    asked = request(host(maintenance={"folder": str(folder)}))
    asked.until = "2020-01-01 00:00:00"
    (found,) = maintenance.answer(asked)
    assert isinstance(found, MaintenanceFound)
    assert "2020-01-01" in found.problem
    assert not folder.exists()


def test_refused_file_is_a_problem_and_no_failure(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "on").mkdir()
    asked = MaintenanceRequest(
        **{
            name: getattr(request(host(maintenance={"folder": str(folder)}), "on"), name)
            for name in ("folder", "conf_d", "known_by", "account", "port", "server_name", "page", "action")
        },
        pages=PAGES,
        state=STATE,
    )
    found = [one for one in maintenance.answer(asked) if isinstance(one, MaintenanceSwitched)]
    assert [one.problem for one in found] == [
        f"{folder}/on is not a file of this account: find out who made it, and remove it"
    ]


def test_trial_start_does_not_see_the_folder(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on(folder)
    trials = []

    def note(trial: "dict[str, object]") -> Ended:
        trials.append(trial)
        return Ended(0, b"")

    monkeypatch.setattr(apache_trial, "run_in_namespaces", note)
    apache = ApacheConfiguration(
        httpd="httpd", server_root=str(tmp_path), log_dir=str(tmp_path), ports=[443], maintenance=str(folder)
    )
    apache_trial.try_start(apache, [], str(tmp_path))
    mounts = json.loads(json.dumps(trials[0]["mounts"]))
    covers = [source for source, target in mounts if target == str(folder)]
    assert [list(Path(source).iterdir()) for source in covers] == [[]]


def test_apache_may_enter_the_closed_folders_above(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def note(words: list[str]) -> Ended:
        ran.append(words)
        return Ended(0, b"")

    monkeypatch.setattr(app_folders, "run", note)
    monkeypatch.setattr(app_folders, "may", lambda _account, _right, path: path != str(folder.parent))
    on(folder)
    assert [words for words in ran if words[0] == "setfacl"] == [["setfacl", "-m", f"u:{ME}:x", str(folder.parent)]]


def test_folder_that_cannot_be_opened_for_apache_changes_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_folders, "run", lambda words: Ended(int(words[0] == "setfacl"), b""))
    monkeypatch.setattr(app_folders, "may", lambda *_: False)
    with pytest.raises(StepFailed, match=str(folder.parent)):
        on(folder)
    assert list(folder.iterdir()) == []
