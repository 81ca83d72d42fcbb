"""Changes of supervisord's programs: its new configuration, starts, stops, restarts and reloads."""

import time
from xmlrpc.client import Fault

from ops.agent import stop_notes
from ops.agent.program_settling import (
    ON_PURPOSE,
    RUNNING,
    STARTING,
    TICK,
    need_known,
    not_stopped,
    settle,
    start_settings,
    started_state,
)
from ops.agent.service_messages import ProgramChanged
from ops.agent.step_failed import StepFailed
from ops.agent.supervisord_rpc import LONG_SECONDS, processes
from ops.agent.taken_files import TakenFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ops.agent.narration import Tell
    from ops.agent.supervisord_rpc import Server

LEFT_STOPPED = "left stopped"
SIGNAL = "signal-"  # before a signal's name, in how a program reloads


def changed_groups(server: "Server") -> "tuple[list[str], list[str], list[str]]":
    """(added, changed, removed) names of groups, after supervisord has read its configuration again."""
    added, changed, removed = server("reloadConfig")[0]
    return list(added), list(changed), list(removed)


class ProgramChanges:
    """Each method tells what it does to which program.

    They raise StepFailed if a program does not run afterwards, and what `server` raises.
    """

    def __init__(self, server: "Server", state_dir: str, tell: "Tell") -> None:
        self._server = server
        self._state_dir = state_dir
        self._taken = TakenFiles(state_dir)
        self._tell = tell

    def apply(self, only: "list[str]") -> None:
        """Apply the configuration on disk, but to no group that an operator has stopped.

        Only groups that changed, and that are in `only` or have a program there, if that names some.
        """
        of = [group_of(name) for name in only]
        added, changed, removed = (
            [group for group in groups if not of or group in of] for groups in changed_groups(self._server)
        )
        settings = start_settings(self._server)
        for group in removed:
            self._server("stopProcessGroup", group, seconds=LONG_SECONDS)
            gone = self._members(group)
            self._server("removeProcessGroup", group)
            for name in gone:
                self._did(name, "removed")
        taken = []
        for group in changed:
            own = self._members(group)
            autostart = any(settings.get(name, {}).get("autostart", True) for name in own)
            if autostart and not not_stopped(self._server, own):
                for name in own:
                    self._did(name, LEFT_STOPPED)
                continue
            taken += self._replace(group)
        for group in added:
            for name in self._add(group):
                self._did(name, "added")
                taken.append(name)
        time.sleep(TICK)
        settle(self._server, not_stopped(self._server, taken), self._tell)

    def start(self, names: "list[str]") -> None:
        """Start programs; a group whose configuration changed is replaced first."""
        added, changed, _ = changed_groups(self._server)
        found = processes(self._server)
        need_known(self._server, [name for name in names if name not in found and group_of(name) not in added])
        replaced = []
        for group in dict.fromkeys(map(group_of, names)):
            if group in added:
                self._server("addProcessGroup", group)
            elif group in changed:
                replaced += self._replace(group, names)
        for name in names:
            if self._server("getProcessInfo", name)["statename"] in (RUNNING, STARTING) and name not in replaced:
                self._did(name, "was running")
                continue
            try:
                self._server("startProcess", name, False)
            except Fault as fault:
                if "ALREADY_STARTED" not in fault.faultString:
                    raise
            self._taken.took(name)
            self._did(name, "started")
        settle(self._server, names, self._tell)

    def stop(self, names: "list[str]") -> None:
        """Stop programs, whatever their states."""
        need_known(self._server, names)
        for name in names:
            self._did(name, "stopped" if self._stop_one(name) else "was stopped")

    def restart(self, names: "list[str]") -> None:
        """Stop and start one after the other, so that no failure leaves the next one stopped."""
        changed_groups(self._server)
        need_known(self._server, names)
        failures = []
        for name in names:
            try:
                self._stop_one(name)
                self.start([name])
                self._did(name, "restarted")
            except StepFailed as failure:
                failures.append(failure.evidence)
            except Fault as fault:
                failures.append(fault.faultString)
        if failures:
            raise StepFailed("\n".join(failures))

    def restart_running(self, names: "list[str]") -> None:
        """Restart those of `names` that are not stopped on purpose."""
        need_known(self._server, names)
        alive = not_stopped(self._server, names)
        for name in names:
            if name not in alive:
                self._did(name, LEFT_STOPPED)
        self.restart(alive)

    def send_signal(self, signal: str, names: "list[str]", at_once: "Callable[[], None]" = lambda: None) -> None:
        """Let programs reload; one that has died, of its last reload perhaps, is started.

        `at_once` is called when they have the signal, before their states are awaited.
        """
        need_known(self._server, names)
        for name in names:
            state = started_state(self._server, name)
            if state == RUNNING:
                self._server("signalProcess", name, signal)
                self._taken.took(name)
                self._did(name, f"reloaded (SIG{signal})")
            elif state in ON_PURPOSE:
                self._did(name, LEFT_STOPPED)
            else:
                self.start([name])
        at_once()
        time.sleep(TICK)  # a master that cannot read its new file dies of it at once
        settle(self._server, not_stopped(self._server, names), self._tell)

    def reload_changed(self, names: "list[str]", reloads: "list[tuple[str, str, str]]") -> None:
        """Apply what changed.

        `names` as in `apply`; `reloads`: (program, how it reloads, file), where how is "signal-NAME" or
        "restart-running".
        """
        self.apply(names)
        for name, how, path in reloads:
            if self._taken.is_due(name, path):
                if how.startswith(SIGNAL):
                    self.send_signal(how[len(SIGNAL) :], [name])
                else:
                    self.restart_running([name])

    def _did(self, name: str, did: str) -> None:
        self._tell(ProgramChanged(program=name, did=did))

    def _members(self, group: str) -> "list[str]":
        return [name for name, info in processes(self._server).items() if info["group"] == group]

    def _add(self, group: str) -> "list[str]":
        """Add a group; its processes."""
        self._server("addProcessGroup", group)
        members = self._members(group)
        for name in members:
            self._taken.took(name)
        return members

    def _replace(self, group: str, wanted: "Sequence[str]" = ()) -> "list[str]":
        """Replace a group, which supervisord does as a whole; its processes now.

        What an operator had stopped in it is stopped again, but not `wanted`; what ran is started, autostart or not.
        """
        before = self._members(group)
        alive = not_stopped(self._server, before)
        self._server("stopProcessGroup", group, seconds=LONG_SECONDS)
        self._server("removeProcessGroup", group)
        members = self._add(group)
        stopped = [name for name in members if name in before and name not in (*alive, *wanted)]
        ran = [name for name in members if name in alive]
        idle = sorted(set(ran) - set(not_stopped(self._server, ran)))
        if stopped or idle:
            time.sleep(TICK)  # or supervisord would start them after this
        for name in sorted(set(idle) - set(not_stopped(self._server, idle))):
            self._server("startProcess", name, False)
        for name in stopped:
            self._stop_one(name)
            stop_notes.renew(self._state_dir, name)
        for name in members:
            if name not in wanted:
                did = "restarted with its new configuration" if name in before else "added"
                self._did(name, LEFT_STOPPED if name in stopped else did)
        return members

    def _stop_one(self, name: str) -> bool:
        """Stop a program, whatever its state; whether it was alive."""
        try:
            self._server("stopProcess", name, seconds=LONG_SECONDS)
        except Fault as fault:
            if "NOT_RUNNING" not in fault.faultString:
                raise
            return False
        return True


def group_of(name: str) -> str:
    """The group of a process with this full name, or of a group itself."""
    return name.split(":")[0]
