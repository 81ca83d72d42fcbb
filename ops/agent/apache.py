"""Test Apache's configuration; with a command, validate it by a trial start, then reload or restart Apache."""

import time

from ops.agent.apache_failure import why
from ops.agent.apache_messages import ApacheConfiguration, ApacheStep, LockRefused, Unvalidated
from ops.agent.apache_ports import tls_answers
from ops.agent.apache_renewal import has_ended, problem_after
from ops.agent.apache_trial import configuration, try_start
from ops.agent.apache_unit import restart_settings
from ops.agent.closed_keys import check_pairs, find
from ops.agent.commands import run_command
from ops.agent.evidence import tail
from ops.agent.host_processes import uptime_ticks
from ops.agent.lock import Lock, Locked, Unlockable
from ops.agent.long_steps import kept_alive
from ops.agent.processes import Ended
from ops.agent.service_messages import RestartSettings
from ops.agent.sudo_rules import why_barred
from ops.agent.trial_namespace import last_line, what_prevents
from ops.agent.validation_failed import ValidationFailed
from ops.agent.work_folder import WorkFolder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from ops.agent.apache_messages import ApacheRequest
    from ops.agent.messages import Message

EVIDENCE_LINES = 60
TEST, TRIAL, COMMAND, ANSWERS, START = "configtest", "trial", "command", "answers", "start"
OK, FAILED, BARRED = "ok", "failed", "barred"
NO_UNIT = RestartSettings(signal="0", timeout="", graceful=None)  # so no signal that spares requests


def answer(request: "ApacheRequest") -> "Iterator[Message]":
    """Each step with its result, until one fails; the steps behind the test only under the host's lock."""
    if not request.command:
        yield from _test(request)
        return
    try:
        with Lock(request.state_dir, request.owner):
            if (yield from _test(request)) and (yield from _validate(request)):
                yield from _command(request)
    except Locked as error:
        yield LockRefused(owner=str(error))
    except Unlockable as error:
        yield LockRefused(problem=str(error))


def _test(request: "ApacheRequest") -> "Generator[Message, None, bool]":
    ended = yield from kept_alive(lambda: run_command(request.configtest, request.sudo_password))
    yield _step(TEST, OK) if ended.code == 0 else _step(TEST, FAILED, ended.text)
    return ended.code == 0


def _step(step: str, result: str, evidence: str = "", is_up: "bool | None" = None) -> ApacheStep:
    return ApacheStep(step=step, result=result, evidence=tail(evidence, EVIDENCE_LINES), is_up=is_up)


# ---- a trial start with the current files ----------------------------------------------------------------------


def _validate(request: "ApacheRequest") -> "Generator[Message, None, bool]":
    """Whether the command may run. The ports that answer now must answer in a trial start.

    If none answers now, or the host is known to allow no trial, a failure is only reported.
    """
    if not request.validate:
        return True
    with WorkFolder() as folder:
        found = yield from kept_alive(lambda: _tried(request, folder.path))
    yield from found.unvalidated
    if found.failure:
        yield _step(TRIAL, FAILED, found.failure)
    return not found.failure


class _Tried:
    def __init__(self, *unvalidated: str, failure: str = "") -> None:
        self.unvalidated = [Unvalidated(what=what) for what in unvalidated]
        self.failure = failure


def _tried(request: "ApacheRequest", work: str) -> _Tried:
    apache = request.apache
    prevented = what_prevents(work, apache.server_root, apache.log_dir)
    if prevented:
        return _Tried(f"no trial start: {prevented}")
    answering = [port for port in apache.ports if tls_answers(port)]
    tried = ApacheConfiguration(
        httpd=apache.httpd,
        server_root=apache.server_root,
        log_dir=apache.log_dir,
        ports=answering or apache.ports,
        maintenance=apache.maintenance,
    )
    ended = try_start(tried, [], work)
    if ended.code == 0:
        try:
            return _Tried(*check_pairs(find(configuration(tried, [])), tried.server_root, tried.ports))
        except ValidationFailed as error:
            ended = Ended(1, error.evidence.encode())
    if request.is_trial_optional or not answering:
        return _Tried(f"the trial start fails: {last_line(ended)}")
    return _Tried(failure=ended.text)


# ---- the command -----------------------------------------------------------------------------------------------


def _command(request: "ApacheRequest") -> "Iterator[Message]":
    ran = not has_ended(request.apache.ports)
    if request.with_cost:
        yield restart_settings(request.command, request.apache.server_root) or NO_UNIT
    begun, since = time.time(), uptime_ticks()
    ended = yield from kept_alive(lambda: run_command(request.command, request.sudo_password))
    failed, evidence = COMMAND, ended.text
    if ended.code == 0:
        yield _step(COMMAND, OK)
        failed, evidence = ANSWERS, (yield from kept_alive(lambda: problem_after(since, request.apache.ports)))
        if not evidence:
            yield _step(ANSWERS, OK)
            return
    is_up = not has_ended(request.apache.ports)
    yield _step(failed, FAILED, f"{evidence}\n{why(request.command, request.start, request.logs, begun)}", is_up)
    if ran and not is_up and request.start and request.start != request.command:
        yield from _start_again(request, begun)


def _start_again(request: "ApacheRequest", begun: float) -> "Iterator[Message]":
    """The reload has ended a running Apache. If its files pass the test, start it with the restart command."""
    ended = yield from kept_alive(lambda: run_command(request.configtest, request.sudo_password))
    if ended.code:
        return
    barred = why_barred(request.start, request.sudo_password)
    if barred:
        yield _step(START, BARRED, barred)
        return
    since = uptime_ticks()
    ended = yield from kept_alive(lambda: run_command(request.start, request.sudo_password))
    problem = ended.text
    if ended.code == 0:
        problem = yield from kept_alive(lambda: problem_after(since, request.apache.ports))
        if not problem and not has_ended(request.apache.ports):
            yield _step(START, OK)
            return
    yield _step(START, FAILED, f"{problem}\n{why(request.start, [], request.logs, begun)}")
