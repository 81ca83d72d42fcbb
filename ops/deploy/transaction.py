"""Apply a plan: run one command on the host (`remote/transaction.sh`), follow its steps, and decide on commit."""

import base64
import contextlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread

from ops.deploy import identity_probe, selinux
from ops.deploy.plan import Plan
from ops.deploy.releases import Release
from ops.deploy.smoke_checks import FAILED, NOT_ASKED, PASSED, Finding, find_regressions, run_smoke_checks
from ops.deploy.transaction_request import request_lines
from ops.errors import WAIT, HostError, LockHeld, Unreachable, no_lock
from ops.interrupts import uninterrupted
from ops.schema import Host
from ops.secrets.masking import masked
from ops.services import survival
from ops.services.web_service import Service
from ops.services.web_service import parse as parse_service
from ops.ssh.session import AgentSession, Heartbeat, Remote

_under_way: set[AgentSession] = set()
_interrupted = Event()

STEPS = {
    "stage": "sending the new files",
    "directories": "making folders",
    "keep": "backing up the current files",
    "prove": "validating the new files",
    "look": "running checks before the change",
    "swap": "putting the new files in place",
    "configtest": "Apache's configuration test",
    "reload-apache": "reloading Apache",
    "start-supervisord": "starting supervisord",
    "apply-programs": "restarting programs with new settings",
    "restart-supervisord": "restarting supervisord",
    "check": "checking what was reloaded",
    "verdict": "running smoke checks",
    "commit": "recording the release",
    "put-back": "ROLLING BACK",
    "recover": "ROLLING BACK a deploy that was killed",
}

CHECKED = {PASSED: "ok", FAILED: "failed", NOT_ASKED: "not-asked"}  # the words in the release record
BEFORE_THE_SWAP = ("", "stage", "directories", "keep", "prove", "look")


@dataclass(frozen=True)
class Outcome:
    """The result of a transaction. `programs`: (program, what was done, state) from supervisord.

    `service`: whether the web service serves afterwards; None if the host did not report it.
    """

    release: str
    programs: list[tuple[str, str, str]]
    proofs: list[str]
    unvalidated: list[str]
    service: Service | None = None


def carry_out(remote: Remote, plan: Plan, release: Release, tell: Callable[[str], None]) -> Outcome:
    """Apply the whole plan or nothing. `tell` gets a line for each step. Ctrl-C makes the host roll back.

    Raises LockHeld if another deploy is running, HostError if it failed; the text says what state the host is in.
    """

    def pressed(times: int) -> None:
        if times == 1:
            tell("interrupted: the host rolls back")
            Thread(target=interrupt, daemon=True).start()
        else:
            tell("the host is rolling back, even if you do not wait for it")

    return uninterrupted(lambda: _carry_out(remote, plan, release, tell), pressed)


def _carry_out(remote: Remote, plan: Plan, release: Release, tell: Callable[[str], None]) -> Outcome:
    before = run_smoke_checks(remote) if release.knows_the_doors else []
    for finding in before:
        if finding.state != PASSED:
            tell(f"smoke check before the change: {finding.name}: {finding.state}, {finding.got}")

    last: list[Finding] = []

    def worse() -> str:
        found = find_regressions(remote, before, last) if before else []
        return "; ".join(f"smoke check failed: {one.name}: {one.got}" for one in found)

    def verdict() -> list[str]:
        word = worse() or "commit"
        return [*map(_check_line, last), word]

    host = plan.host
    if _interrupted.is_set():
        raise HostError(host.name, "not started: you interrupted", left="everything", outcome="not tried")
    account = _Account(host, tell)
    doors = _trial_of_doors(plan, release)
    dialogue = remote.start("transaction", [*request_lines(plan, release, doors), *remote.password_lines(), "end"])
    _under_way.add(dialogue)
    try:
        with Heartbeat(dialogue):
            if _interrupted.is_set():
                interrupt()
            _follow(dialogue, account, verdict)
    except Unreachable as error:
        raise Unreachable(
            host.name,
            f"{error.message} during the deploy",
            left="unknown until the host has rolled back; it does so by itself without a connection",
            next_step=f"fab -H {host.name} diff, as soon as it can be reached",
            outcome="connection lost; the host rolls back by itself",
        ) from None
    finally:
        _under_way.discard(dialogue)
    if account.ended == "rolled-back":
        account.still = worse()
    if account.ended != "committed":
        raise _failed(account, dialogue.stderr())
    return Outcome(release.name, account.programs, account.proofs, account.unvalidated, account.service)


def _trial_of_doors(plan: Plan, release: Release) -> list[str]:
    """The request's lines for the identity probe; none for a rollback: its release passed the probe in its deploy."""
    if not plan.apache or release.purpose != "deploy":
        return []
    trial = identity_probe.trial(plan.host)
    return [f"no_probe no identity probe: {trial.why_not}"] if trial.why_not else trial.lines


def interrupt() -> None:
    """Make every host that is being changed roll back, and start no other change."""
    _interrupted.set()
    for dialogue in list(_under_way):
        with contextlib.suppress(Unreachable):
            dialogue.send(["interrupted by the operator"])
        dialogue.close_input()


@dataclass
class _Account:
    """What the host has reported so far; `asks` is true once it waits for the verdict.

    `still`: the smoke checks that fail even after the rollback.
    """

    host: Host
    tell: Callable[[str], None]
    programs: list[tuple[str, str, str]] = field(default_factory=list)
    proofs: list[str] = field(default_factory=list)
    unvalidated: list[str] = field(default_factory=list)
    insufficient: str = ""
    accesses: list[selinux.Access] = field(default_factory=list)
    not_back: str = ""
    failure: str = ""
    evidence: str = ""
    step: str = ""
    ended: str = ""
    still: str = ""
    unstartable: tuple[str, str] | None = None
    asks: bool = False
    service: Service | None = None

    def take(self, line: str) -> None:
        """Read one line of the host; report it unchanged if it cannot be parsed. Raises LockHeld."""
        try:
            self._take(line)
        except (ValueError, RecursionError):
            self.tell(f"not understood: {line[:200]}")

    def _take(self, line: str) -> None:
        kind, _, value = line.partition(" ")
        if kind == "locked":
            raise LockHeld(self.host.name, f"another deploy is running: {value}", left="everything", next_step=WAIT)
        if kind == "unlockable":
            raise no_lock(self.host.name, value)
        if kind == "step":
            self.step = value
            self.tell(_step(value))
        elif kind == "note":
            self.tell(value)
            if value.startswith("could not be restored"):
                self.not_back = value
        elif kind == "proof":
            level, _, what = value.partition(" ")
            self.proofs.append(f"validated ({level}): {what}")
            self.tell(self.proofs[-1])
        elif kind == "unvalidated":
            self.unvalidated.append(value)  # printed with the result
        elif kind == "probed":
            self.tell(f"identity probe passed: {value} requests, every forged identity was rejected")
        elif kind == "insufficient":
            self.insufficient = value
        elif kind == "selinux":
            self.accesses.append(selinux.parse(value))
            self.tell(f"SELinux: {self.accesses[-1].describe()}")
        elif kind == "start":
            self.unstartable = survival.refusal(self.host, value)
        elif kind in ("failed", "unwanted"):
            self.failure = f"{_step(value)} failed" if kind == "failed" else value
        elif kind == "evidence":
            self.evidence = base64.b64decode(value).decode(errors="replace").rstrip()
        elif kind == "ended":
            self.ended = value
        elif kind == "service":
            self.service = parse_service(value)
        elif kind == "verdict":
            self.asks = True
        elif line.startswith("{"):
            self.programs.append(_program_line(json.loads(line)))


def _check_line(found: Finding) -> str:
    """One check, as a line for the release record."""
    return f"meta check {CHECKED[found.state]} {masked(' '.join(f'{found.name}: {found.got}'.split()))[:200]}"


def _follow(dialogue: AgentSession, account: _Account, judge: Callable[[], list[str]]) -> None:
    """Read the host's steps to their end, and send the verdict when the host asks for it."""
    judged = False
    for line in dialogue.lines():
        account.take(line)
        if account.asks and not judged:
            judged = True
            said = judge()
            if not _interrupted.is_set():  # otherwise interrupt() has sent the last line
                dialogue.send(said)


def _step(name: str) -> str:
    return STEPS.get(name, name.replace("reload-", "reloading ", 1))


def _program_line(facts: dict[str, object]) -> tuple[str, str, str]:
    return str(facts.get("program", "supervisord")), str(facts.get("did", "")), str(facts.get("state", ""))


def _failed(account: _Account, stderr: str) -> HostError:
    if not account.ended and account.step in BEFORE_THE_SWAP:
        account.ended = "unchanged"
    left, outcome = {
        "unchanged": ("nothing was modified", "nothing changed"),
        "rolled-back": (
            "everything: the old files are restored, and the services have reloaded them",
            "rolled back",
        ),
        "files-back": (
            "the old files are restored, but a service is not as before (see above and fab status)",
            "rolled back, but a service is not as before",
        ),
        "broken": (
            f"NOT everything: {account.not_back or 'a file could not be restored'}",
            "NOT rolled back: a file could not be restored",
        ),
    }.get(
        account.ended,
        ("unknown; the next deploy (or fab recover) rolls this one back first", "UNKNOWN"),
    )
    if account.still:
        left, outcome = f"the old files are restored, but {account.still}", "rolled back, but a smoke check fails"
    if account.insufficient:
        return _not_validated(account)
    if denied := selinux.refusal(account.accesses):
        return _denied(account, *denied)
    next_step = "fix the error above and deploy again"
    if account.ended == "broken":
        host = account.host
        next_step = f"make the file and its folder writable for {host.account}, then fab -H {host.name} recover"
    if account.unstartable and account.ended == "unchanged":
        account.failure, next_step = account.unstartable
        account.evidence = ""
    failure = account.failure or account.not_back or stderr or "the host ended the transaction without a message"
    is_whole = account.ended in ("unchanged", "rolled-back") and not account.still
    shows = account.evidence and not (is_whole and _interrupted.is_set())  # nothing went wrong
    said = f"; the last output of the host's tools:\n{_indented(account.evidence)}" if shows else ""
    return HostError(
        account.host.name,
        f"{failure}{said}",
        left=left,
        next_step=next_step,
        outcome=outcome,
    )


def _not_validated(account: _Account) -> HostError:
    host, minimum = account.host, account.host.deploy.validation
    reasons = re.findall(r"^in the way: (.*)$", account.evidence, re.MULTILINE)
    return HostError(
        host.name,
        f"this host can validate Apache's new files only up to {account.insufficient}; deploy.validation requires "
        f"{minimum}. Reason: {reasons[-1] if reasons else 'unknown'}",
        left="nothing was modified",
        next_step=f"remove the reason; fab -H {host.name} doctor checks it. If you cannot, lower deploy.validation "
        "and set deploy.validation_reason; to deploy once without validation: --unvalidated",
        outcome="not validated",
    )


def _denied(account: _Account, what: str, commands: str) -> HostError:
    return HostError(
        account.host.name,
        f"SELinux would block the app: {what}",
        left="nothing was modified",
        next_step=f"{commands}; fab -H {account.host.name} doctor checks it again. To deploy anyway: --unvalidated",
        outcome="SELinux denies it",
    )


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
