"""The programs of supervisord, asked and changed over its own interface."""

import contextlib
from xmlrpc.client import Fault

from ops.agent.program_changes import SIGNAL, ProgramChanges, changed_groups, group_of
from ops.agent.program_settling import RUNNING, settle, started_state
from ops.agent.step_failed import StepFailed
from ops.agent.supervisord_restart import await_programs, restart
from ops.agent.supervisord_rpc import Refused, Server, full_name, processes
from ops.agent.taken_files import TakenFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ops.agent.narration import Tell
    from ops.agent.service_messages import SupervisordPlace


class SupervisedPrograms:
    """The programs of a supervisord that answers; the names are full ones, GROUP:NAME if they differ.

    What changes is told as ProgramChanged. Each method raises StepFailed.
    """

    def __init__(self, place: "SupervisordPlace", tell: "Tell") -> None:
        self._place = place
        self._tell = tell
        self._taken = TakenFiles(place.state_dir)

    # ---- questions -----------------------------------------------------------------------------------------

    def running(self) -> "list[str]":
        """The programs that run."""
        return [name for name, state in self.states().items() if state == RUNNING]

    def states(self) -> "dict[str, str]":
        """supervisord's word for the state of each program."""
        with self._asked("states") as server:
            return {name: str(info["statename"]) for name, info in processes(server).items()}

    def process_of(self, name: str) -> int:
        """The process id of a program; 0 if it does not run."""
        with self._asked("process-of") as server:
            return int(server("getProcessInfo", name)["pid"])

    def is_running(self, name: str) -> bool:
        """Whether it runs; waits for one that is starting."""
        with self._asked("is-running") as server:
            return started_state(server, name) == RUNNING

    def is_changed(self, name: str) -> bool:
        """Whether the program's group is to be started with other settings than it has."""
        with self._asked("is-changed") as server:
            added, changed, _ = changed_groups(server)
            return group_of(name) in (*added, *changed)

    def is_due(self, name: str, path: str) -> bool:
        """Whether the file exists, and has changed since the program last read it."""
        return self._taken.is_due(name, path)

    def check_still_running(self, before: "list[str]") -> None:
        """Every program that ran `before`, and is still there, must run."""
        with self._asked("compare") as server:
            found = processes(server)
            settle(server, [name for name in before if name in found], self._tell)
            now = processes(server)
            fallen = [name for name in before if name in now and now[name]["statename"] != RUNNING]
            if fallen:
                raise StepFailed(f"running before, but not now: {', '.join(fallen)}")

    def describe(self) -> str:
        """The programs' states for a reader, a line each."""
        with self._asked("describe") as server:
            return "\n".join(
                f"{full_name(info):<32} {info['statename']:<9} {info['spawnerr'] or info['description']}"
                for info in server("getAllProcessInfo")
            )

    # ---- changes (program_changes.py) ----------------------------------------------------------------------

    def apply(self, only: "list[str]") -> None:
        """Apply the configuration on disk, to the groups or programs in `only` if that names some."""
        with self._changes("apply") as changes:
            changes.apply(only)

    def start(self, names: "list[str]") -> None:
        """Start programs with their current settings."""
        with self._changes("start") as changes:
            changes.start(names)

    def stop(self, names: "list[str]") -> None:
        """Stop programs."""
        with self._changes("stop") as changes:
            changes.stop(names)

    def stop_all(self) -> None:
        """Stop all programs."""
        with self._changes("stop-all") as changes:
            changes.stop(list(self.states()))

    def restart(self, names: "list[str]") -> None:
        """Restart programs with their current settings."""
        with self._changes("restart") as changes:
            changes.restart(names)

    def restart_running(self, names: "list[str]") -> None:
        """Restart those of the programs that are not stopped on purpose."""
        with self._changes("restart-running") as changes:
            changes.restart_running(names)

    def send_signal(self, signal: str, names: "list[str]", at_once: "Callable[[], None]" = lambda: None) -> None:
        """Let programs reload by a signal, "HUP" for example; one that has died is started.

        `at_once` is called when they have the signal.
        """
        with self._changes(f"{SIGNAL}{signal}") as changes:
            changes.send_signal(signal, names, at_once)

    def reload_changed(self, names: "list[str]", reloads: "list[tuple[str, str, str]]") -> None:
        """Apply what changed: settings of `names` (all, if empty), then files: (program, how, file)."""
        with self._changes("reload-changed") as changes:
            changes.reload_changed(names, reloads)

    # ---- supervisord itself --------------------------------------------------------------------------------

    def restart_supervisord(self) -> None:
        """Restart supervisord; what was stopped is stopped again."""
        with self._asked("reload"):
            restart(self._place, self._tell)

    def await_supervisord(self) -> None:
        """Wait for a supervisord that was just started, and for its programs."""
        with self._asked("await"):
            await_programs(self._place, self._tell)

    def shut_down(self) -> None:
        """Tell supervisord to end; it does so once its programs have."""
        with self._asked("shutdown") as server:
            server("shutdown")

    @contextlib.contextmanager
    def _changes(self, action: str) -> "Iterator[ProgramChanges]":
        with self._asked(action) as server:
            yield ProgramChanges(server, self._place.state_dir, self._tell)

    @contextlib.contextmanager
    def _asked(self, action: str) -> "Iterator[Server]":
        """supervisord, for one action: whatever goes wrong with it is StepFailed."""
        try:
            yield Server(self._place)
        except Fault as fault:
            raise StepFailed(f"supervisord rejected '{action}': {fault.faultString}") from None
        except Refused as refused:
            raise StepFailed(str(refused)) from None
        except OSError as error:
            raise StepFailed(f"supervisord cannot be reached on {self._place.socket}: {error}") from None
        except (TypeError, LookupError) as error:
            raise StepFailed(f"supervisord's answer cannot be read: {error!r}") from None
