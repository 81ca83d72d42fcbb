"""The installed and the current version, by UPS (its stand-in) and by release folders; and what a process runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from ops.agent import products
from ops.agent.program_versions import program_versions
from ops.agent.service_messages import Software
from ops.agent.software import current, is_installed, is_there, set_current, unfinished, versions
from ops.agent.step_failed import StepFailed
from tests.agent.lab_account import Account


@pytest.fixture
def ups(account: Account, monkeypatch: pytest.MonkeyPatch) -> Software:
    """UPS with v4_4_0, which is current, and v4_5_0."""
    monkeypatch.setattr(products, "_known", {})
    monkeypatch.setattr(products, "account_environment", account.environment)
    return Software(version="v4_5_0", product="poms", setup='. "$HOME/products/setup"', chain="current")


@pytest.fixture
def folders(tmp_path: Path) -> Software:
    """Release folders with 4.4.0, which the link leads to, and 4.5.0."""
    for name in ("4.4.0", "4.5.0"):
        (tmp_path / "releases" / name).mkdir(parents=True)
    (tmp_path / "releases/a file").touch()
    (tmp_path / "current").symlink_to("releases/4.4.0")
    return Software(version="4.5.0", folder=f"{tmp_path}/releases", link=f"{tmp_path}/current")


def listed(software: Software) -> dict[str, list[str]]:
    return {one.name: one.chains for one in versions(software)}


def test_versions_of_ups(ups: Software, tmp_path: Path) -> None:
    assert listed(ups) == {"v4_4_0": ["current"], "v4_5_0": []}
    assert [Path(one.folder).name for one in versions(ups)] == ["v4_4_0", "v4_5_0"]
    installed = [is_installed(ups, version, str(tmp_path)) for version in ("v4_4_0", "v4_5_0", "v9")]
    assert installed == [True, True, False]
    assert current(ups) == "v4_4_0"
    set_current(ups, "v4_5_0")
    assert (current(ups), listed(ups)["v4_4_0"]) == ("v4_5_0", [])


def test_another_chain_than_current(ups: Software) -> None:
    ups.chain = "test"
    assert current(ups) == ""
    set_current(ups, "v4_5_0")
    assert listed(ups) == {"v4_4_0": ["current"], "v4_5_0": ["test"]}
    assert current(ups) == "v4_5_0"
    for _ in range(2):
        set_current(ups, "")
        assert (current(ups), listed(ups)["v4_4_0"]) == ("", ["current"])


def test_unknown_version_cannot_be_current(ups: Software) -> None:
    with pytest.raises(StepFailed, match="cannot declare poms v9 current"):
        set_current(ups, "v9")
    assert current(ups) == "v4_4_0"


def test_without_ups_nothing_is_known(ups: Software) -> None:
    ups.setup = "true"
    for ask in (lambda: current(ups), lambda: is_there(ups, "v4_5_0")):
        with pytest.raises(StepFailed, match="give no ups"):
            ask()


def test_versions_of_release_folders(folders: Software, tmp_path: Path) -> None:
    assert listed(folders) == {"4.4.0": ["current"], "4.5.0": []}
    assert is_installed(folders, "4.5.0", str(tmp_path))
    assert not is_installed(folders, "9", str(tmp_path))
    assert current(folders) == "4.4.0"
    set_current(folders, "4.5.0")
    link = Path(folders.link)
    assert (current(folders), str(link.readlink())) == ("4.5.0", "releases/4.5.0")
    set_current(folders, "")
    assert (current(folders), link.is_symlink()) == ("", False)


def test_link_to_another_place_is_no_version(folders: Software, tmp_path: Path) -> None:
    link = tmp_path / "current"
    link.unlink()
    link.symlink_to("/elsewhere/4.4.0")
    assert current(folders) == "/elsewhere/4.4.0"
    link.unlink()
    link.mkdir()
    with pytest.raises(StepFailed, match="no link"):
        current(folders)


@pytest.mark.parametrize("kind", ["ups", "folders"])
def test_unfinished_installation_does_not_count(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    software: Software = request.getfixturevalue(kind)
    mark = Path(unfinished(str(tmp_path), software.version))
    mark.parent.mkdir()
    mark.touch()
    assert not is_installed(software, software.version, str(tmp_path))
    mark.unlink()
    assert is_installed(software, software.version, str(tmp_path))


# ---- what runs -------------------------------------------------------------------------------------------------

WAIT = [sys.executable, "-c", "import subprocess, sys; print(flush=True); sys.stdin.read()"]


def found_in(software: Software, folder: Path, environment: dict[str, str]) -> list[tuple[str, str]]:
    """What a process shows that runs in a folder with an environment."""
    pipe = subprocess.PIPE
    with subprocess.Popen(WAIT, cwd=folder, env=environment, stdin=pipe, stdout=pipe) as running:
        assert running.stdout
        running.stdout.readline()
        (one,) = program_versions(software, {"web": running.pid, "stopped": 0})
        assert (one.program, one.pid) == ("web", running.pid)
        running.communicate()
    return one.found


def test_process_shows_its_version_of_ups(ups: Software, tmp_path: Path) -> None:
    (tmp_path / "poms/v4_4_0/etc").mkdir(parents=True)
    environment = {"SETUP_POMS": "poms v4_5_0 -f NULL -z /x", "POMS_DIR": f"{tmp_path}/poms/v4_5_0"}
    assert found_in(ups, tmp_path, environment) == [("v4_5_0", "environment")]
    both = [("v4_4_0", "folder"), ("v4_5_0", "environment")]
    assert found_in(ups, tmp_path / "poms/v4_4_0/etc", environment) == both
    below = environment | {"POMS_DIR": f"{tmp_path}/poms/v4_5_0/NULL"}
    (tmp_path / "poms/v4_5_0/NULL/etc").mkdir(parents=True)
    assert found_in(ups, tmp_path / "poms/v4_5_0/NULL/etc", below) == [
        ("v4_5_0", "environment"),
        ("v4_5_0", "folder"),
    ]
    assert found_in(ups, tmp_path, {"SETUP_POMS": "other v1"}) == []
    assert found_in(ups, tmp_path, {}) == []


def test_process_shows_its_release_folder(folders: Software, tmp_path: Path) -> None:
    new = f"{folders.folder}/4.5.0"
    environment = {"VIRTUAL_ENV": new, "PATH": f"{new}/bin:/usr/bin"}
    assert found_in(folders, tmp_path, environment) == [("4.5.0", "environment")]
    old = Path(folders.folder) / "4.4.0"
    assert found_in(folders, old, environment) == [("4.4.0", "folder"), ("4.5.0", "environment")]
    by_link = {"VIRTUAL_ENV": f"{folders.link}", "PATH": f"{folders.link}/bin"}
    assert found_in(folders, tmp_path, by_link) == [], "where the link led to at its start, nobody knows"


def test_processes_that_a_program_started_are_its_own(folders: Software) -> None:
    script = f"(cd {folders.folder}/4.4.0 && exec sleep 60) & cd {folders.folder}/4.5.0; echo; read line; kill $!"
    pipe = subprocess.PIPE
    with subprocess.Popen(["/bin/bash", "-c", script], stdin=pipe, stdout=pipe, cwd="/") as running:
        assert running.stdout
        running.stdout.readline()
        found = {version for one in program_versions(folders, {"web": running.pid}) for version, _ in one.found}
        running.communicate(b"\n")
    assert found == {"4.4.0", "4.5.0"}
