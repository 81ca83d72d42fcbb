"""Apply a plan: run one command on the host (`agent/transaction.py`), follow its steps, and decide on commit."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event, Thread

import msgspec

from ops.agent.messages import Done, Failure, NoPython
from ops.agent.transaction_messages import ChangeEnded, Verdict
from ops.deploy import bake
from ops.deploy.plan import Plan
from ops.deploy.releases import COMMITTED, Release
from ops.deploy.smoke_checks import (
    FAILED,
    MAINTENANCE,
    NOT_ASKED,
    PASSED,
    CheckResult,
    find_regressions,
    run_smoke_checks,
)
from ops.deploy.transaction_request import needed_modules, transaction_request
from ops.deploy.transcript import Transcript, failed
from ops.errors import HostError, Unreachable
from ops.interrupts import uninterrupted
from ops.secrets.masking import masked
from ops.services.web_service import Service
from ops.ssh.agent_answers import Answer, take
from ops.ssh.session import AgentSession, Heartbeat, Remote

ASK_SECONDS = 2.0  # for the word to a host to be sent
_under_way: set[AgentSession] = set()
_interrupted = Event()

# The words in the release record.
CHECKED = {PASSED: "ok", FAILED: "failed", NOT_ASKED: "not-asked", MAINTENANCE: "not-asked"}


@dataclass(frozen=True)
class Outcome:
    """The result of a transaction. `programs`: (program, what was done, state) from supervisord.

    `services`: whether the apps serve afterwards; of those that the host has reported.
    """

    release: str
    programs: list[tuple[str, str, str]]
    validations: list[str]
    unvalidated: list[str]
    services: tuple[Service, ...] = ()


def carry_out(remote: Remote, plan: Plan, release: Release, report: Callable[[str], None]) -> Outcome:
    """Apply the whole plan or nothing. `report` gets a line for each step. Ctrl-C makes the host roll back.

    Raises LockHeld if another deploy is running, HostError if it failed; the text says what state the host is in.
    """

    def pressed(times: int) -> None:
        if times == 1:
            asking = Thread(target=interrupt, daemon=True)
            asking.start()
            asking.join(ASK_SECONDS)  # before anything is printed: the reader of a pipe got the same Ctrl-C
            report("interrupted: the host rolls back")
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
    transcript = Transcript(host, report)
    request = transaction_request(plan, release, remote.sudo_password)
    session = remote.start_agent(request, also=needed_modules(request))
    _under_way.add(session)
    try:
        with Heartbeat(session):
            if _interrupted.is_set():
                interrupt()
            _follow(session, transcript, verdict)
    except Unreachable as error:
        if transcript.bake_until and not transcript.ended and not plan.host.deploy.bake_needs_operator:
            raise bake.goes_on(host, transcript.bake_until) from None
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
    if transcript.ended != COMMITTED:
        if not session.greeted:
            raise session.not_run()
        raise failed(transcript, session.stderr(), interrupted=_interrupted.is_set())
    unvalidated = [*transcript.unvalidated, *_behind_maintenance(before, last)]
    return Outcome(release.name, transcript.programs, transcript.validations, unvalidated, tuple(transcript.services))


def _behind_maintenance(before: list[CheckResult], last: list[CheckResult]) -> Iterator[str]:
    """What nobody could check from outside, or that the deploy has opened what was closed, a sentence each."""
    for was, now in zip(before, last, strict=False):
        if now.state == MAINTENANCE:
            yield f"{now.name}: {now.got}"
        elif was.state == MAINTENANCE:
            yield f"{now.name}: the maintenance page was shown before this deploy, and now: {now.got}"


def interrupt() -> None:
    """Make every host that is being changed roll back, and start no other change."""
    _interrupted.set()
    for session in list(_under_way):
        with contextlib.suppress(Unreachable):
            _say(session, Verdict(reason="interrupted by the operator"))
        session.close_input()


def _check_line(found: CheckResult) -> str:
    """One check, as a line for the release record."""
    return f"{CHECKED[found.state]} {masked(' '.join(f'{found.name}: {found.got}'.split()))[:200]}"


def _follow(session: AgentSession, transcript: Transcript, decide: Callable[[], Verdict]) -> None:
    """Read the host's steps to their end, and send the verdict when the host asks for it."""
    answered = False
    end = Answer(session.host)
    for message in session.messages():
        if isinstance(message, Done | Failure | NoPython):
            take(end, message)
            transcript.error = end.error
            continue
        transcript.read(message)
        if isinstance(message, ChangeEnded) and transcript.bake_until:  # it would be told again otherwise
            with contextlib.suppress(Unreachable):
                _say(session, Verdict())
        if transcript.asks and not answered:
            answered = True
            said = decide()
            if not _interrupted.is_set():  # otherwise interrupt() has sent the verdict
                _say(session, said)


def _say(session: AgentSession, said: Verdict) -> None:
    session.send([msgspec.json.encode(said).decode()])
