"""STAND-INS for a host's systemd, logind and cron."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ops.agent import survival, systemd
from tests.agent.shells import executable

ME = "poms"
CONF = "/home/poms/supervisord.conf"
RUNS = f"{{ path=/bin/bash ; argv[]=/bin/bash -c supervisord -n -c {CONF} ; }}"
YES = f'b true\nas 1 "{ME}"\nas 1 "root"'  # KillUserProcesses is set for this account


def in_session(root: Path, monkeypatch: pytest.MonkeyPatch) -> "Machine":
    """A machine on which this process is in a session of logind's, as a login is."""
    for module in (survival, systemd):
        monkeypatch.setattr(module, "ROOT", str(root))
        monkeypatch.setattr(module, "account", lambda: ME)
    monkeypatch.setenv("PATH", f"{root}/bin:/usr/bin:/bin")
    monkeypatch.setenv("HOME", str(root / "home"))
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text("0::/user.slice/user-1000.slice/session-7.scope\n")
    return Machine(root)


@dataclass
class Machine:
    """What a host's systemd, logind and cron say; `units` by manager and name, with what `show` prints of each."""

    root: Path
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
            -) cat >"{self.root}/table" ;;
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
        """A tool of the host."""
        executable(self.root / "bin" / name, f"#!/bin/sh\n{text}\n")

    def unit(self, manager: str, enabled: str, active: str, name: str = "poms.service", **shown: str) -> None:
        """A unit of a manager; `shown` are more of its properties."""
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
