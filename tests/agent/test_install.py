"""Install and remove a version in a release folder: what counts as installed, and what is left when it fails."""

import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ops.agent import install as module
from ops.agent import products
from ops.agent.apache_messages import LockRefused
from ops.agent.install_messages import InstallEnded, InstallRequest, InstallStep
from ops.agent.lock import Lock
from ops.agent.main import answers_to
from ops.agent.messages import Message
from ops.agent.run_messages import RunOutput
from ops.agent.service_messages import Software, SupervisordPlace
from ops.agent.software import is_installed, unfinished
from ops.agent.uninstall_messages import UninstallRequest
from ops.agent.versions_messages import VersionsReport, VersionsRequest
from tests.agent.local_agent import encoded, read

BIN = "{folder}/bin"
MAKE = f"mkdir -p {BIN} && printf '#!/bin/sh\\n' >{BIN}/supervisord && chmod 755 {BIN}/supervisord"


class Host:
    """A host with release folder 1, which the link leads to; `gone` tells the agent that its operator is gone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.software = Software(version="2", folder=f"{root}/releases", link=f"{root}/current")
        self.place = SupervisordPlace(conf=f"{root}/none.conf", socket=f"{root}/none.sock", state_dir=f"{root}/state")
        self.gone: Callable[[], None] = lambda: None
        (root / "releases/1").mkdir(parents=True)
        (root / "state").mkdir()
        (root / "current").symlink_to("releases/1")

    @property
    def folder(self) -> Path:
        return self.root / "releases/2"

    def install(self, command: str, **more: Any) -> list[Message]:
        fields: dict[str, Any] = {"seconds": 30, "programs": ["supervisord"]} | more
        request = InstallRequest(
            software=self.software,
            supervisord=self.place,
            owner="me",
            command=command.replace("{folder}", str(self.folder)),
            activate=f"export PATH={self.folder}/bin:/usr/bin:/bin",
            **fields,
        )
        return self.ask(request)

    def uninstall(self, version: str = "2", command: str = "") -> list[Message]:
        self.software.version = version
        return self.ask(
            UninstallRequest(software=self.software, supervisord=self.place, owner="me", command=command, seconds=30)
        )

    def ask(self, request: Message) -> list[Message]:
        answer = read("here", map(_line, answers_to(encoded(request))), 1)[0]
        assert answer.error is None, answer.error
        return answer.messages

    def is_installed(self) -> bool:
        return is_installed(self.software, "2", self.place.state_dir)


def _line(message: Message) -> str:
    return encoded(message)


def ended(messages: list[Message]) -> InstallEnded:
    (found,) = [message for message in messages if isinstance(message, InstallEnded)]
    return found


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    monkeypatch.setattr(products, "_known", {})
    monkeypatch.setattr(module, "watch", lambda gone: setattr(made, "gone", gone))
    return made


def test_version_counts_once_it_is_whole(host: Host) -> None:
    said = host.install(f"echo one; echo two >&2; test -e {host.root}/state/installing/2.version && {MAKE}")
    assert ended(said).how == "installed"
    assert [one.step for one in said if isinstance(one, InstallStep)] == ["install", "check"]
    outputs = b"".join(one.content for one in said if isinstance(one, RunOutput))
    assert sorted(outputs.split()) == [b"one", b"two"]
    assert host.is_installed()
    assert ended(host.install("exit 7")).how == "already"


def test_failed_command_leaves_nothing(host: Host) -> None:
    found = ended(host.install("mkdir {folder}; exit 7"))
    assert (found.how, found.left) == ("failed", "")
    assert "7" in found.reasons[0]
    assert not host.folder.exists()
    assert not Path(unfinished(host.place.state_dir, "2")).exists()


def test_command_has_a_time_limit(host: Host) -> None:
    found = ended(host.install("mkdir {folder}; sleep 60", seconds=1))
    assert (found.how, host.folder.exists()) == ("failed", False)
    assert "1 seconds" in found.reasons[0]


@pytest.mark.parametrize(
    ("command", "is_there"), [("true", False), ("mkdir {folder}", True)], ids=["no version", "no supervisord"]
)
def test_version_that_is_not_whole_does_not_count(host: Host, command: str, is_there: bool) -> None:
    assert ended(host.install(command)).how == "incomplete"
    assert (host.folder.exists(), host.is_installed()) == (is_there, False)
    said = host.install(MAKE)
    assert ended(said).how == "installed", "what is left is removed first"
    assert [one.step for one in said if isinstance(one, InstallStep)] == ["clean", "install", "check"]


def test_operator_who_goes_leaves_nothing(host: Host) -> None:
    def go() -> None:
        end = time.monotonic() + 20
        while not host.folder.exists() and time.monotonic() < end:
            time.sleep(0.05)
        host.gone()

    leaving = threading.Thread(target=go)
    leaving.start()
    found = ended(host.install("mkdir {folder}; sleep 60"))
    leaving.join()
    assert (found.how, found.left, host.folder.exists(), host.is_installed()) == ("interrupted", "", False, False)


def test_what_cannot_be_removed_is_not_switched_to(host: Host) -> None:
    found = ended(host.install("mkdir {folder}; exit 1", uninstall="echo no; exit 1"))
    assert (found.how, bool(found.left)) == ("failed", True)
    assert (host.folder.exists(), host.is_installed()) == (True, False)


def test_one_installation_at_a_time(host: Host) -> None:
    with Lock(f"{host.root}/state/installing", "somebody"):
        (refused,) = host.install(MAKE)
    assert isinstance(refused, LockRefused)
    assert refused.owner.startswith("somebody since")
    assert not host.folder.exists()


# ---- uninstall -------------------------------------------------------------------------------------------------


def test_unneeded_version_is_removed(host: Host) -> None:
    host.install(MAKE)
    assert ended(host.uninstall()).how == "removed"
    assert not host.folder.exists()
    assert ended(host.uninstall()).how == "absent"


def test_version_that_is_needed_stays(host: Host) -> None:
    release = host.root / "state/releases/r1"
    release.mkdir(parents=True)
    (release / "meta").write_text("release r1\nversion 1\nended committed\n")
    failed = host.root / "state/releases/r2"
    failed.mkdir()
    (failed / "meta").write_text("release r2\nversion 1\nended rolled-back failed check\n")
    found = ended(host.uninstall("1"))
    assert (found.how, len(found.reasons)) == ("refused", 2)
    assert "current" in found.reasons[0]
    assert "r1" in found.reasons[1]
    assert (host.root / "releases/1").is_dir()


def test_version_that_any_process_runs_stays(host: Host) -> None:
    """Without a supervisord that could be asked."""
    host.install(MAKE)
    with subprocess.Popen(["/bin/sleep", "60"], cwd=host.folder) as running:
        found = ended(host.uninstall())
        running.kill()
    assert (found.how, [str(running.pid) in reason for reason in found.reasons]) == ("refused", [True])
    assert host.folder.exists()


def test_environment_of_supervisord_needs_no_version(host: Host) -> None:
    """It keeps that of its start through every switch, and programs do not inherit it."""
    host.install(MAKE)
    shutil.copy("/bin/sleep", host.root / "supervisord")
    with subprocess.Popen([host.root / "supervisord", "60"], env={"VIRTUAL_ENV": str(host.folder)}) as running:
        found = ended(host.uninstall())
        running.kill()
    assert found.how == "removed"


def test_link_is_no_version(host: Host) -> None:
    (host.root / "releases/2").symlink_to("1")
    assert ended(host.uninstall()).how == "absent"
    assert host.folder.is_symlink()


def test_operator_who_goes_before_the_command_starts_none(host: Host) -> None:
    command = module.SiteCommand(lambda _: None, 5)
    command.stop()
    with pytest.raises(module.Interrupted):
        command.run(f"touch {host.root}/ran")
    assert not (host.root / "ran").exists()


def test_command_that_fails_has_removed_what_is_gone(host: Host) -> None:
    host.install(MAKE)
    assert ended(host.uninstall(command=f"rm -r {host.folder}; exit 1")).how == "removed"
    assert not Path(unfinished(host.place.state_dir, "2")).exists()


def test_version_that_is_half_removed_does_not_count(host: Host) -> None:
    host.install(MAKE)
    assert ended(host.uninstall(command=f"rm -r {host.folder}/bin; exit 1")).how == "failed"
    assert (host.folder.exists(), host.is_installed()) == (True, False)


def test_deploy_and_removal_exclude_each_other(host: Host) -> None:
    with Lock(f"{host.root}/state", "a deploy"):
        (refused,) = host.uninstall()
    assert isinstance(refused, LockRefused)


def test_versions_tell_what_is_installed_and_needed(host: Host) -> None:
    host.install("mkdir {folder}")  # not whole
    release = host.root / "state/releases/r1"
    release.mkdir(parents=True)
    (release / "meta").write_text("release r1\nversion 1\nended committed\n")
    (report,) = host.ask(VersionsRequest(software=host.software, supervisord=host.place))
    assert isinstance(report, VersionsReport)
    assert report.current == "1"
    found = {one.version: (one.chains, one.is_whole, one.releases) for one in report.installed}
    assert found == {"1": (["current"], True, ["r1"]), "2": ([], False, [])}
    assert all(one.kilobytes is not None for one in report.installed)
