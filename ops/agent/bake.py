"""A bake: a change stays on trial under real traffic, and is rolled back if the host is clearly worse with it.

The host does it alone: the operator's line may be lost, unless the inventory says that it must not. What is compared,
and with which numbers, is in bake_rule.py.
"""

import contextlib
import os
import time

from ops.agent.app_socket import problem_of
from ops.agent.bake_notes import UNTIL, UNWANTED
from ops.agent.bake_rule import LOOK_SECONDS, Burst, Observed, compare_at_end, compare_at_once, growth
from ops.agent.change_checks import APP, THROUGH, named
from ops.agent.host_processes import processes
from ops.agent.release_folders import text_of
from ops.agent.request_log import RequestLog, Traffic
from ops.agent.step_failed import StepFailed
from ops.agent.supervised_programs import SupervisedPrograms
from ops.agent.survival import place_of
from ops.agent.systemd import NO, kills_sessions
from ops.agent.through_apache import ask_through_apache
from ops.agent.time_zones import use_zone, zone_of
from ops.agent.transaction_messages import BakeBegun, BakeLooked, Verdict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.bake_rule import Comparison
    from ops.agent.change import Change
    from ops.agent.operator_words import OperatorWords
    from ops.agent.transaction_messages import BakeWanted

BEFORE_SECONDS = 1800.0  # of the time before the change, at least
ANSWER_SECONDS = 10.0  # for an answer to the host's own question
TOLD_SECONDS = 30.0  # between two messages of how it goes
PAUSE = 0.5
PAGE = os.sysconf("SC_PAGE_SIZE")


class Bake:
    """The bake of one change. `look_before` is called before anything changes, `run` afterwards."""

    def __init__(self, change: "Change", wanted: "BakeWanted", words: "OperatorWords") -> None:
        self._change = change
        self._wanted = wanted
        self._words = words
        self._app = next((app for app in change.request.apps if app.name == wanted.app), None)
        self._log = RequestLog(wanted.log, wanted.patterns)
        self._before = Observed(Traffic(), 0.0)
        self._traffic, self._late, self._burst = Traffic(), Traffic(), Burst()
        self._unanswered = self._longest_unanswered = 0
        self._resident: dict[int, list[tuple[float, float]]] = {}
        self._problem = ""  # why the log cannot be read

    def look_before(self) -> None:
        """Read what the log has of the time before the change; if it cannot be read, nothing is compared with it."""
        window = max(BEFORE_SECONDS, float(self._wanted.seconds))
        use_zone(zone_of(self._process()))
        now = time.time()
        try:
            traffic, sizes = self._log.read_last(now - window)
        except OSError as error:
            self._before = Observed(Traffic(), 0.0, problem=self._unreadable(error))
        else:
            seconds = 0.0 if traffic.begun is None else max(1.0, now - traffic.begun)
            self._before = Observed(traffic, seconds, growth=growth(sizes))

    def run(self) -> None:
        """Keep the change on trial, until it is not wanted. Raises StepFailed if the host is worse, and OSError."""
        begun, until = time.monotonic(), int(time.time()) + self._wanted.seconds
        end = begun + self._wanted.seconds
        self._words.listen_on(is_needed=self._wanted.needs_operator)
        self._change.write_lines(UNTIL, [str(until)])
        self._change.tell(BakeBegun(seconds=self._wanted.seconds, until=until))
        self._warn_of_the_end_of_sessions()
        with contextlib.suppress(OSError):
            self._log.go_to_end()
        told = begun
        while not self._is_unwanted(min(end, time.monotonic() + LOOK_SECONDS)):
            left = end - time.monotonic()
            self._look(is_late=left < self._wanted.seconds / 2)
            now = self._now(time.monotonic() - begun)
            compared = (compare_at_once if left > 0 else compare_at_end)(self._before, now)
            if left <= 0 or any(one.is_worse for one in compared):
                self._judge(compared)
                return
            if time.monotonic() - told >= TOLD_SECONDS and left > 1:
                told = time.monotonic()
                self._tell(compared, int(left))

    # ---- the looks -------------------------------------------------------------------------------------------

    def _look(self, *, is_late: bool) -> None:
        seen = self._traffic
        requests, errors, lost = seen.requests, seen.errors, seen.lost
        try:
            self._log.take_new(seen, *([self._late] if is_late else []))
        except OSError as error:
            self._problem = self._unreadable(error)
        self._burst.take(seen.requests - requests, seen.errors - errors, seen.lost - lost)
        self._unanswered = 0 if self._answers() else self._unanswered + 1
        self._longest_unanswered = max(self._longest_unanswered, self._unanswered)
        if is_late:
            self._measure_workers()

    def _unreadable(self, error: OSError) -> str:
        return f"{self._wanted.log} cannot be read: {error.strerror or error}"

    def _answers(self) -> bool:
        """Whether the host's own question is answered; True if it was not before, or cannot be asked."""
        well, app = self._change.lines("well"), self._app
        if app and app.own_page and f"{named(THROUGH, app)} ok" in well:
            return ask_through_apache(app.own_page, ANSWER_SECONDS).state != "failed"
        if app and named(APP, app) in well:
            return not problem_of(app, app.listen, ANSWER_SECONDS)
        return True

    def _measure_workers(self) -> None:
        """Their resident memory: what is only reserved, as by a thread's first request, is no growth."""
        master, now = self._process(), time.monotonic()
        for found in processes() if master else []:
            if found.parent == master:
                pages = text_of(f"/proc/{found.pid}/statm").split()
                if len(pages) > 1:
                    self._resident.setdefault(found.pid, []).append((now, int(pages[1]) * PAGE))

    def _process(self) -> int:
        """The process of the app's program; 0 if it does not run."""
        with contextlib.suppress(StepFailed, OSError):
            programs = SupervisedPrograms(self._change.request.supervisord, self._change.tell)
            return programs.process_of(self._app.program) if self._app else 0
        return 0

    def _now(self, seconds: float) -> Observed:
        return Observed(
            self._traffic,
            max(1.0, seconds),
            late=self._late,
            burst=self._burst,
            unanswered=self._longest_unanswered,
            growth=growth(self._resident),
            problem=self._problem,
        )

    # ---- its end ---------------------------------------------------------------------------------------------

    def _is_unwanted(self, until: float) -> bool:
        """Wait until then, on time.monotonic's clock; whether the change is not wanted any more."""
        while time.monotonic() < until:
            why = text_of(self._change.path(UNWANTED)).strip()
            if why:
                self._words.decide(Verdict(reason=why))
            if self._change.is_unwanted():
                return True
            time.sleep(PAUSE)
        return bool(self._change.is_unwanted())

    def _judge(self, compared: "list[Comparison]") -> None:
        self._change.record(*(f"bake {_state(one)} {one.text}" for one in compared))
        self._tell(compared, 0)
        worse = [one.text for one in compared if one.is_worse]
        if worse:
            raise StepFailed("\n".join(worse))

    def _tell(self, compared: "list[Comparison]", left: int) -> None:
        self._change.tell(
            BakeLooked(
                seconds_left=left,
                seen=[one.text for one in compared if not one.is_worse and not one.is_unknown],
                worse=[one.text for one in compared if one.is_worse],
                unknown=[one.text for one in compared if one.is_unknown],
            )
        )

    def _warn_of_the_end_of_sessions(self) -> None:
        if not self._wanted.needs_operator and place_of(os.getpid()).startswith("session") and kills_sessions() != NO:
            self._change.note(
                "this host may end the account's processes at the end of a login: if the connection is lost during "
                "the bake, the change is then rolled back"
            )


def _state(compared: "Comparison") -> str:
    return "worse" if compared.is_worse else "unknown" if compared.is_unknown else "ok"
