"""Starting supervisord at boot: by a line in the account's crontab, or by a systemd user unit."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from ops.errors import HostError, read_answer
from ops.schema import Host
from ops.services import supervisord_survival
from ops.services.request_lines import directory_lines
from ops.services.supervisord import need_lock
from ops.services.supervisord_survival import NO, YES, Survival
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
    return parse(remote.host, remote.ask("boot", request(remote.host, "look")))


def request(host: Host, action: str) -> list[str]:
    """The request to remote/boot.sh."""
    return [f"state_dir {host.state_dir}", *directory_lines(host), f"unit {UNIT}", f"action {action}"]


def parse(host: Host, answer: list[str]) -> Found:
    """Parse the answer to "look". Raises HostError."""
    _need_end(host, answer, "cannot check what starts supervisord at boot")
    facts = dict(line.partition(" ")[::2] for line in answer)
    with read_answer(host.name, "boot"):
        return Found(
            supervisord_survival.parse(
                line.removeprefix("survival ") for line in answer if line.startswith("survival ")
            ),
            facts.get("boot", "nobody"),
            int(facts.get("lines", "0")),
            facts.get("own", ""),
            facts.get("has_unit") == YES,
            facts.get("manager") == YES,
        )


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
    asked = [f"by {lock_owner(remote.who)}, start-at-boot", *request(host, f"{change.does}-{change.what}")]
    if change.does == ADD:
        asked += _content(change)
    answer = remote.ask("boot", asked)
    need_lock(host, answer)
    _need_end(host, answer, f"could not {change.does} {describe(change)}")


def _content(change: Change) -> Iterator[str]:
    if change.what == LINE:
        yield f"line {change.text}"
    else:
        yield f"content {base64.b64encode(change.text.encode()).decode()}"


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


def _need_end(host: Host, answer: list[str], what: str) -> None:
    if answer[-1:] == ["end"]:
        return
    evidence = next((line.removeprefix("evidence ") for line in answer if line.startswith("evidence ")), "")
    with read_answer(host.name, "boot"):
        said = base64.b64decode(evidence, validate=True).decode(errors="replace").strip()
    lines = "\n".join(f"    {line}" for line in (said or "(nothing)").splitlines())
    raise HostError(
        host.name,
        f"{what}; the host's tools printed:\n{lines}",
        left="the crontab is as it was",
        next_step=f"fab -H {host.name} doctor",
    )
