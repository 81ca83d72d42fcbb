"""What keeps supervisord alive on a host, and what starts it after a boot (remote/survival.sh). Pure."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field

from ops.rendering.rendered_file import supervisord_conf
from ops.schema import Host

YES, NO, UNKNOWN = "yes", "no", "unknown"
SYSTEM, USER = "system", "user"  # whose units: the system's, or the account's own service manager's
CRONTAB = "the account's crontab"
BY_CRON = (CRONTAB, "/etc/crontab", "/etc/cron.d/")
REFUSED = "refused "
ANSWERS = ("kills", "linger", "cron", "crontab", "cron_sessions")


@dataclass(frozen=True)
class Unit:
    """A unit that runs supervisord with our file, as systemd has it: its UnitFileState and ActiveState."""

    manager: str
    enabled: str
    active: str
    restart: str
    name: str

    @property
    def starts_at_boot(self) -> bool:
        """Whether it is enabled, and not only there."""
        return self.enabled in ("enabled", "enabled-runtime")


@dataclass(frozen=True)
class Survival:
    """What the host told; each of the answers is YES, NO or UNKNOWN, and UNKNOWN where nothing was told.

    `kills`: logind ends the account's processes with their session; `linger`: its own service manager runs without a
    login; `cron`: a cron daemon runs; `crontab`: its crontab starts supervisord at a boot; `cron_sessions`: jobs of
    cron are sessions of logind, too. `lives` is the place of the supervisord that runs, with its unit or session.
    """

    kills: str = UNKNOWN
    linger: str = UNKNOWN
    cron: str = UNKNOWN
    crontab: str = UNKNOWN
    cron_sessions: str = UNKNOWN
    units: tuple[Unit, ...] = field(default=())
    lives: str = ""


@dataclass(frozen=True)
class Judged:
    """One judgement: `well`, what was found and what to do about it."""

    well: bool
    found: str
    advice: str = ""


def parse(lines: Iterable[str]) -> Survival:
    """Read "FACT VALUE" lines. Raises ValueError."""
    answers: dict[str, str] = {}
    units, lives = [], ""
    for line in lines:
        name, _, value = line.partition(" ")
        if name == "unit":
            words = value.split(" ", 4)
            if len(words) != len(Unit.__dataclass_fields__):
                raise ValueError("a unit is not told as one")
            units.append(Unit(*words))
        elif name == "lives":
            lives = value
        elif name in ANSWERS and value in (YES, NO, UNKNOWN):
            answers[name] = value
        else:
            raise ValueError("it does not say what supervisord outlives")
    return Survival(units=tuple(units), lives=lives, **answers)


def linger_command(host: Host) -> str:
    """What root runs so that the account's own service manager starts at a boot, and outlives its logins."""
    return f"loginctl enable-linger {host.account}"


def refusal(host: Host, way: str) -> tuple[str, str] | None:
    """Why supervisord is not started in that way (remote/survival.sh), and what to do; None where it would be."""
    if not way.startswith(REFUSED):
        return None
    why, _, name = way.removeprefix(REFUSED).partition(" ")
    wrong, advice = f"supervisord is not started: {why} {name}".rstrip(), f"fab -H {host.name} doctor"
    if why == "killed":
        wrong = (
            f"supervisord would be ended at the logout: logind ends what {host.account} has started "
            "(KillUserProcesses=yes), and the account does not linger"
        )
        advice = f"root: {linger_command(host)}; then the same again"
    elif why == "lingerless":
        wrong = (
            f"supervisord would end at the logout: it is started by {name} of the account's own service manager, and "
            "the account does not linger"
        )
        advice = f"root: {linger_command(host)}; then the same again"
    elif why == "system-unit":
        wrong = f"supervisord is started by {name}, a unit of the system, and is not started beside it"
        advice = (
            f"root: systemctl start {name}; then the same again. A unit that fails before the first deploy: root: "
            f"systemctl disable {name}; after the deploy stop-supervisord, and root: systemctl enable --now {name}"
        )
    elif why == "brought-back":
        wrong = f"supervisord is kept running by {name}, a unit of the system, which would start it again at once"
        advice = f"root: systemctl stop {name}; requests in progress are lost"
    return wrong, advice


def in_words(way: str) -> str:
    """How supervisord is started, for the end of a sentence; nothing where it is as usual."""
    kind, _, name = way.partition(" ")
    words = {
        "scope": ", in a scope of the account's own service manager, which logind does not end at the logout",
        "unit": f", by {name} of the account's own service manager",
        "await": f", by {name}, a unit of the system that is about to start it",
    }
    return words.get(kind, "")


def judge_place(host: Host, found: Survival) -> Judged | None:
    """What is wrong with the place where supervisord runs now; None where it stays, or that is not known."""
    place, _, name = found.lives.partition(" ")
    if place == "manager" and found.linger == NO:
        said = (
            f"runs only while somebody is logged in as {host.account}: {name} is of the account's own service "
            "manager, which this login may have started, and which ends with the last one"
        )
        return Judged(False, said, advice=f"root: {linger_command(host)}")
    if place == "session" and found.kills == YES:
        said = f"is ended as soon as the login ends that has started it: it runs in {name}, and KillUserProcesses=yes"
        fab = f"fab -H {host.name}"
        advice = f"root: {linger_command(host)}; then {fab} stop-supervisord and {fab} start-supervisord"
        return Judged(False, said, advice)
    return None


def judge_boot(host: Host, found: Survival, files: str) -> Judged:
    """Who starts supervisord after a boot; `files` names the file or crontab that would, or is "nobody"."""
    enabled = [unit for unit in found.units if unit.starts_at_boot]
    for unit in enabled:
        if unit.manager == SYSTEM:
            return Judged(True, f"supervisord is started by {unit.name}, a unit of the system that is enabled")
    for unit in enabled:
        if found.linger == YES:
            return Judged(True, f"supervisord is started by {unit.name}, a unit of {host.account}, which lingers")
    if files.startswith(BY_CRON):
        return _judge_cron(host, found, files)
    if files not in ("nobody", ""):
        return Judged(True, f"supervisord is started by {files}")
    for unit in enabled:
        if found.linger == NO:
            said = f"nobody starts supervisord before somebody logs in: {unit.name} is a unit of {host.account}"
            return Judged(False, f"{said}, which does not linger", advice=f"root: {linger_command(host)}")
        said = f"{unit.name} is a unit of {host.account}: it is not known whether the account lingers"
        return Judged(False, said, advice=f"root: loginctl show-user {host.account}, and {linger_command(host)}")
    for unit in found.units:
        if unit.enabled == UNKNOWN:
            said = f"it is not known whether {unit.name}, a unit of {host.account}, is enabled"
            return Judged(False, said, advice="'systemctl --user is-enabled' on the host says why")
        said = f"nobody starts supervisord after a boot: {unit.name} is there and is not enabled ({unit.enabled})"
        advice = f"'systemctl --user enable {unit.name}' on the host"
        if unit.manager == SYSTEM:
            advice = f"root: systemctl enable {unit.name}"
        return Judged(False, said, advice)
    if found.crontab == UNKNOWN and files:
        said = "it is not known who starts supervisord after a boot: the account's crontab cannot be read"
        return Judged(False, said, advice="'crontab -l' on the host says why")
    return Judged(False, "nobody starts supervisord after a boot", how_to_start(host, found))


def how_to_start(host: Host, found: Survival) -> str:
    """What has supervisord started after a boot."""
    advice = f"fab -H {host.name} start-at-boot adds a line to the account's crontab: {cron_line(host)}"
    if found.kills == YES and found.linger == NO and found.cron_sessions != NO:
        advice = f"root: {linger_command(host)}; then fab -H {host.name} start-at-boot"
    elif found.cron == NO and found.linger != YES:
        advice = f"no cron daemon runs there: root starts one; then fab -H {host.name} start-at-boot"
    elif found.cron == NO:
        advice = f"fab -H {host.name} start-at-boot installs a unit of the account's own"
    return advice


def _judge_cron(host: Host, found: Survival, files: str) -> Judged:
    if found.cron == NO:
        said = f"nobody starts supervisord after a boot: {files} has a line for it, and no cron daemon runs"
        return Judged(
            False, said, advice="root starts it, and has it started at a boot: systemctl enable --now crond"
        )
    if found.cron == UNKNOWN:
        said = f"supervisord is started by {files}, if a cron daemon runs: that is not known"
        return Judged(False, said, advice="root: systemctl status crond")
    if found.kills == YES and found.cron_sessions == YES:
        said = (
            f"{files} starts supervisord after a boot, and logind ends it with cron's session (KillUserProcesses=yes)"
        )
        return Judged(False, said, advice=f"root: {linger_command(host)}; then fab -H {host.name} start-at-boot")
    return Judged(True, f"supervisord is started by {files}")


def start_command(host: Host, *words: str) -> str:
    """bash text that ends as supervisord."""
    return f"{host.activate} && {shlex.join(['exec', 'supervisord', *words, '-c', supervisord_conf(host)])}"


def cron_line(host: Host) -> str:
    """The line of the account's crontab. cron reads a % as the end of a line, but for \\%."""
    return "@reboot " + f"/bin/bash -c {shlex.quote(start_command(host))}".replace("%", "\\%")
