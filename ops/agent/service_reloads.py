"""Reload the services of a change, and the same again after a rollback.

A reload is a line: "apache"; "supervisord start|apply|restart"; "program HOW NAME", where HOW is "graceful",
"restart-running" or "signal-NAME"; "current": the chain or link of the app's version, which a rollback moves back.
"""

import contextlib
import os

from ops.agent import pending_reloads
from ops.agent.apache_renewal import has_ended, problem_after
from ops.agent.change_checks import ports_that_must_answer
from ops.agent.commands import run_command
from ops.agent.host_processes import is_process, process, uptime_ticks
from ops.agent.software import current, set_current
from ops.agent.standby_end import RESTART_MERCY, end_standbys
from ops.agent.step_failed import StepFailed
from ops.agent.supervised_programs import SupervisedPrograms
from ops.agent.supervisord_start import shut_down_supervisord, start_supervisord
from ops.agent.supervisord_state import state_of
from ops.agent.taken_ports import live_ports
from ops.agent.uwsgi_reload import UwsgiReload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.change import Change

APACHE, START, APPLY, RESTART = "apache", "supervisord start", "supervisord apply", "supervisord restart"
SHUTDOWN = "supervisord shutdown"
CURRENT = "current"
GRACEFUL, SIGNAL = "graceful", "signal-"
STARTED = "started"  # the file with the process id and start of a supervisord that this change has started
STEPS = {
    APACHE: "reload-apache",
    START: "start-supervisord",
    APPLY: "apply-programs",
    RESTART: "restart-supervisord",
    SHUTDOWN: "stop-supervisord",
    CURRENT: "switch-version",
}


def step_of(reload: str) -> str:
    """The name of the step that a reload is."""
    return STEPS.get(reload) or f"reload-{reload.split(' ', 2)[2]}"


class ServiceReloads:
    """The reloads of one change. Each raises StepFailed, or OSError."""

    def __init__(self, change: "Change") -> None:
        self._change = change
        self._request = change.request
        self._place = change.request.supervisord
        self._programs = SupervisedPrograms(self._place, change.tell)

    def do(self, reload: str) -> None:
        """Do one."""
        self._end_standbys_before(reload)
        if reload == APACHE:
            self._reload_apache()
        elif reload == START:
            start_supervisord(self._place, self._request.activate, self._change.tell)
            self._note_started()
            self._programs.await_supervisord()
        elif reload == CURRENT:
            self._switch_version()
        elif reload == APPLY:
            self._programs.apply(self._request.applied)
        elif reload == RESTART:
            self._restart_supervisord()
        elif reload == SHUTDOWN:
            pid = self._started()
            if pid:
                shut_down_supervisord(self._place, pid, self._change.tell)
        else:
            self._reload_program(*reload.split(" ", 2)[1:])

    def _end_standbys_before(self, reload: str) -> None:
        """A standby may hold a program's port, or serve with the files that go."""
        programs = [app.reloadable for app in self._request.apps if app.reloadable]
        if reload in (APACHE, CURRENT) or reload.startswith(f"program {GRACEFUL} "):
            return
        if reload == APPLY:
            for program in programs:
                self._uwsgi(program).end_standbys_before_changes(program)
        elif reload.startswith("supervisord ") or reload.split(" ", 2)[2] in programs:
            end_standbys(self._change.state_dir, RESTART_MERCY, "kill", self._change.tell)

    def _reload_program(self, how: str, name: str) -> None:
        if how == GRACEFUL:
            self._uwsgi(name).reload(name)
        elif how.startswith(SIGNAL):
            self._programs.send_signal(how[len(SIGNAL) :], [name])
        elif how == "restart":
            self._programs.restart([name])
        else:
            self._programs.restart_running([name])

    def _uwsgi(self, program: str) -> UwsgiReload:
        app = next((app for app in self._request.apps if app.reloadable == program), None)
        if not app:
            raise StepFailed(f"the request does not name the app of {program}")
        change = self._change
        return UwsgiReload(self._place, app, self._request.activate, change.tell, lambda: bool(change.is_unwanted()))

    # ---- the app's version -------------------------------------------------------------------------------------

    def note_version(self) -> None:
        """Record which version is current, before anything changes. Raises StepFailed, or OSError."""
        if self._request.software and CURRENT in self._request.reloads:
            self._change.write_lines(CURRENT, [current(self._request.software)])

    def _switch_version(self) -> None:
        software = self._request.software
        if not software:
            raise StepFailed("the request does not name the version")
        if not self._change.is_way_back:
            set_current(software, software.version)
        elif self._change.has(CURRENT):
            set_current(software, "".join(self._change.lines(CURRENT)))

    # ---- Apache ------------------------------------------------------------------------------------------------

    def _reload_apache(self) -> None:
        """Reload Apache. If it has ended, start it by the restart command: a reload needs a running Apache.

        On the way back, do nothing if the files fail Apache's test: a running Apache would end, and could not be
        started again.
        """
        commands, change = self._request.commands, self._change
        if change.is_way_back and commands.configtest:
            tested = run_command(commands.configtest, self._request.sudo_password)
            if tested.code:
                state = "is down" if self._apache_has_ended() else "was not reloaded and still runs"
                said = " ".join(tested.text.split())[:400]
                change.note(f"Apache {state}: the restored files fail its configuration test: {said}")
                raise StepFailed(tested.text)
        if not self._apache_has_ended() or not commands.start:
            problem = self._run_apache(commands.reload)
            if not problem:
                return
            if not (change.is_way_back and commands.start and self._apache_has_ended()):
                raise StepFailed(problem)
            change.say(problem)
        change.note(f"Apache is not running: starting it by '{' '.join(commands.start)[:400]}'")
        problem, is_down = self._run_apache(commands.start), self._apache_has_ended()
        if is_down:
            change.note("Apache is down: it did not start")
        if problem or is_down:
            raise StepFailed(problem)

    def _run_apache(self, words: "list[str]") -> str:
        """Run one of its commands, and wait until Apache answers; why it does not, or "" """
        since = uptime_ticks()
        ended = run_command(words, self._request.sudo_password)
        if ended.code:
            return ended.text or f"'{' '.join(words)}' failed with exit code {ended.code}"
        self._change.say(ended.text)
        return problem_after(since, ports_that_must_answer(self._change))

    def _apache_has_ended(self) -> bool:
        return has_ended(sorted({*self._request.apache.ports, *live_ports(self._request.apache)}))

    # ---- supervisord -------------------------------------------------------------------------------------------

    def _restart_supervisord(self) -> None:
        if state_of(self._place).state == "down":  # it died of the settings that are rolled back now
            start_supervisord(self._place, self._request.activate, self._change.tell)
            self._programs.await_supervisord()
        else:
            self._programs.restart_supervisord()

    def _note_started(self) -> None:
        """A rollback ends only the supervisord that this change has started."""
        state = state_of(self._place)
        found = process(state.pid) if state.state == "up" else None
        if found:
            self._change.write_lines(STARTED, [f"{found.pid} {found.start}"])

    def _started(self) -> int:
        """The process of the supervisord that this change has started; 0 if there is none any more."""
        words = " ".join(self._change.lines(STARTED)).split()
        if len(words) != 2 or not all(word.isdigit() for word in words):
            return 0
        pid, start = map(int, words)
        return pid if is_process(pid, start) else 0

    # ---- after a rollback --------------------------------------------------------------------------------------

    def undo(self) -> None:
        """Reload the same services with the old files; one failure does not stop the others. Raises StepFailed."""
        reloads = self._to_undo()
        with contextlib.suppress(OSError):
            pending_reloads.note_all(self._change, reloads)
        failed = []
        for reload in reloads:
            self._change.begin(step_of(reload))
            try:
                self.do(reload)
            except (StepFailed, OSError) as error:
                self._change.say(str(error))
                failed.append(reload)
            else:
                with contextlib.suppress(OSError):  # an unneeded reload stays pending
                    pending_reloads.note_done(self._change, reload)
        if failed:
            raise StepFailed(f"not reloaded: {', '.join(failed)}")

    def _to_undo(self) -> "list[str]":
        """A supervisord that this change has started is stopped.

        If somebody else has started it since (cron at boot, for example), it is kept and reloaded. If it ran before
        and has ended since, it is started: its programs read the old files then.
        """
        reloads, ran = list(self._request.reloads), self._change.has("running")
        if START in reloads:
            reloads.remove(START)
            if self._started():
                reloads.append(SHUTDOWN)
            elif not ran and os.path.exists(self._place.conf) and state_of(self._place).state == "up":
                self._change.note("somebody else has started supervisord since; it keeps running, with the old files")
                reloads.append(APPLY)
                programs = [app.reloadable for app in self._request.apps if app.reloadable]
                reloads += [f"program {GRACEFUL} {program}" for program in programs]
        if ran and state_of(self._place).state == "down":
            reloads = [line for line in reloads if not line.startswith(("supervisord ", "program "))]
            reloads.append(START)
        return reloads
