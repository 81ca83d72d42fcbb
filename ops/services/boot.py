"""Starting supervisord at boot: by a line in the account's crontab, or by a systemd user unit."""

from dataclasses import dataclass

from ops.agent.apache_messages import LockRefused
from ops.agent.boot_messages import BootChanged, BootFacts, BootRequest
from ops.errors import HostError, read_answer
from ops.rendering.rendered_file import supervisord_conf
from ops.schema import Host
from ops.services import supervisord_survival
from ops.services.lock_refusal import refusal
from ops.services.supervisord_survival import NO, YES, Survival
from ops.ssh.agent_answers import Answer
from ops.ssh.operator_identity import lock_owner
from ops.ssh.session import Remote

UNIT = "poms-ops-supervisord.service"
LINE, OWN_UNIT = "line", "unit"
ADD, REMOVE = "add", "remove"


@dataclass(frozen=True)
class Found:
    """The host's state: what starts supervisord at boot, the crontab's lines, our line (empty: none), our unit."""

    survival: Survival
    boot: str = "nobody"
    lines: int = 0
    own: str = ""
    has_unit: bool = False
    manager: bool = False


@dataclass(frozen=True)
class Change:
    """One change: ADD or REMOVE, of LINE or OWN_UNIT; `text` is the line, or the unit's file."""

    does: str
    what: str
    text: str = ""


def collect(remote: Remote) -> Found:
    """Collect the host's state. Raises HostError for a malformed answer."""
    return read(remote.host, remote.answer(request(remote.host)))


def request(host: Host) -> BootRequest:
    """The request for the host's state (`ops/agent/boot.py`)."""
    return BootRequest(conf=supervisord_conf(host), unit=UNIT)


def read(host: Host, answer: Answer) -> Found:
    """Read the agent's answer. Raises HostError."""
    found = answer.only(BootFacts)
    with read_answer(host.name, "boot"):
        survival = supervisord_survival.read(found.survival)
        return Found(survival, found.survival.starter, found.lines, found.own, found.has_unit, found.has_manager)


def choose(host: Host, found: Found) -> Change | None:
    """The change that starts supervisord at boot; None if something does so already. Raises HostError."""
    line = supervisord_survival.cron_line(host)
    assessment = supervisord_survival.assess_boot(host, found.survival, found.boot)
    if assessment.ok and found.own in ("", line):
        return None
    cron_serves = found.survival.cron == YES and _outlives_cron(found.survival)
    if cron_serves and "\n" not in line:
        return Change(ADD, LINE, line)
    if found.survival.linger == YES and found.manager:
        return Change(ADD, OWN_UNIT, unit_text(host))
    why, next_step = (
        "logind ends what cron starts",
        f"root: {supervisord_survival.linger_command(host)}; then run it again",
    )
    if found.survival.cron != YES:
        why = "no cron daemon is known to run"
        next_step = (
            f"root starts one; or, with systemd: {supervisord_survival.linger_command(host)}; then run it again"
        )
    raise HostError(
        host.name,
        f"this host has no way to start supervisord at boot: {why}, and the user manager of {host.account} does not "
        "run without a login",
        left="everything",
        next_step=next_step,
    )


def _outlives_cron(found: Survival) -> bool:
    """Whether a process that a cron job starts outlives the job."""
    return found.kills == NO or found.cron_sessions == NO


def removals(found: Found) -> list[Change]:
    """The changes that remove everything that this task has installed."""
    changes = [Change(REMOVE, LINE, found.own)] if found.own else []
    return changes + ([Change(REMOVE, OWN_UNIT)] if found.has_unit else [])


def carry_out(remote: Remote, change: Change) -> None:
    """Apply the change, under the host's lock. Raises HostError, LockHeld."""
    host = remote.host
    asked = request(host)
    asked.action, asked.state_dir = f"{change.does}-{change.what}", host.state_dir
    asked.owner = f"{lock_owner(remote.who)}, start-at-boot"
    asked.line, asked.text = (change.text, "") if change.what == LINE else ("", change.text)
    what = f"could not {change.does} {describe(change)}"
    for message in remote.answer(asked).messages:
        if isinstance(message, LockRefused):
            raise refusal(host, message)
        if isinstance(message, BootChanged) and message.problem:
            lines = "\n".join(f"    {line}" for line in message.problem.splitlines())
            raise HostError(
                host.name,
                f"{what}; the host's tools printed:\n{lines}",
                left="the crontab is as it was",
                next_step=f"fab -H {host.name} doctor",
            )


def describe(change: Change) -> str:
    """What is added or removed, for a sentence."""
    return "a line in the account's crontab" if change.what == LINE else f"the unit ~/.config/systemd/user/{UNIT}"


def unit_text(host: Host) -> str:
    """The user unit: it starts supervisord as a start by hand does, and restarts it after a failure.

    If the kernel kills one process for lack of memory, the others go on; supervisord stops its programs itself.
    """
    command = supervisord_survival.start_command(host, "-n")
    for plain, quoted in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$"), ("\n", "\\n")):
        command = command.replace(plain, quoted)
    return f"""# Made by poms-ops (fab start-at-boot).
[Unit]
Description=supervisord with the programs of {host.account}

[Service]
ExecStart=/bin/bash -c "{command}"
UMask=0022
Restart=on-failure
RestartSec=5
KillMode=mixed
TimeoutStopSec=150
OOMPolicy=continue

[Install]
WantedBy=default.target
"""
