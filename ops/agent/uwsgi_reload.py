"""The reload of the app's uWSGI, during which a standby serves, and the validation before its restart.

While uWSGI's master reads its file and imports the app again, it serves nobody, for as long as the import and the
longest request take. During that time a second uWSGI with the same file and app serves on the same sockets, which the
master shares (zerg server). It starts first; if it does not answer, the master is not reloaded. Measurements:
docs/decisions/reload.md. Source: uWSGI's documentation, "Zerg mode" and "The Art of Graceful Reloading".
"""

import time

from ops.agent.app_socket import problem_of
from ops.agent.service_messages import Note
from ops.agent.standby_end import KILL, LEAVE, RESTART_MERCY, end_standbys
from ops.agent.standby_gate import OldWorkers
from ops.agent.step_failed import StepFailed
from ops.agent.supervised_programs import SupervisedPrograms
from ops.agent.uwsgi_serving import Serving, hands_out
from ops.agent.uwsgi_standby import NO_CONNECTION, Room, Standby

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.agent.narration import Tell
    from ops.agent.service_messages import App, SupervisordPlace

END_SECONDS = 5.0  # for a standby's requests after the reload
APP_SECONDS = 10.0  # for the running app's answer
SLOW_SECONDS = 15.0  # after which the operator reads what is awaited
CHECK_SECONDS = 5.0  # between looks at supervisord
PAUSE = 0.2


class UwsgiReload:
    """The app's uWSGI. Its methods raise StepFailed.

    `is_unwanted` ends the wait for the new workers early.
    """

    def __init__(
        self,
        place: "SupervisordPlace",
        app: "App",
        activate: str,
        tell: "Tell",
        is_unwanted: "Callable[[], bool]" = lambda: False,
    ) -> None:
        self._place = place
        self._app = app
        self._activate = activate
        self._tell = tell
        self._is_unwanted = is_unwanted
        self._programs = SupervisedPrograms(place, tell)
        self._standby = Standby(app, place.state_dir)

    def reload(self, name: str) -> None:
        """Reload program `name`, and wait until its new workers serve; start it, if it has died."""
        self._end(0, LEAVE)  # of an earlier reload
        if not self._programs.is_running(name):
            self._end(RESTART_MERCY, KILL)
            self._programs.send_signal("HUP", [name])
            return
        zerg = self._app.handover
        if not hands_out(zerg):
            zerg = ""  # the second uWSGI then only validates the file and the app
            self._note(
                name, "it runs no zerg server yet (it will after this reload): requests wait during this reload"
            )
        prevented, room = "", Room(self._app)
        if zerg and not room.threads and self._app.spare_requests:
            zerg = ""
            self._note(name, "the database allows no more connections: requests wait during this reload")
        if self._app.spare_requests == 0:
            prevented = f"not validated: {NO_CONNECTION}"
        elif not self._standby.write_file():
            prevented = f"no space for a second uWSGI on the disk of {self._place.state_dir}"
        elif room.workers < 1:
            memory = f"{room.free} kB; a worker has {room.each} kB"
            prevented = f"not enough free memory for a second uWSGI ({memory})"
        if prevented:
            self._note(name, f"{prevented}: requests wait during the reload")
            self._programs.send_signal("HUP", [name])
            return
        self._start_standby(room, zerg)
        try:
            if zerg:
                self._standby.prepare(room.workers)
            serving, old = Serving(self._app.ini, self._place.state_dir), OldWorkers(self._programs.process_of(name))

            def hand_over() -> None:
                old.await_stop()
                self._standby.serve()

            self._programs.send_signal("HUP", [name], hand_over)
            self._await_workers(name, serving)
        finally:
            self._end(END_SECONDS, LEAVE)

    def validate_restart(self, name: str) -> None:
        """Before a restart of program `name`, a second uWSGI validates its current file and app.

        If it does not serve, the restart is refused as long as the first one serves.
        """
        if not self._programs.is_running(name):
            return
        self._end(0, LEAVE)  # of an earlier reload
        if self._app.spare_requests == 0:
            self._note(name, f"not validated before the restart: {NO_CONNECTION}")
            return
        room = Room(self._app)
        if room.workers < 1 or not self._standby.write_file():
            self._standby.remove_file()
            self._note(name, "not validated before the restart: not enough memory or disk space for a second uWSGI")
            return
        try:
            self._start_standby(room, "")  # it ends with those of an earlier reload, before the program does
        except StepFailed:
            if not problem_of(self._app, self._app.listen, APP_SECONDS, lambda: True):
                raise
            self._note(
                name, "the app does not answer, and a second uWSGI does not serve either: restarting it anyway"
            )

    def has_other_settings(self, name: str) -> bool:
        """Whether the program has other settings on disk, with which it will be restarted.

        No, if supervisord cannot say so: the step that restarts it tells why.
        """
        try:
            return bool(name) and self._programs.is_changed(name)
        except StepFailed:
            return False

    def end_standbys_before_changes(self, name: str) -> None:
        """End the standbys, if the program will be restarted."""
        if self.has_other_settings(name):
            self._end(RESTART_MERCY, KILL)

    def _end(self, seconds: float, then: str) -> None:
        end_standbys(self._place.state_dir, seconds, then, self._tell)

    def _note(self, name: str, text: str) -> None:
        self._tell(Note(text=f"{name}: {text}"))

    def _start_standby(self, room: Room, zerg: str) -> None:
        try:
            self._standby.start(self._activate, self._standby.words(room, zerg))
        except StepFailed as failed:
            self._end(END_SECONDS, LEAVE)
            said = f"{self._standby.end_of_log()}\n{failed.evidence}".strip()
            raise StepFailed(
                f"{said}\na second uWSGI with the current file and app does not serve; the running uWSGI is unchanged"
            ) from None

    def _await_workers(self, name: str, serving: "Serving") -> None:
        """Wait until it has a worker that accepts requests; the limit is one request and one start."""
        begun = time.monotonic()
        checked, is_told = begun, False
        while not serving.has_begun():
            now = time.monotonic()
            if now - begun >= SLOW_SECONDS and not is_told:
                is_told = True
                self._note(
                    name,
                    "its old workers still have requests, or the app is slow to import; a second uWSGI serves",
                )
            is_late = now - begun > self._app.timeout + self._app.start
            if not is_late and now - checked >= CHECK_SECONDS:
                checked, is_late = now, not self._programs.is_running(name)  # it has fallen
            if is_late or self._is_unwanted():
                raise StepFailed(f"{name} does not serve after the reload")
            time.sleep(PAUSE)
