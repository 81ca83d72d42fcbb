"""What ends supervisord on a host, and what starts it at boot (ops/agent/survival.py). Pure."""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field

from ops.agent.service_messages import StartRefused, SurvivalFacts
from ops.formats.start_program import start_program_path
from ops.rendering.rendered_file import supervisord_conf
from ops.schema import Host

YES, NO, UNKNOWN = "yes", "no", "unknown"
SYSTEM, USER = "system", "user"  # a unit's manager: the system's, or the account's user manager
CRONTAB = "the account's crontab"
BY_CRON = (CRONTAB, "/etc/crontab", "/etc/cron.d/")
REFUSED = "refused "
ANSWERS = ("kills", "linger", "cron", "crontab", "cron_sessions")


@dataclass(frozen=True)
class Unit:
    """A systemd unit that runs supervisord with our file; `enabled`: UnitFileState, `active`: ActiveState."""

    manager: str
    enabled: str
    active: str
    restart: str
    name: str

    @property
    def starts_at_boot(self) -> bool:
        """Whether it is enabled."""
        return self.enabled in ("enabled", "enabled-runtime")


@dataclass(frozen=True)
class Survival:
    """The host's answers: each is YES, NO or UNKNOWN.

    `kills`: logind ends the account's processes with their session; `linger`: the account's user manager runs without
    a login; `cron`: a cron daemon runs; `crontab`: the account's crontab starts supervisord at boot; `cron_sessions`:
    cron jobs are logind sessions, too. `lives`: where the running supervisord is, with its unit or session.
    """

    kills: str = UNKNOWN
    linger: str = UNKNOWN
    cron: str = UNKNOWN
    crontab: str = UNKNOWN
    cron_sessions: str = UNKNOWN
    units: tuple[Unit, ...] = field(default=())
    lives: str = ""


@dataclass(frozen=True)
class Assessment:
    """An assessment: whether all is `ok`, what was found, and what to do about it."""

    ok: bool
    found: str
    advice: str = ""


def parse(lines: Iterable[str]) -> Survival:
    """Parse "FACT VALUE" lines. Raises ValueError."""
    answers: dict[str, str] = {}
    units, lives = [], ""
    for line in lines:
        name, _, value = line.partition(" ")
        if name == "unit":
            words = value.split(" ", 4)
            if len(words) != len(Unit.__dataclass_fields__):
                raise ValueError("a line about a unit is malformed")
            units.append(Unit(*words))
        elif name == "lives":
            lives = value
        elif name in ANSWERS and value in (YES, NO, UNKNOWN):
            answers[name] = value
        else:
            raise ValueError("it does not say what supervisord outlives")
    return Survival(units=tuple(units), lives=lives, **answers)


def read(found: SurvivalFacts) -> Survival:
    """The host's answers. Raises ValueError."""
    answers = {name: getattr(found, name) for name in ANSWERS}
    if set(answers.values()) - {YES, NO, UNKNOWN}:
        raise ValueError("it does not say what supervisord outlives")
    units = tuple(Unit(one.manager, one.enabled, one.active, one.restart, one.name) for one in found.units)
    return Survival(units=units, lives=found.lives, **answers)


def linger_command(host: Host) -> str:
    """The command for root that makes the account's user manager start at boot and outlive its logins."""
    return f"loginctl enable-linger {host.account}"


def refused(host: Host, message: StartRefused) -> tuple[str, str]:
    """Why supervisord is not started, or not stopped, and what to do."""
    return _refusal(host, message.why, message.name)


def refusal(host: Host, way: str) -> tuple[str, str] | None:
    """Why supervisord is not started in this way (survival.way_to_start), and what to do; None if it is allowed."""
    if not way.startswith(REFUSED):
        return None
    why, _, name = way.removeprefix(REFUSED).partition(" ")
    return _refusal(host, why, name)


def _refusal(host: Host, why: str, name: str) -> tuple[str, str]:
    wrong, advice = f"supervisord is not started: {why} {name}".rstrip(), f"fab -H {host.name} doctor"
    if why == "killed":
        wrong = (
            f"logind would end supervisord at logout, with all processes of {host.account} (KillUserProcesses=yes); "
            "the account does not linger"
        )
        advice = f"root: {linger_command(host)}; then run it again"
    elif why == "lingerless":
        wrong = (
            f"supervisord would end at logout: {name}, a unit of the account's user manager, starts it, and the "
            "account does not linger"
        )
        advice = f"root: {linger_command(host)}; then run it again"
    elif why == "system-unit":
        wrong = f"the system unit {name} starts supervisord, so fab does not start another one"
        advice = (
            f"root: systemctl start {name}; then run it again. If the unit fails before the first deploy: root: "
            f"systemctl disable {name}; after the deploy stop-supervisord, and root: systemctl enable --now {name}"
        )
    elif why == "brought-back":
        wrong = f"the system unit {name} keeps supervisord running and would start it again at once"
        advice = f"root: systemctl stop {name}; requests in progress are lost"
    return wrong, advice


def describe(way: str) -> str:
    """How supervisord is started, for the end of a sentence; empty for the usual way."""
    kind, _, name = way.partition(" ")
    words = {
        "scope": ", in a scope of the account's user manager, which logind does not end at logout",
        "unit": f", by {name} of the account's user manager",
        "await": f", by the system unit {name}, which is about to start it",
    }
    return words.get(kind, "")


def assess_place(host: Host, found: Survival) -> Assessment | None:
    """Why the running supervisord will be ended; None if it stays, or if that is unknown."""
    place, _, name = found.lives.partition(" ")
    if place == "manager" and found.linger == NO:
        said = (
            f"runs only while somebody is logged in as {host.account}: {name} belongs to the account's user manager, "
            "which ends with the last login"
        )
        return Assessment(False, said, advice=f"root: {linger_command(host)}")
    if place == "session" and found.kills == YES:
        said = f"ends when the login that started it ends: it runs in {name}, and KillUserProcesses=yes"
        fab = f"fab -H {host.name}"
        advice = f"root: {linger_command(host)}; then {fab} stop-supervisord and {fab} start-supervisord"
        return Assessment(False, said, advice)
    return None


def assess_boot(host: Host, found: Survival, files: str) -> Assessment:
    """What starts supervisord at boot; `files`: the file or crontab that does, or "nobody"."""
    enabled = [unit for unit in found.units if unit.starts_at_boot]
    for unit in enabled:
        if unit.manager == SYSTEM:
            return Assessment(True, f"the enabled system unit {unit.name} starts supervisord")
    for unit in enabled:
        if found.linger == YES:
            return Assessment(True, f"{unit.name}, a unit of {host.account}, which lingers, starts supervisord")
    if files.startswith(BY_CRON):
        return _assess_cron(host, found, files)
    if files not in ("nobody", ""):
        return Assessment(True, f"{files} starts supervisord")
    for unit in enabled:
        if found.linger == NO:
            said = f"supervisord starts only when somebody logs in: {unit.name} is a unit of {host.account}"
            return Assessment(False, f"{said}, which does not linger", advice=f"root: {linger_command(host)}")
        said = f"{unit.name} is a unit of {host.account}: it is unknown whether the account lingers"
        return Assessment(False, said, advice=f"root: loginctl show-user {host.account}, and {linger_command(host)}")
    for unit in found.units:
        if unit.enabled == UNKNOWN:
            said = f"it is unknown whether {unit.name}, a unit of {host.account}, is enabled"
            return Assessment(False, said, advice="'systemctl --user is-enabled' on the host says why")
        said = f"nothing starts supervisord at boot: {unit.name} exists but is not enabled ({unit.enabled})"
        advice = f"'systemctl --user enable {unit.name}' on the host"
        if unit.manager == SYSTEM:
            advice = f"root: systemctl enable {unit.name}"
        return Assessment(False, said, advice)
    if found.crontab == UNKNOWN and files:
        said = "it is unknown what starts supervisord at boot: the account's crontab cannot be read"
        return Assessment(False, said, advice="'crontab -l' on the host says why")
    return Assessment(False, "nothing starts supervisord at boot", how_to_start(host, found))


def how_to_start(host: Host, found: Survival) -> str:
    """How to make supervisord start at boot."""
    advice = f"fab -H {host.name} start-at-boot adds a line to the account's crontab: {cron_line(host)}"
    if found.kills == YES and found.linger == NO and found.cron_sessions != NO:
        advice = f"root: {linger_command(host)}; then fab -H {host.name} start-at-boot"
    elif found.cron == NO and found.linger != YES:
        advice = f"no cron daemon runs: root starts one; then fab -H {host.name} start-at-boot"
    elif found.cron == NO:
        advice = f"fab -H {host.name} start-at-boot installs a systemd user unit"
    return advice


def _assess_cron(host: Host, found: Survival, files: str) -> Assessment:
    if found.cron == NO:
        said = f"nothing starts supervisord at boot: {files} has a line for it, but no cron daemon runs"
        return Assessment(False, said, advice="root starts it, now and at boot: systemctl enable --now crond")
    if found.cron == UNKNOWN:
        said = f"{files} starts supervisord, if a cron daemon runs: that is unknown"
        return Assessment(False, said, advice="root: systemctl status crond")
    if found.kills == YES and found.cron_sessions == YES:
        said = f"{files} starts supervisord at boot, but logind ends it with cron's session (KillUserProcesses=yes)"
        return Assessment(False, said, advice=f"root: {linger_command(host)}; then fab -H {host.name} start-at-boot")
    return Assessment(True, f"{files} starts supervisord")


def start_command(host: Host, *words: str) -> str:
    """The bash command that becomes supervisord. With `software`, a switch of the version does not change it."""
    words = ("supervisord", *words, "-c", supervisord_conf(host))
    if host.software:
        return shlex.join(["exec", start_program_path(host), *words])
    return f"{host.activation} && {shlex.join(['exec', *words])}"


def cron_line(host: Host) -> str:
    """The line for the account's crontab. cron reads % as the end of the line, unless it is \\%."""
    return "@reboot " + f"/bin/bash -c {shlex.quote(start_command(host))}".replace("%", "\\%")
