"""What works before a change must work after it: Apache's ports, the programs, the app, and Apache's way to it."""

import os
import re
import time

from ops.agent.apache_directives import text_of
from ops.agent.apache_ports import tls_answers
from ops.agent.app_socket import problem_of
from ops.agent.evidence import tail
from ops.agent.service_messages import ApachePage
from ops.agent.step_failed import StepFailed
from ops.agent.supervised_programs import SupervisedPrograms
from ops.agent.supervisord_state import state_of
from ops.agent.through_apache import ask_through_apache
from ops.agent.transaction_messages import WebServiceState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.change import Change
    from ops.agent.service_messages import App, ThroughApache

OWN_PAGE = re.compile(r'^ *<Location "(/poms-ops/[^" ]*)">$', re.MULTILINE)
PORT_SECONDS, PORT_PAUSE = 10.0, 0.5
BEFORE_SECONDS, APP_SECONDS, STOPPED_SECONDS = 5.0, 60.0, 5.0  # for an answer of the app
BEFORE_APACHE_SECONDS, APACHE_SECONDS = 2.0, 10.0
DOWN_STATES = ("STOPPED", "FATAL", "EXITED")
OK, FAILED, NOT_ASKED = "ok", "failed", "not-asked"  # of the release record
APP, THROUGH = "app", "through-apache"  # what worked before, in the file `well`


def look_before(change: "Change") -> None:
    """Note what works now: the ports that answer, the programs that run, the app. Raises StepFailed, or OSError."""
    request, well = change.request, []
    if "supervisord start" in request.reloads:
        from ops.agent.supervisord_start import need_way_to_start

        need_way_to_start(request.supervisord, change.tell)
    if not os.path.exists(os.path.join(change.state_dir, "current")):
        change.mark("first")
    well += [f"port {port}" for port in request.apache.ports if tls_answers(port)]
    if state_of(request.supervisord).state == "up":
        programs = SupervisedPrograms(request.supervisord, change.tell)
        change.write_lines("running", programs.running())
        if request.web_program and request.app and not _problem_before(request.app):
            well.append(APP)
        if request.apache_page:
            found = ask_through_apache(_as_it_is_now(change, request.apache_page), BEFORE_APACHE_SECONDS)
            well.append(f"{THROUGH} {found.state}")
    change.write_lines("well", well)


def _problem_before(app: "App") -> str:
    return problem_of(app, app.listen, BEFORE_SECONDS, lambda: True)


def ports_that_must_answer(change: "Change") -> "list[int]":
    """Those that answered before; all of them on a host's first deploy, unless it is rolled back."""
    if change.has("first") and not change.is_way_back:
        return change.request.apache.ports
    return [int(line[len("port ") :]) for line in change.lines("well") if line.startswith("port ")]


def look_after(change: "Change") -> None:
    """Raise StepFailed if something fails that worked before; on a host's first deploy all of it must work."""
    _Look(change, is_first=change.has("first"), is_recorded=True).run()


def look_again(change: "Change") -> None:
    """The same after a rollback: what worked before must work again."""
    _Look(change, is_first=False, is_recorded=False).run()


class _Look:
    def __init__(self, change: "Change", *, is_first: bool, is_recorded: bool) -> None:
        self._change = change
        self._request = change.request
        self._is_first = is_first
        self._is_recorded = is_recorded
        self._well = change.lines("well")
        self._worse: list[str] = []

    def run(self) -> None:
        for port in self._request.apache.ports:
            if _answers_in_time(port):
                self._record(OK, f"port {port}")
            else:
                self._compare(f"port {port}", f"port {port} does not answer")
        if self._change.has("running"):
            self._look_at_programs()
        if self._request.web_program and self._request.app:
            if state_of(self._request.supervisord).state == "up":
                self._look_at_app(self._request.app)
            else:
                self._tell_service("supervisord is not running")
        if self._worse:
            raise StepFailed("\n".join(self._worse))

    def _look_at_programs(self) -> None:
        programs = SupervisedPrograms(self._request.supervisord, self._change.tell)
        try:
            programs.check_still_running(self._change.lines("running"))
        except StepFailed as error:
            self._worse.append(error.evidence)

    def _look_at_app(self, app: "App") -> None:
        seconds, may_start = APP_SECONDS, True
        if not self._is_first and APP not in self._well and self._state() in DOWN_STATES:
            seconds, may_start = STOPPED_SECONDS, False
        problem = problem_of(app, app.listen, seconds, lambda: may_start)
        if not problem:
            self._record(OK, "the app")
            self._look_through_apache()
            return
        self._change.say(problem)
        self._tell_service(problem, program=self._state())
        self._compare(APP, "the app does not answer")

    def _look_through_apache(self) -> None:
        """Whether visitors get the app's pages: the app answers on its own socket; does Apache reach it there?"""
        if not self._request.apache_page:
            self._tell_service("")
            self._record(NOT_ASKED, "the app through Apache")
            return
        page = _as_it_is_now(self._change, self._request.apache_page)
        through = ask_through_apache(page, APACHE_SECONDS)
        if through.state == "ok":
            self._tell_service("")
            self._record(OK, "the app through Apache")
        elif through.state == "unknown":
            self._tell_service("")
            self._change.note(f"cannot check whether Apache reaches the app: {through.found}")
            self._record(NOT_ASKED, f"the app through Apache: {through.found}")
        else:
            self._judge_unreached(through)

    def _judge_unreached(self, through: "ThroughApache") -> None:
        self._tell_service(through.found, is_unreached=True)
        if self._is_first or f"{THROUGH} ok" in self._well or f"{THROUGH} failed" in self._well:
            self._compare(f"{THROUGH} ok", through.found)
        else:  # the check was not possible before: the files of an earlier version, or an app that did not answer
            self._record(FAILED, through.found)
            self._change.note(f"unknown whether this already failed before the deploy: {through.found}")

    def _state(self) -> str:
        """supervisord's state of the app's program; "" if it is not known."""
        try:
            states = SupervisedPrograms(self._request.supervisord, self._change.tell).states()
        except StepFailed:
            return ""
        return states.get(self._request.web_program, "")

    def _tell_service(self, problem: str, program: str = "", *, is_unreached: bool = False) -> None:
        told = WebServiceState(problem=tail(problem, 3), program=program, is_unreached=is_unreached)
        self._change.tell(told)

    def _record(self, state: str, what: str) -> None:
        if self._is_recorded:
            self._change.record(f"check {state} on the host: {what}")

    def _compare(self, check: str, message: str) -> None:
        """The check fails now: did it pass before?"""
        self._record(FAILED, message)
        if self._is_first or check in self._well:
            self._worse.append(message)
        else:
            self._change.note(f"already failing before this deploy: {message}")


def _answers_in_time(port: int) -> bool:
    for _ in range(int(PORT_SECONDS / PORT_PAUSE)):
        if tls_answers(port):
            return True
        time.sleep(PORT_PAUSE)
    return False


def _as_it_is_now(change: "Change", page: ApachePage) -> ApachePage:
    """With the page's name in Apache's current files: it depends on the app's page, which may differ between them."""
    for line in change.lines("manifest"):
        path = line.split(" ", 2)[-1]
        found = OWN_PAGE.search(text_of(path)) if path.endswith(".conf") else None
        if found:
            return ApachePage(
                port=page.port,
                page=found.group(1),
                server_name=page.server_name,
                account=page.account,
                listen=page.listen,
            )
    return page
