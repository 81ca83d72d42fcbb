"""What keeps supervisord alive, and what starts it at a boot, as a host's tools tell it: stand-ins for systemd's."""

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ops.scripts import script
from ops.services import boot, supervisord_survival
from ops.services.supervisord_survival import Survival, Unit
from tests.scripts import remote
from tests.scripts.remote import SHELLS, Ran, executable, run
from tests.unit.hosts import host

ME = "poms"
TOOLS = Path(sys.executable).parent  # supervisord
CONF = "/home/poms/supervisord.conf"
RUNS = f"{{ path=/bin/bash ; argv[]=/bin/bash -c supervisord -n -c {CONF} ; }}"


@dataclass
class Machine:
    """What a host's systemd, logind and cron say; `units` by manager and name, with what `show` prints of each."""

    root: Path
    shell: str
    kills: str = "b false\nas 0\nas 0"
    linger: bool = False
    units: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    crontab: str = ""

    def __post_init__(self) -> None:
        for folder in ("bin", "home", "run/systemd/system", "run/user", "var/lib/systemd/linger", "etc"):
            (self.root / folder).mkdir(parents=True)
        (self.root / f"run/user/{os.getuid()}").mkdir()
        self.tool("id", f'case $1 in -un) echo {ME} ;; *) exec /usr/bin/id "$@" ;; esac')
        self.tool("busctl", f'cat "{self.root}/kills"')
        self.tool("loginctl", "exit 1")
        self.tool("pgrep", "exit 0")
        self.tool(
            "crontab",
            f"""
            case $1 in
            -l) cat "{self.root}/table" 2>/dev/null || {{ echo "no crontab for {ME}" >&2; exit 1; }} ;;
            -r) rm "{self.root}/table" ;;
            *) cat "$1" >"{self.root}/table" ;;
            esac""",
        )
        self.tool(
            "systemctl",
            f"""
            manager=system
            for word; do
                case $word in --user) manager=user ;; *.service) unit=$word ;; esac
            done
            cat "{self.root}/shown.$manager.$unit" 2>/dev/null""",
        )

    def tool(self, name: str, text: str) -> None:
        executable(self.root / "bin" / name, f"#!/bin/sh\n{text}\n")

    def unit(self, manager: str, enabled: str, active: str, name: str = "poms.service", **shown: str) -> None:
        folder = "etc/systemd/system" if manager == "system" else "home/.config/systemd/user"
        path = self.root / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("ExecStart=supervisord\n")
        told = {"ExecStart": RUNS, "User": ME, "UnitFileState": enabled, "Restart": "always"}
        state = ("active", active) if active == "exited" else (active, "")
        told |= {"ActiveState": state[0], "SubState": state[1]}
        text = "".join(f"{key}={value}\n" for key, value in (told | shown).items())
        (self.root / f"shown.{manager}.{name}").write_text(text)

    def write(self) -> None:
        """What is to be said."""
        (self.root / "kills").write_text(self.kills + "\n")
        if self.linger:
            (self.root / f"var/lib/systemd/linger/{ME}").touch()
        if self.crontab:
            (self.root / "table").write_text(self.crontab)

    def asked(self, name: str, lines: list[str]) -> Ran:
        self.write()
        asked = [f"state_dir {self.root}/state", f"supervisord_conf {CONF}", f"supervisor_socket {self.root}/s.sock"]
        return run(self.shell, name, [*asked, "activate :", *lines, "end"], str(self.root / "bin"))

    def look(self) -> boot.Found:
        return boot.parse(host(), self.asked("boot", [f"unit {boot.UNIT}", "action look"]).facts)


@pytest.fixture(params=SHELLS)
def machine(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine under each shell; this process is in a session of logind's, as a login is."""
    (tmp_path / "cgroup").write_text("0::/user.slice/user-1000.slice/session-7.scope\n")
    own = remote.OWN_PATH

    def here(name: str) -> str:
        text = script(name).replace("/proc/self/cgroup", f"{tmp_path}/cgroup")
        for folder in ("/etc/", "/run/systemd/", "/run/user/", "/var/lib/systemd"):
            text = text.replace(folder, f"{tmp_path}{folder}")
        return text.replace(f"{tmp_path}/usr", "/usr")

    monkeypatch.setattr(remote, "script", here)
    monkeypatch.setattr(remote, "OWN_PATH", own)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return Machine(tmp_path, str(request.param))


YES = f'b true\nas 1 "{ME}"\nas 1 "root"'


@pytest.mark.parametrize(
    "shown",
    [
        {"ExecStart": "{ path=/x ; argv[]=supervisord -n -c /etc/supervisor/supervisord.conf ; }"},
        {"ExecStart": "{ path=/x ; argv[]=supervisord -n ; }", "User": "other"},
        {"ExecStart": "{ path=/x ; argv[]=supervisord -n ; }", "User": f"{ME}2"},
    ],
)
def test_unit_of_other_supervisord_is_ignored(machine: Machine, shown: dict[str, str]) -> None:
    machine.unit("system", "enabled", "active", **shown)
    assert machine.look().survival.units == ()


def test_probe_reports_units_and_crontab_that_start_supervisord(machine: Machine) -> None:
    machine.unit("user", "enabled", "inactive")
    machine.unit("system", "disabled", "inactive", "web.service")
    machine.crontab = f"@reboot supervisord -c {CONF}\n"
    found = machine.look()
    assert found.survival == Survival(
        kills="no",
        linger="no",
        cron="yes",
        crontab="yes",
        cron_sessions="no",
        units=(
            Unit("system", "disabled", "inactive", "always", "web.service"),
            Unit("user", "enabled", "inactive", "always", "poms.service"),
        ),
    )
    assert (found.boot, found.lines) == (supervisord_survival.CRONTAB, 1)


def test_host_without_systemd_relies_on_cron_only(machine: Machine) -> None:
    machine.unit("system", "enabled", "active")
    machine.kills = YES
    (machine.root / "run/systemd/system").rmdir()
    found = machine.look()
    assert (found.survival.kills, found.survival.linger, found.survival.units) == ("no", "no", ())


@pytest.mark.parametrize("crontab", ["@reboot supervisord -c /home/poms/other.conf\n", "#@reboot supervisord\n", ""])
def test_crontab_line_of_other_supervisord_is_ignored(machine: Machine, crontab: str) -> None:
    machine.crontab = crontab
    assert machine.look().survival.crontab == "no"


def test_unreadable_crontab_is_unknown(machine: Machine) -> None:
    machine.tool("crontab", "echo 'You are not allowed to use this program' >&2; exit 1")
    assert machine.look().survival.crontab == "unknown"
    ran = machine.asked("boot", ["by jdoe, start-at-boot", "action add-line", "line @reboot x"])
    assert "failed" in ran.facts
    assert "not allowed" in ran.evidence()


@pytest.mark.parametrize(
    "before", ["", "# mine\n0 3 * * * job 'a' \"b\" \\% $HOME `x`\n", "0 3 * * * no end of line"]
)
def test_start_at_boot_preserves_other_crontab_lines(machine: Machine, before: str) -> None:
    machine.crontab = before
    text = "@reboot /bin/bash -c 'a \"b\" \\\\n $x && c'"
    for _ in range(2):
        assert machine.asked("boot", ["by jdoe, x", "action add-line", f"line {text}"]).facts[-2:] == ["done", "end"]
        machine.crontab = ""
    table = (machine.root / "table").read_text()
    whole = before if not before or before.endswith("\n") else before + "\n"
    assert table.startswith(whole)
    assert table.splitlines()[-1] == text
    assert table.count("@reboot") == 1
    assert machine.look().own == text
    assert machine.asked("boot", ["by jdoe, x", "action remove-line"]).facts[-1] == "end"
    if before:
        assert (machine.root / "table").read_text() == whole
    else:
        assert not (machine.root / "table").exists()


def test_probe_detects_that_cron_opens_sessions(machine: Machine) -> None:
    (machine.root / "etc/pam.d").mkdir()
    (machine.root / "etc/pam.d/crond").write_text("session include password-auth\n")
    (machine.root / "etc/pam.d/password-auth").write_text("# session x pam_systemd.so\n")
    assert machine.look().survival.cron_sessions == "no"
    (machine.root / "etc/pam.d/password-auth").write_text("-session optional pam_systemd.so\n")
    assert machine.look().survival.cron_sessions == "yes"
