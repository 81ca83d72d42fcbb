"""The restart of supervisord itself, and the wait until it answers."""

import time
from xmlrpc.client import Fault

from ops.agent import stop_notes
from ops.agent.program_changes import ProgramChanges
from ops.agent.program_settling import STOPPED, TICK, not_stopped, settle
from ops.agent.service_messages import ProgramChanged
from ops.agent.step_failed import StepFailed
from ops.agent.supervisord_rpc import Refused, Server, processes
from ops.agent.taken_files import TakenFiles

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.narration import Tell
    from ops.agent.service_messages import SupervisordPlace

RESTART = 60.0  # seconds within which supervisord must answer again
PAUSE = 1.0  # seconds in which it still answers as before


def restart(place: "SupervisordPlace", tell: "Tell") -> None:
    """Restart it: what an operator had stopped is stopped again, what he had started is started."""
    server, taken = Server(place), TakenFiles(place.state_dir)
    before = processes(server)
    stopped = [name for name, info in before.items() if info["statename"] == STOPPED]
    alive = not_stopped(server, list(before))
    mark = _mark(server)
    server("restart")
    time.sleep(PAUSE)
    server = _awaited(place, mark)
    changes = ProgramChanges(server, place.state_dir, tell)
    tell(ProgramChanged(did="restarted with all its programs"))
    now = processes(server)
    for name in now:
        taken.took(name)
    changes.stop([name for name in stopped if name in now])
    for name in stopped:
        stop_notes.renew(place.state_dir, name)
    time.sleep(TICK)
    changes.start([name for name in alive if name in now])


def await_programs(place: "SupervisordPlace", tell: "Tell") -> None:
    """Wait for a supervisord that was just started, and for its programs."""
    server, taken = _awaited(place), TakenFiles(place.state_dir)
    for name in processes(server):
        taken.took(name)
    time.sleep(TICK)
    settle(server, not_stopped(server, list(processes(server))), tell)


def _mark(server: Server) -> "tuple[int, int]":
    """Its process, which a restart keeps, and its newest program's start: they tell it from an earlier start."""
    return server("getPID"), max([0, *(info["start"] for info in processes(server).values())])


def _awaited(place: "SupervisordPlace", before: "tuple[int, int] | None" = None) -> Server:
    """Wait for supervisord, one that is newer than `before`. Raises StepFailed."""
    end = time.monotonic() + RESTART
    while True:
        server = Server(place)  # it may want another password than the last one
        try:
            if server("getState")["statename"] == "RUNNING":
                mark = _mark(server)
                if before is None or mark[1] == 0 or mark != before:
                    return server
        except (OSError, Fault, Refused):
            pass
        if time.monotonic() > end:
            raise StepFailed(f"supervisord does not answer on its socket within {RESTART:.0f} seconds")
        time.sleep(0.2)
