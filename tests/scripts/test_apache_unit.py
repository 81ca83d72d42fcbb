"""Apache's unit of systemd, by a STAND-IN for systemctl: which one it is, what its restart costs, and its status."""

from pathlib import Path

import pytest

from ops.scripts import script
from tests.scripts import remote
from tests.scripts.remote import SHELLS, executable, run
from tests.scripts.test_apache import Apache

# STAND-IN: it knows one unit, with EL's settings, and notes what it was asked.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>@ROOT@/systemctl.asked
for unit; do :; done
case $1-$unit in
show-@UNIT@) printf 'KillSignal=28\\nTimeoutStopUSec=1min 30s\\n' ;;
show-*) printf 'KillSignal=15\\nTimeoutStopUSec=1min 30s\\n' ;;
status-@UNIT@) printf 'Active: failed (Result: exit-code) \\033[31m%02000d\\n' 7; exit 3 ;;
*) exit 4 ;;
esac
"""
EL = "28 - 1min 30s"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(autouse=True)
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a host that systemd has booted."""

    def with_systemd(name: str) -> str:
        text = script(name)
        assert "/run/systemd/system" in text
        return text.replace("/run/systemd/system", str(tmp_path))

    monkeypatch.setattr(remote, "script", with_systemd)


def provision(root: Path, unit: str = "httpd") -> Path:
    """A folder of commands with the stand-in."""
    (root / "bin").mkdir(exist_ok=True)
    executable(root / "bin/systemctl", SYSTEMCTL.replace("@ROOT@", str(root)).replace("@UNIT@", unit))
    return root / "bin"


def test_restart_reports_cost_before_restarting(shell: str, tmp_path: Path) -> None:
    apache = Apache(tmp_path)
    provision(tmp_path, "httpd")
    apache.command("systemctl", ":")
    ran = ask(shell, apache, [f"apache {tmp_path}/systemctl", "apache restart", "apache httpd", "cost"])
    assert ran.values("restart_cost") == [EL], ran
    assert ran.facts.index(f"restart_cost {EL}") < ran.facts.index("apache ok")


def ask(shell: str, apache: Apache, lines: list[str]) -> remote.Ran:
    first = [f"state_dir {apache.root}/state", "by tester, restart-apache", f"apache_root {apache.root}/etc"]
    first += [f"configtest {apache.root}/configtest", f"log_file {apache.log}"]
    return run(shell, "apache", [*first, *lines, "end"], path=str(apache.bin))


@pytest.mark.parametrize("start", [[], ["sudo", "systemctl", "restart", "httpd"]])
def test_apache_failure_shows_unit_status_in_short_lines(shell: str, tmp_path: Path, start: list[str]) -> None:
    """Named by the command that failed, or, as httpd's own reload names none, by the one that restarts it."""
    apache = Apache(tmp_path)
    provision(tmp_path)
    executable(apache.bin / "sudo", "#!/bin/sh\nexit 1\n")
    apache.command("systemctl", f"printf '%03000d\\n' 1 >>'{apache.log}'; exit 1")
    apache.command("httpd", "exit 1")
    words = [f"{tmp_path}/httpd", "-k", "graceful"] if start else [f"{tmp_path}/systemctl", "restart", "httpd"]
    ran = ask(shell, apache, [*(f"apache {word}" for word in words), *(f"apache_start {word}" for word in start)])
    assert ran.values("apache")[0] == "failed", ran
    assert "Active: failed" in ran.evidence()
    assert max(map(len, ran.evidence().splitlines())) <= 500
    asked = (tmp_path / "systemctl.asked").read_text()
    assert "-n 20" in asked or "--lines=20" in asked
    assert "--no-pager" in asked
    assert apache.up.exists()


def test_command_output_is_limited(shell: str, tmp_path: Path) -> None:
    apache = Apache(tmp_path)
    apache.command("loud", "head -c 3000000 /dev/zero | tr '\\0' x; exit 1")
    ran = ask(shell, apache, [f"apache {tmp_path}/loud"])
    assert ran.values("apache")[0] == "failed", ran
    assert len(ran.evidence()) <= 20_000
