"""Apache's tasks on the host's side, under each shell: what is tried before, and what is told of a failure."""

from pathlib import Path

import pytest

from tests.scripts.remote import SHELLS, Ran, executable, run


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Apache:
    """Stand-ins for Apache: it runs as long as the file `up` is there. No trial start can be made."""

    def __init__(self, root: Path) -> None:
        self.root, self.up, self.bin = root, root / "up", root / "bin"
        self.bin.mkdir()
        self.up.touch()
        self.log = root / "error_log"
        executable(self.bin / "pgrep", f'#!/bin/sh\n[ -e "{self.up}" ] && echo $PPID\n')
        executable(self.bin / "unshare", "#!/bin/sh\necho no namespaces >&2\nexit 1\n")
        executable(root / "configtest", "#!/bin/sh\necho Syntax OK >&2\n")
        self.command("ends", f'echo "key mismatch" >>"{self.log}"; rm -f "{self.up}"; echo "it failed"; exit 1')
        self.command("fails", "echo not today; exit 1")
        self.command("starts", f': >"{self.up}"')

    def command(self, name: str, text: str) -> None:
        """One that the inventory names."""
        executable(self.root / name, f"#!/bin/sh\necho {name} >>'{self.root}/asked'\n{text}\n")

    def ask(self, shell: str, apache: str, *more: str) -> Ran:
        """Run the script."""
        lines = [f"state_dir {self.root}/state", "by tester, reload-apache", "validate", "apache_root /nowhere"]
        lines += [f"configtest {self.root}/configtest", f"apache {self.root}/{apache}", f"log_file {self.log}"]
        return run(shell, "apache", [*lines, *(f"apache_start {word}" for word in more), "end"], path=str(self.bin))

    def asked(self) -> list[str]:
        """The commands that ran."""
        return (self.root / "asked").read_text().split()


@pytest.fixture
def apache(tmp_path: Path) -> Apache:
    return Apache(tmp_path)


def test_reload_that_kills_apache_is_followed_by_restart(shell: str, apache: Apache) -> None:
    ran = apache.ask(shell, "ends", f"{apache.root}/starts")
    assert (ran.values("apache"), ran.values("started")) == (["failed", "down"], ["ok"]), ran
    assert (apache.up.exists(), apache.asked(), ran.code) == (True, ["ends", "starts"], 1)


def test_apache_failure_reports_cause_and_whether_apache_is_up(shell: str, apache: Apache) -> None:
    ran = apache.ask(shell, "ends")
    assert (ran.values("apache"), ran.values("started")) == (["failed", "down"], []), ran
    assert "it failed" in ran.evidence()
    assert "key mismatch" in ran.evidence()
    apache.up.touch()
    ran = apache.ask(shell, "fails", f"{apache.root}/starts")
    assert (ran.values("apache"), ran.values("started")) == (["failed", "up"], []), ran


def test_failed_reload_does_not_start_stopped_apache(shell: str, apache: Apache) -> None:
    apache.up.unlink()
    ran = apache.ask(shell, "fails", f"{apache.root}/starts")
    assert (ran.values("apache"), ran.values("started")) == (["failed", "down"], []), ran


def test_restart_denied_by_sudo_is_reported(shell: str, apache: Apache) -> None:
    executable(apache.bin / "sudo", "#!/bin/sh\necho a password is required >&2\nexit 1\n")
    ran = apache.ask(shell, "ends", "sudo", f"{apache.root}/starts")
    assert ran.values("started") == ["barred"], ran
    assert apache.asked() == ["ends"]


def test_missing_namespaces_are_reported_as_unvalidated(shell: str, apache: Apache) -> None:
    ran = apache.ask(shell, "starts")
    assert ran.facts[-1] == "end", ran
    assert [what for what in ran.values("unvalidated") if "no namespaces" in what], ran
