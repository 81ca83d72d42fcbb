"""The states of supervisord's programs: as they are, and once they have started."""

import time
from xmlrpc.client import Fault

from ops.agent.service_messages import ProgramChanged
from ops.agent.step_failed import StepFailed
from ops.agent.supervisord_rpc import full_name, processes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ops.agent.narration import Tell
    from ops.agent.supervisord_rpc import Server

SETTLE = 15.0  # seconds after a program's startsecs within which it must reach RUNNING
STARTSECS = 10.0  # if supervisord does not say
TICK = 1.1  # seconds: by then supervisord has started what is new, and noticed what has ended
RUNNING, STARTING, STOPPED = "RUNNING", "STARTING", "STOPPED"
ON_PURPOSE = ("STOPPED", "STOPPING")  # somebody has stopped it
UNSETTLED = ("STARTING", "BACKOFF", "STOPPING")


def start_settings(server: "Server") -> "dict[str, dict[str, Any]]":
    """Full name of a process to what the configuration on disk says of its start; empty for an old supervisor."""
    try:
        return {full_name(item): item for item in server("getAllConfigInfo")}
    except Fault:
        return {}


def settle(server: "Server", names: "list[str]", tell: "Tell") -> None:
    """Wait until each of `names` runs, or has ended as its configuration allows. Raises StepFailed."""
    settings = start_settings(server)
    fallen = []
    for name in names:
        end = time.monotonic() + _seconds_to_start(settings, name)
        info = server("getProcessInfo", name)
        while info["statename"] in UNSETTLED and time.monotonic() <= end:
            time.sleep(0.1)
            info = server("getProcessInfo", name)
        tell(ProgramChanged(program=name, state=info["statename"], pid=info["pid"]))
        if info["statename"] not in (RUNNING, STOPPED) and not _has_ended_well(info, settings):
            why = info["spawnerr"] or f"it ended with status {info['exitstatus']}"
            fallen.append(f"program {name} is {info['statename']}: {why}")
    if fallen:
        raise StepFailed("\n".join(fallen))


def started_state(server: "Server", name: str) -> str:
    """A program's state, "" if there is none.

    Of one that is starting once it has: it may have read its old file.
    """
    end = time.monotonic() + _seconds_to_start(start_settings(server), name)
    while True:
        found = processes(server).get(name)
        state = str(found["statename"]) if found else ""
        if state != STARTING or time.monotonic() > end:
            return state
        time.sleep(0.2)


def not_stopped(server: "Server", names: "list[str]") -> "list[str]":
    """Those of `names` that nobody has stopped on purpose."""
    found = processes(server)
    return [name for name in names if name in found and found[name]["statename"] not in ON_PURPOSE]


def need_known(server: "Server", names: "list[str]") -> None:
    """Fail before anything is touched if a name is not supervisord's. Raises StepFailed."""
    found = processes(server)
    unknown = [name for name in names if name not in found]
    if unknown:
        raise StepFailed(f"supervisord does not know {', '.join(unknown)}: deploy its configuration first")


def _seconds_to_start(settings: "dict[str, dict[str, Any]]", name: str) -> float:
    return float(settings.get(name, {}).get("startsecs", STARTSECS)) + SETTLE


def _has_ended_well(info: "dict[str, Any]", settings: "dict[str, dict[str, Any]]") -> bool:
    expected = settings.get(full_name(info), {}).get("exitcodes", [0])
    return info["statename"] == "EXITED" and info["exitstatus"] in expected
