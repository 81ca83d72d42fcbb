"""What ends supervisord after the logout, what starts it at boot, and how to start it so that it stays alive."""

import glob
import os
import re

from ops.agent.host_processes import sees_others
from ops.agent.processes import NOT_STARTED, run
from ops.agent.service_messages import SurvivalFacts, SystemdUnit
from ops.agent.systemd import (
    NO,
    UNKNOWN,
    USER,
    YES,
    account,
    has_systemd,
    in_force,
    kills_sessions,
    lingers,
    runs_ours,
    runtime_dir,
    supervisord_units,
    systemctl,
    text_of,
)

ROOT = ""  # of the paths below; tests have another one
CRONTAB = "the account's crontab"
NOBODY = "nobody"
FILES = ("/etc/rc.local", "/etc/rc.d/rc.local", "/etc/init.d/*", "/etc/crontab", "/etc/cron.d/*")
LEFT_BY_PACKAGES = re.compile(r"(~|\.rpmsave|\.rpmorig|\.rpmnew|\.dpkg-[a-z]*)\Z")  # nobody reads them
ENABLED = ("enabled", "enabled-runtime")


def boot_facts(conf: str) -> SurvivalFacts:
    """All about what starts supervisord with the file `conf` at boot."""
    crontab = _crontab_starts(conf)
    return SurvivalFacts(
        crontab=crontab,
        cron=_cron_runs(),
        linger=lingers(),
        kills=kills_sessions(),
        cron_sessions=_cron_opens_sessions(),
        units=supervisord_units(conf),
        starter=CRONTAB if crontab == YES else _file_that_starts(conf),
    )


def survival_of(pid: int) -> SurvivalFacts:
    """What may end the running supervisord, process `pid`."""
    place = place_of(pid)
    found = SurvivalFacts(lives=place)
    if place.startswith("manager"):
        found.linger = lingers()
    elif place.startswith("session"):
        found.kills = kills_sessions()
    return found


def place_of(pid: int) -> str:
    """The place of a process by its control group.

    "session NAME"; "left NAME", a session that a logout has left open; "manager NAME", in the account's user manager;
    "system NAME", a system unit; or "unknown".
    """
    paths = re.findall(r"^(?:0:|\d*:name=systemd):(.*[^/\n].*)$", text_of(f"/proc/{pid}/cgroup"), re.MULTILINE)
    path = paths[0] if paths else ""
    session = re.search(r"/session-(.*?)\.scope", path)
    if re.search(r"/user@.*\.service/", path):
        return f"manager {os.path.basename(path)}"
    if session:
        record = f"{ROOT}/run/systemd/sessions/{session.group(1)}"
        is_open = os.path.exists(record) and "STATE=closing" not in text_of(record).splitlines()
        return f"{'session' if is_open else 'left'} session-{session.group(1)}.scope"
    unit = re.search(r"([^/]*)\.service(/|\Z)", path)
    return f"system {unit.group(1)}.service" if unit else "unknown"


def way_to_start(conf: str) -> str:
    """How to start supervisord so that it stays.

    "plain"; "scope", in a scope of the user manager; "unit NAME" of the user manager; "await NAME", a system unit
    that is about to start it. Or "refused WHY [NAME]": "killed" at logout; "lingerless": a user unit, which ends at
    logout; "system-unit", which root starts.
    """
    for unit in supervisord_units(conf):
        way = _way_of(unit)
        if way:
            return way
    if not _is_in_session():
        return "plain"
    kills, linger = kills_sessions(), lingers()
    if kills == YES and linger == NO:
        return "refused killed"
    if kills in (YES, UNKNOWN) and linger == YES and os.path.isdir(runtime_dir()):
        return "scope"
    return "plain"


def unit_of_process(pid: int, conf: str) -> "SystemdUnit | None":
    """The unit of process `pid`, if it runs supervisord."""
    kind, _, name = place_of(pid).partition(" ")
    owner = {"manager": USER, "system": "system"}.get(kind)
    return next((unit for unit in supervisord_units(conf) if (unit.manager, unit.name) == (owner, name)), None)


def _way_of(unit: SystemdUnit) -> str:
    if unit.manager == USER:
        if unit.active in ("active", "activating") or unit.enabled in ENABLED:
            return f"refused lingerless {unit.name}" if lingers() == NO else f"unit {unit.name}"
    elif unit.active in ("activating", "active", "reloading"):
        return f"await {unit.name}"
    elif unit.active == "exited" or unit.enabled in ENABLED:
        return f"refused system-unit {unit.name}"
    return ""


def _is_in_session() -> bool:
    text = text_of(f"{ROOT}/proc/self/cgroup")
    return not text or re.search(r"/session-[^/]*\.scope", text) is not None


def _cron_runs() -> str:
    if run(["pgrep", "-x", "cron|crond|fcron"]).code == 0:
        return YES
    if has_systemd() and systemctl("system", "-q", "is-active", "cron.service", "crond.service").code == 0:
        return YES
    return NO if sees_others() else UNKNOWN


def _crontab_starts(conf: str) -> str:
    """Does the account's crontab start it at boot?"""
    said = run(["crontab", "-l"])
    if said.code == NOT_STARTED or (said.code and "no crontab" in said.text):
        return NO
    if said.code:
        return UNKNOWN
    lines = [line for line in in_force(said.text).splitlines() if re.match(r"\s*@reboot.*supervisord", line)]
    return YES if lines and runs_ours("\n".join(lines), account(), conf) else NO


def _cron_opens_sessions() -> str:
    """Are cron jobs sessions of logind, which ends them, too?"""
    for name in ("cron", "crond"):
        text = in_force(text_of(f"{ROOT}/etc/pam.d/{name}"))
        included = re.findall(r"^@include\s+(\S+)", text, re.MULTILINE)
        included += re.findall(r"^-?session\s+(?:include|substack)\s+(\S+)", text, re.MULTILINE)
        for other in [name, *included] if text else []:
            if re.search(r"^-*session.*pam_systemd", in_force(text_of(f"{ROOT}/etc/pam.d/{other}")), re.MULTILINE):
                return YES
    return NO


def _file_that_starts(conf: str) -> str:
    """The file that starts supervisord at boot, other than units and the account's crontab; or NOBODY."""
    for path in [path for pattern in FILES for path in sorted(glob.glob(ROOT + pattern))]:
        if LEFT_BY_PACKAGES.search(path) or not os.path.isfile(path):
            continue
        lines = in_force(text_of(path)).splitlines()
        if path.startswith(f"{ROOT}/etc/cron"):
            lines = [line for line in lines if "supervisord" in line and not re.match(r"\s*[A-Za-z_]*\s*=", line)]
        text = "\n".join(lines)
        if "supervisord" in text and (account() in text or conf in text):
            return path
    return NOBODY
