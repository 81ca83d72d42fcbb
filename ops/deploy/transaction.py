"""Apply a plan: run one command on the host (`agent/transaction.py`), follow its steps, and decide on commit."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread

import msgspec

from ops.agent.apache_messages import LockRefused, Unvalidated
from ops.agent.doctor_messages import SelinuxAccess
from ops.agent.messages import Done, Failure, Message, NoPython
from ops.agent.service_messages import Note, ProgramChanged, StartRefused
from ops.agent.transaction_messages import (
    ChangeEnded,
    ChangeFailed,
    IdentityProbed,
    StepBegun,
    Validated,
    ValidationInsufficient,
    Verdict,
    VerdictWanted,
    WebServiceState,
)
from ops.deploy import selinux
from ops.deploy.plan import Plan
from ops.deploy.releases import Release
from ops.deploy.smoke_checks import FAILED, NOT_ASKED, PASSED, CheckResult, find_regressions, run_smoke_checks
from ops.deploy.transaction_request import transaction_request
from ops.errors import HostError, Unreachable
from ops.interrupts import uninterrupted
from ops.schema import Host
from ops.secrets.masking import masked
from ops.services import supervisord_survival
from ops.services.lock_refusal import refusal
from ops.services.web_service import Service
from ops.ssh.agent_answers import Answer, take
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
    validations: list[str]
    unvalidated: list[str]
    service: Service | None = None


def carry_out(remote: Remote, plan: Plan, release: Release, report: Callable[[str], None]) -> Outcome:
    """Apply the whole plan or nothing. `report` gets a line for each step. Ctrl-C makes the host roll back.

    Raises LockHeld if another deploy is running, HostError if it failed; the text says what state the host is in.
    """

    def pressed(times: int) -> None:
        if times == 1:
            report("interrupted: the host rolls back")
            Thread(target=interrupt, daemon=True).start()
        else:
            report("the host is rolling back, even if you do not wait for it")

    return uninterrupted(lambda: _carry_out(remote, plan, release, report), pressed)


def _carry_out(remote: Remote, plan: Plan, release: Release, report: Callable[[str], None]) -> Outcome:
    before = run_smoke_checks(remote) if release.has_smoke_checks else []
    for finding in before:
        if finding.state != PASSED:
            report(f"smoke check before the change: {finding.name}: {finding.state}, {finding.got}")

    last: list[CheckResult] = []

    def worse() -> str:
        found = find_regressions(remote, before, last) if before else []
        return "; ".join(f"smoke check failed: {one.name}: {one.got}" for one in found)

    def verdict() -> Verdict:
        return Verdict(reason=worse(), checks=[*map(_check_line, last)])

    host = plan.host
    if _interrupted.is_set():
        raise HostError(host.name, "not started: you interrupted", left="everything", outcome="not tried")
    transcript = _Transcript(host, report)
    session = remote.start_agent(transaction_request(plan, release, remote.sudo_password))
    _under_way.add(session)
    try:
        with Heartbeat(session):
            if _interrupted.is_set():
                interrupt()
            _follow(session, transcript, verdict)
    except Unreachable as error:
        raise Unreachable(
            host.name,
            f"{error.message} during the deploy",
            left="unknown until the host has rolled back; it does so by itself without a connection",
            next_step=f"fab -H {host.name} diff, as soon as it can be reached",
            outcome="connection lost; the host rolls back by itself",
        ) from None
    finally:
        _under_way.discard(session)
    if transcript.ended == "rolled-back":
        transcript.still = worse()
    if transcript.error and not transcript.step:
        raise transcript.error
    if transcript.ended != "committed":
        raise _failed(transcript, session)
    return Outcome(
        release.name, transcript.programs, transcript.validations, transcript.unvalidated, transcript.service
    )


def interrupt() -> None:
    """Make every host that is being changed roll back, and start no other change."""
    _interrupted.set()
    for session in list(_under_way):
        with contextlib.suppress(Unreachable):
            _say(session, Verdict(reason="interrupted by the operator"))
        session.close_input()


@dataclass
class _Transcript:
    """What the host has reported so far; `asks` is true once it waits for the verdict.

    `still`: the smoke checks that fail even after the rollback.
    """

    host: Host
    report: Callable[[str], None]
    programs: list[tuple[str, str, str]] = field(default_factory=list)
    validations: list[str] = field(default_factory=list)
    unvalidated: list[str] = field(default_factory=list)
    insufficient: ValidationInsufficient | None = None
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
    error: HostError | None = None

    def read(self, message: Message) -> None:
        """Read one message of the host. Raises LockHeld or HostError if the host's lock cannot be had."""
        match message:
            case LockRefused():
                raise refusal(self.host, message)
            case StepBegun():
                self.step = message.step
                self.report(_step(message.step))
            case Note():
                self.report(message.text)
            case Validated():
                self.validations.append(f"validated ({message.level}): {message.what}")
                self.report(self.validations[-1])
            case Unvalidated():
                self.unvalidated.append(message.what)  # printed with the result
            case IdentityProbed():
                self.report(f"identity probe passed: {message.requests} requests, every forged identity was rejected")
            case ValidationInsufficient():
                self.insufficient = message
            case SelinuxAccess():
                self._read_access(message)
            case StartRefused():
                self.unstartable = supervisord_survival.refused(self.host, message)
            case ProgramChanged():
                self.programs.append((message.program or "supervisord", message.did, message.state))
            case WebServiceState():
                self.service = Service(message.problem, message.program, message.is_unreached)
            case VerdictWanted():
                self.asks = True
            case ChangeFailed() | ChangeEnded():
                self._read_end(message)

    def _read_access(self, message: SelinuxAccess) -> None:
        try:
            self.accesses.append(selinux.read(message))
        except ValueError as error:
            self.report(f"not understood: {error}")
        else:
            self.report(f"SELinux: {self.accesses[-1].describe()}")

    def _read_end(self, message: ChangeFailed | ChangeEnded) -> None:
        if isinstance(message, ChangeEnded):
            self.ended = message.how
            if message.left:
                self.not_back = (
                    f"could not be restored: {' '.join(message.left)}; the old files are in {message.backups}"
                )
        else:
            self.failure = message.unwanted or f"{_step(message.step)} failed"
            self.evidence = message.evidence.rstrip()


def _check_line(found: CheckResult) -> str:
    """One check, as a line for the release record."""
    return f"{CHECKED[found.state]} {masked(' '.join(f'{found.name}: {found.got}'.split()))[:200]}"


def _follow(session: AgentSession, transcript: _Transcript, decide: Callable[[], Verdict]) -> None:
    """Read the host's steps to their end, and send the verdict when the host asks for it."""
    answered = False
    end = Answer(session.host)
    for message in session.messages():
        if isinstance(message, Done | Failure | NoPython):
            take(end, message)
            transcript.error = end.error
            continue
        transcript.read(message)
        if transcript.asks and not answered:
            answered = True
            said = decide()
            if not _interrupted.is_set():  # otherwise interrupt() has sent the verdict
                _say(session, said)


def _say(session: AgentSession, said: Verdict) -> None:
    session.send([msgspec.json.encode(said).decode()])


def _step(name: str) -> str:
    return STEPS.get(name, name.replace("reload-", "reloading ", 1))


def _failed(transcript: _Transcript, session: AgentSession) -> HostError:
    if not session.greeted:
        return session.not_run()
    if not transcript.ended and transcript.step in BEFORE_THE_SWAP:
        transcript.ended = "unchanged"
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
            f"NOT everything: {transcript.not_back or 'a file could not be restored'}",
            "NOT rolled back: a file could not be restored",
        ),
    }.get(
        transcript.ended,
        ("unknown; the next deploy (or fab recover) rolls this one back first", "UNKNOWN"),
    )
    if transcript.still:
        left, outcome = f"the old files are restored, but {transcript.still}", "rolled back, but a smoke check fails"
    if transcript.insufficient:
        return _not_validated(transcript.host, transcript.insufficient)
    if denied := selinux.refusal(transcript.accesses):
        return _denied(transcript, *denied)
    next_step = "fix the error above and deploy again"
    if transcript.ended == "broken":
        host = transcript.host
        next_step = f"make the file and its folder writable for {host.account}, then fab -H {host.name} recover"
    if transcript.unstartable and transcript.ended == "unchanged":
        transcript.failure, next_step = transcript.unstartable
        transcript.evidence = ""
    failure = (
        transcript.failure
        or transcript.not_back
        or (transcript.error.message if transcript.error else session.stderr())
        or "the host ended the transaction without a message"
    )
    is_whole = transcript.ended in ("unchanged", "rolled-back") and not transcript.still
    shows = transcript.evidence and not (is_whole and _interrupted.is_set())  # nothing went wrong
    said = f"; the last output of the host's tools:\n{_indented(transcript.evidence)}" if shows else ""
    return HostError(
        transcript.host.name,
        f"{failure}{said}",
        left=left,
        next_step=next_step,
        outcome=outcome,
    )


def _not_validated(host: Host, insufficient: ValidationInsufficient) -> HostError:
    return HostError(
        host.name,
        f"this host can validate Apache's new files only up to {insufficient.level}; deploy.validation requires "
        f"{host.deploy.validation}. Reason: {insufficient.reason or 'unknown'}",
        left="nothing was modified",
        next_step=f"remove the reason; fab -H {host.name} doctor checks it. If you cannot, lower deploy.validation "
        "and set deploy.validation_reason; to deploy once without validation: --unvalidated",
        outcome="not validated",
    )


def _denied(transcript: _Transcript, what: str, commands: str) -> HostError:
    name = transcript.host.name
    return HostError(
        name,
        f"SELinux would block the app: {what}",
        left="nothing was modified",
        next_step=f"{commands}; fab -H {name} doctor checks it again. To deploy anyway: --unvalidated",
        outcome="SELinux denies it",
    )


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())
