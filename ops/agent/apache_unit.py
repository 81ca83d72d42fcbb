"""Apache's systemd unit, and the cost of a restart.

Source: sd_booted(3); systemctl(1), which shows every account a unit's state and settings; systemd.kill(5); Apache's
manual on stopping: SIGWINCH is "graceful-stop": the ports are closed, and running requests go on.
"""

import os

from ops.agent.processes import run
from ops.agent.service_messages import RestartSettings

TOOLS = {"systemctl": 1, "service": 0}  # to the position of the unit among the words without "-" behind it
BOOTED = "/run/systemd/system"


def unit_of(words: "list[str]") -> str:
    """The unit that a command restarts; "" without systemd, or if it names none."""
    names = [os.path.basename(word) for word in words]
    tool = next((name for name in names if name in TOOLS), "")
    if not tool or not os.path.isdir(BOOTED):
        return ""
    behind = [word for word in words[names.index(tool) + 1 :] if not word.startswith("-")]
    return behind[TOOLS[tool]] if len(behind) > TOOLS[tool] else ""


def restart_settings(words: "list[str]", server_root: str) -> "RestartSettings | None":
    """What decides the cost of a restart by this command; None if it restarts no systemd unit."""
    unit = unit_of(words)
    if not unit:
        return None
    shown = run(["systemctl", "show", "-p", "KillSignal", "-p", "TimeoutStopUSec", "--", unit])
    values = dict(line.split("=", 1) for line in shown.text.splitlines() if "=" in line)
    if shown.code or not values.get("KillSignal"):
        return None
    return RestartSettings(
        signal=values["KillSignal"], timeout=values.get("TimeoutStopUSec", ""), graceful=_graceful(server_root)
    )


def _graceful(server_root: str) -> "int | None":
    """The largest GracefulShutdownTimeout of Apache's files in seconds; None if it is not set."""
    found = [0]
    for folder, _, names in os.walk(server_root):
        for name in names:
            if name.endswith(".conf"):
                found += _timeouts(os.path.join(folder, name))
    return max(found) or None


def _timeouts(path: str) -> "list[int]":
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            words = [line.split() for line in file]
    except OSError:
        return []
    return [
        int(line[1])
        for line in words
        if len(line) > 1 and line[0].lower() == "gracefulshutdowntimeout" and line[1].isdigit()
    ]
