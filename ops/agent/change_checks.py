"""What works before a change must work after it: Apache's ports, the programs, the app, and Apache's way to it."""

import os
import re
import time

from ops.agent.apache_directives import text_of
from ops.agent.apache_doors import backends_in
from ops.agent.apache_ports import tls_answers
from ops.agent.app_socket import problem_of
from ops.agent.evidence import tail
from ops.agent.service_messages import FIRST_APP, ApachePage
from ops.agent.step_failed import StepFailed
from ops.agent.supervised_programs import SupervisedPrograms
from ops.agent.supervisord_state import state_of
from ops.agent.through_apache import ask_through_apache
from ops.agent.transaction_messages import WebServiceState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.change import Change
    from ops.agent.service_messages import App, ThroughApache

OWN_PAGE = re.compile(r'^ *<Location "(/poms-ops/[^" ]*)">$(.*?)</Location>', re.MULTILINE | re.DOTALL)
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
        for app in request.apps:
            if app.program and not problem_of(app, app.listen, BEFORE_SECONDS, lambda: True):
                well.append(named(APP, app))
            if app.own_page:
                found = ask_through_apache(as_it_is_now(change, app.own_page), BEFORE_APACHE_SECONDS)
                well.append(f"{named(THROUGH, app)} {found.state}")
    change.write_lines("well", well)


def named(text: str, app: "App") -> str:
    """The text, with the name of an app that is not the first one behind it: "app", "app agent"."""
    return text if app.name == FIRST_APP else f"{text} {app.name}"


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
        is_up = state_of(self._request.supervisord).state == "up"
        for app in [app for app in self._request.apps if app.program]:
            if is_up:
                self._look_at_app(app)
            else:
                self._tell_service(app, "supervisord is not running")
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
        if not self._is_first and named(APP, app) not in self._well and self._state(app) in DOWN_STATES:
            seconds, may_start = STOPPED_SECONDS, False
        problem = problem_of(app, app.listen, seconds, lambda: may_start)
        if not problem:
            self._record(OK, named("the app", app))
            self._look_through_apache(app)
            return
        self._change.say(problem)
        self._tell_service(app, problem, program=self._state(app))
        self._compare(named(APP, app), f"{named('the app', app)} does not answer")

    def _look_through_apache(self, app: "App") -> None:
        """Whether visitors get the app's pages: the app answers on its own socket; does Apache reach it there?"""
        what = f"{named('the app', app)} through Apache"
        if not app.own_page:
            self._tell_service(app, "")
            self._record(NOT_ASKED, what)
            return
        through = ask_through_apache(as_it_is_now(self._change, app.own_page), APACHE_SECONDS)
        if through.state == "ok":
            self._tell_service(app, "")
            self._record(OK, what)
        elif through.state == "unknown":
            self._tell_service(app, "")
            self._change.note(f"cannot check whether Apache reaches {named('the app', app)}: {through.found}")
            self._record(NOT_ASKED, f"{what}: {through.found}")
        else:
            self._judge_unreached(app, through)

    def _judge_unreached(self, app: "App", through: "ThroughApache") -> None:
        self._tell_service(app, through.found, is_unreached=True)
        before = named(THROUGH, app)
        if self._is_first or f"{before} ok" in self._well or f"{before} failed" in self._well:
            self._compare(f"{before} ok", through.found)
        else:  # the check was not possible before: the files of an earlier version, or an app that did not answer
            self._record(FAILED, through.found)
            self._change.note(f"unknown whether this already failed before the deploy: {through.found}")

    def _state(self, app: "App") -> str:
        """supervisord's state of an app's program; "" if it is not known."""
        try:
            states = SupervisedPrograms(self._request.supervisord, self._change.tell).states()
        except StepFailed:
            return ""
        return states.get(app.program, "")

    def _tell_service(self, app: "App", problem: str, program: str = "", *, is_unreached: bool = False) -> None:
        self._change.tell(
            WebServiceState(app=app.name, problem=tail(problem, 3), program=program, is_unreached=is_unreached)
        )

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


def as_it_is_now(change: "Change", page: ApachePage) -> ApachePage:
    """With the page's name in Apache's current files: it depends on the app's page, which may differ between them."""
    for line in change.lines("manifest"):
        path = line.split(" ", 2)[-1]
        pages = OWN_PAGE.findall(text_of(path)) if path.endswith(".conf") else []
        # Of several, the one of the app that listens there.
        for name in [name for name, text in pages if len(pages) == 1 or page.listen in backends_in(text)]:
            return ApachePage(
                port=page.port,
                page=name,
                server_name=page.server_name,
                account=page.account,
                listen=page.listen,
            )
    return page
