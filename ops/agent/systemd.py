"""systemd and logind, asked without root: units that run supervisord, lingering, and the end of sessions.

With KillUserProcesses, logind ends a session's processes with the session, lingering or not. What the account's user
manager (user@UID.service) runs ends some seconds after the last logout, unless the account lingers.
"""

import glob
import os
import re

from ops.agent.host_processes import read_bytes
from ops.agent.processes import Ended, clean_environment, run
from ops.agent.service_messages import SystemdUnit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = ""  # of the paths below; tests have another one
YES, NO, UNKNOWN = "yes", "no", "unknown"
SYSTEM, USER = "system", "user"  # a unit's manager: the system's, or the account's user manager
FOLDERS = {
    SYSTEM: ("/etc", "/run", "/usr/local/lib", "/usr/lib"),
    USER: ("~/.config", "~/.local/share", "/etc", "/usr/local/lib", "/usr/lib"),
}
SHOWN = ("ExecStart", "User", "UnitFileState", "ActiveState", "SubState", "Restart")
CONF = re.compile(r"supervisord.*(-c ?|--configuration[ =])/")


def account() -> str:
    """The name of this account."""
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def has_systemd() -> bool:
    """Whether systemd runs this host."""
    return os.path.isdir(f"{ROOT}/run/systemd/system")


def runtime_dir() -> str:
    """The folder of the account's user manager, while it runs."""
    return f"{ROOT}/run/user/{os.geteuid()}"


def systemctl(manager: str, *words: str) -> Ended:
    """systemctl of a manager."""
    own, environment = [], clean_environment()
    if manager == USER:
        own, environment = ["--user"], {**environment, "XDG_RUNTIME_DIR": runtime_dir()}
    return run(["systemctl", *own, "--no-ask-password", *words], b"", 60, environment)


def kills_sessions() -> str:
    """Does logind end this account's processes with their session?"""
    if not has_systemd():
        return NO
    words = ["org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager"]
    said = run(["busctl", "get-property", *words, "KillUserProcesses", "KillOnlyUsers", "KillExcludeUsers"])
    lines = [line.split() for line in said.text.splitlines()]
    if lines and lines[0][1:2] == ["false"]:
        return NO
    if said.code or len(lines) < 3 or lines[0][1:2] != ["true"]:
        return UNKNOWN
    name = f'"{account()}"'
    others_only = lines[1][1:2] != ["0"] and name not in lines[1]
    return NO if name in lines[2] or others_only else YES


def lingers() -> str:
    """Does the account's user manager run without a login?"""
    folder = f"{ROOT}/var/lib/systemd"
    if os.path.exists(f"{folder}/linger/{account()}"):
        return YES
    hidden = os.path.exists(f"{folder}/linger") or not os.access(folder, os.X_OK)
    if not has_systemd() or os.access(f"{folder}/linger", os.X_OK) or (os.path.isdir(folder) and not hidden):
        return NO
    said = run(["loginctl", "show-user", account(), "-p", "Linger"]).text
    return {"Linger=yes": YES, "Linger=no": NO}.get(said, UNKNOWN)


def supervisord_units(conf: str) -> "list[SystemdUnit]":
    """The units that run supervisord with the file `conf`."""
    if not has_systemd():
        return []
    return [
        unit
        for manager in (SYSTEM, USER)
        for name in sorted(set(_candidates(manager)))
        for unit in _unit(manager, name, conf)
    ]


def runs_ours(command: str, user: str, conf: str) -> bool:
    """Does a command run supervisord with the file `conf`? `user`: its account, if the command does not name one."""
    if conf in command:
        return True
    if CONF.search(command):
        return False
    return re.search(rf"(?<![A-Za-z0-9_.-]){re.escape(account())}(?![A-Za-z0-9_.-])", f"{user} {command}") is not None


def in_force(text: str) -> str:
    """The text of a crontab, unit or script without comments."""
    return "\n".join(re.sub(r"\s#.*", "", line) for line in text.splitlines() if not re.match(r"\s*[#;]", line))


def text_of(path: str) -> str:
    """The text of a file; empty if it cannot be read."""
    return read_bytes(path).decode("utf-8", "replace")


def _candidates(manager: str) -> "Iterator[str]":
    """The units of a manager whose files name supervisord; of a template, its instances."""
    for place in FOLDERS[manager]:
        home = os.path.expanduser("~")
        folder = f"{place.replace('~', home) if place[0] == '~' else ROOT + place}/systemd/{manager}"
        for path in glob.glob(f"{folder}/*.service") + glob.glob(f"{folder}/*.service.d/*.conf"):
            if "supervisord" not in text_of(path):
                continue
            name = os.path.basename(os.path.dirname(path)[: -len(".d")] if path.endswith(".conf") else path)
            if not name.endswith("@.service"):
                yield name
                continue
            instances = f"{name[: -len('.service')]}*.service"
            yield from (os.path.basename(link) for link in glob.glob(f"{folder}/*.wants/{instances}"))
            listed = systemctl(manager, "list-units", "--all", "--plain", "--no-legend", instances)
            yield from (line.split()[0] for line in listed.text.splitlines() if line.split() and not listed.code)


def _unit(manager: str, name: str, conf: str) -> "list[SystemdUnit]":
    """The unit, if it runs supervisord with our file."""
    said = systemctl(manager, "show", name, *(word for key in SHOWN for word in ("-p", key)))
    values: dict[str, str] = {}
    if not said.code:
        for line in said.text.splitlines():
            key, _, value = line.partition("=")
            values[key] = values.get(key, "") + value
    elif manager == USER:  # it is not running: links show which units are enabled
        links = glob.glob(os.path.expanduser(f"~/.config/systemd/user/*.wants/{name}"))
        values = {"ExecStart": "supervisord", "UnitFileState": "enabled" if links else ""}
    command = values.get("ExecStart", "")
    if not command or not runs_ours(command, account() if manager == USER else values.get("User", ""), conf):
        return []
    active = values.get("ActiveState") or UNKNOWN
    return [
        SystemdUnit(
            manager=manager,
            enabled=values.get("UnitFileState") or UNKNOWN,
            active="exited" if active == "active" and values.get("SubState") == "exited" else active,
            restart=values.get("Restart") or UNKNOWN,
            name=name,
        )
    ]
