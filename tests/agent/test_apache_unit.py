"""Apache's unit of systemd, by a STAND-IN for systemctl: which one it is, and what its restart costs."""

from pathlib import Path

import pytest

from ops.agent import apache_unit
from ops.agent.apache_unit import restart_settings
from tests.agent.shells import executable

# STAND-IN for systemctl: it knows one unit, with EL's settings, and notes what it was asked.
SYSTEMCTL = """#!/bin/sh
echo "$*" >>@ROOT@/systemctl.asked
for unit; do :; done
case $1-$unit in
show-@UNIT@) printf 'KillSignal=28\\nTimeoutStopUSec=1min 30s\\n' ;;
show-*) printf 'KillSignal=15\\nTimeoutStopUSec=1min 30s\\n' ;;
*) exit 4 ;;
esac
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As on a host that systemd has booted."""
    monkeypatch.setattr(apache_unit, "BOOTED", str(tmp_path))
    return tmp_path


def settings(root: Path, command: str, monkeypatch: pytest.MonkeyPatch, unit: str = "httpd") -> list[object]:
    """The signal, the graceful limit and systemd's limit of a restart by `command`; empty if they are unknown."""
    (root / "bin").mkdir()
    executable(root / "bin/systemctl", SYSTEMCTL.replace("@ROOT@", str(root)).replace("@UNIT@", unit))
    monkeypatch.setenv("PATH", f"{root}/bin:/usr/bin:/bin")
    found = restart_settings(command.split(), f"{root}/etc")
    return [found.signal, found.graceful, found.timeout] if found else []


@pytest.mark.parametrize(
    ("command", "unit"),
    [
        ("sudo systemctl restart httpd", "httpd"),
        ("sudo /usr/bin/systemctl --no-block restart httpd --quiet", "httpd"),
        ("sudo /sbin/service httpd restart", "httpd"),
        ("sudo systemctl restart apache2.service", "apache2.service"),
        ("sudo systemctl restart httpd@poms", "httpd@poms"),
    ],
)
def test_restart_cost_uses_unit_named_in_command(
    root: Path, command: str, unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings(root, command, monkeypatch, unit) == ["28", None, "1min 30s"]


def test_restart_cost_is_unknown_without_unit(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(root, "sudo /usr/sbin/httpd -k restart", monkeypatch) == []
    assert not (root / "systemctl.asked").exists()


def test_restart_cost_shows_unit_with_other_stop_signal(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(root, "sudo systemctl restart other", monkeypatch) == ["15", None, "1min 30s"]


def test_restart_cost_reads_graceful_shutdown_timeout(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "etc/conf.d").mkdir(parents=True)
    (root / "etc/conf.d/ssl.conf").write_text("# GracefulShutdownTimeout 9\n  gracefulshutdowntimeout 3\n")
    assert settings(root, "sudo systemctl restart httpd", monkeypatch) == ["28", 3, "1min 30s"]
