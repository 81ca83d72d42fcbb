"""The states of supervisord's programs. Changes nothing."""

import os
import re
import time
from xmlrpc.client import Fault

from ops.agent import stop_notes
from ops.agent.programs_messages import ProgramReport, ProgramsReport
from ops.agent.release_folders import text_of
from ops.agent.service_messages import SurvivalFacts
from ops.agent.supervisord_process import orphans
from ops.agent.supervisord_rpc import Refused, Server, full_name
from ops.agent.supervisord_state import state_of
from ops.agent.survival import survival_of
from ops.agent.time_zones import use_zone, zone_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.messages import Message
    from ops.agent.programs_messages import ProgramsRequest

LATE = 300  # seconds
EVENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}),[0-9]+ [A-Z]+ (exited|stopped|gave up): (\S+) "
)
LOG_BYTES = 65536  # of supervisord's log


def answer(request: "ProgramsRequest") -> "Iterator[Message]":
    """supervisord's state; with it up, its programs and what it survives."""
    place = request.supervisord
    found = ProgramsReport(supervisord=state_of(place), programs=[], orphans=[], survival=SurvivalFacts())
    if found.supervisord.state == "down":
        found.orphans = orphans(place)
        found.stopped_by = stop_notes.of_supervisord(place.state_dir)
    elif found.supervisord.state == "up":
        found.survival = survival_of(found.supervisord.pid)
        try:
            found.programs = list(_programs(Server(place), place.state_dir))
        except Fault as fault:
            found.problem = f"supervisord rejected the request: {fault.faultString}"
        except (OSError, Refused) as error:
            found.problem = str(error)
        except (TypeError, LookupError) as error:
            found.problem = f"supervisord's answer cannot be read: {error}"
    yield found


def _programs(server: Server, state_dir: str) -> "Iterator[ProgramReport]":
    exit_codes, ended = _exit_codes(server), _ended_of_late(server)
    found = server("getAllProcessInfo")
    short = [info["name"] for info in found]  # as the log has them, without their groups
    for info in found:
        name = full_name(info)
        expected = exit_codes.get(name, [0])
        yield ProgramReport(
            program=name,
            state=info["statename"],
            pid=info["pid"],
            since=info["start"],
            stopped=info["stop"],
            now=info["now"],
            expected=info["statename"] == "EXITED" and info["exitstatus"] in expected,
            exit_status=info["exitstatus"],
            error=info["spawnerr"],
            ended=ended.get(info["name"], 0) if short.count(info["name"]) == 1 else 0,
            stopped_by=_stopped_by(state_dir, name, info["start"]),
        )


def _exit_codes(server: Server) -> "dict[str, list[int]]":
    """Full name of a process to the exit codes that its settings on disk expect; empty for an old supervisor."""
    try:
        return {full_name(item): item.get("exitcodes", [0]) for item in server("getAllConfigInfo")}
    except Fault:
        return {}


def _ended_of_late(server: Server) -> "dict[str, int]":
    """Process to how often it ended by itself of late, since it was last stopped or given up (supervisord's log)."""
    ends: dict[str, int] = {}
    try:
        text = server("readLog", -LOG_BYTES, 0)
        use_zone(zone_of(server("getPID")))
    except (Fault, OSError, Refused):  # it keeps no log, or one that XML cannot hold: then this is not known
        return ends
    for moment, what, name in EVENT.findall(text):
        if what != "exited":
            ends.pop(name, None)
        elif time.time() - _seconds(moment) <= LATE:
            ends[name] = ends.get(name, 0) + 1
    return ends


def _seconds(moment: str) -> float:
    return time.mktime(time.strptime(moment, "%Y-%m-%d %H:%M:%S"))


def _stopped_by(state_dir: str, name: str, started: int) -> str:
    """The task of ours that stopped a program; "" if it was started again since."""
    path = stop_notes.note_of(state_dir, name)
    try:
        if os.path.getmtime(path) < started:
            return ""
    except OSError:
        return ""
    return text_of(path).partition("\n")[0].strip()
