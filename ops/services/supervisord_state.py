"""The state of supervisord on a host, as the agent reports it, and what to do about a bad one. Pure."""

from dataclasses import dataclass

from ops.agent.service_messages import SupervisordState
from ops.rendering.rendered_file import supervisord_conf
from ops.schema import Host

UP, DOWN, DEAF, SILENT, ELSEWHERE, REFUSES = "up", "down", "deaf", "silent", "elsewhere", "refuses"
STATES = (UP, DOWN, DEAF, SILENT, ELSEWHERE, REFUSES)


@dataclass(frozen=True)
class Supervisord:
    """One of STATES, the process (None: it does not run, or is unknown), and the `detail` of the state.

    DEAF: its socket's file is missing. SILENT: it listens but does not answer. ELSEWHERE: it runs with our file,
    or else with `conf`, on the socket `detail`. REFUSES: it rejects requests, `detail` says why. DOWN: `detail` says
    who stopped it and when, if a task of ours did.
    """

    state: str
    pid: int | None = None
    detail: str = ""
    conf: str = ""


def read(found: SupervisordState) -> Supervisord:
    """The state from the agent's answer. Raises ValueError."""
    if found.state not in STATES:
        raise ValueError("it does not say whether supervisord runs")
    return Supervisord(found.state, found.pid or None, found.detail, found.conf)


def trouble(host: Host, found: Supervisord, orphans: str = "") -> tuple[str, str] | None:
    """What is wrong with supervisord, and what to do; None if it is up.

    `orphans`: process ids of programs that a killed supervisord left running.
    """
    fab, socket, process = f"fab -H {host.name}", host.supervisor.socket, f"process {found.pid or 'unknown'}"
    wrong = advice = ""
    if found.state == DOWN and orphans:
        wrong = f"was killed, and its programs still run without supervision: process {orphans}"
        advice = f"'kill {orphans}' on the host ends them and the service; then {fab} start-supervisord"
    elif found.state == DOWN:
        stopped = f" (stopped by {found.detail})" if found.detail else ""
        wrong = f"is not running{stopped}, nor is any program"
        advice = f"{fab} start-supervisord; on a new host: {fab} deploy"
    elif found.state == DEAF:
        wrong = f"runs as {process}, but its socket {socket} is missing: its programs run, but cannot be controlled"
        advice = (
            f"'kill -HUP {found.pid}' on the host recreates the socket and restarts all programs: requests in "
            "progress are lost"
            if found.pid
            else "another account runs it: find its owner"
        )
    elif found.state == SILENT:
        wrong = f"runs as {process}: it listens on {socket}, but does not answer"
        look = f"'ps -o pid,stat,wchan:20,etime,args -p {found.pid}'" if found.pid else "ps"
        advice = f"{look} on the host shows what it does (T: suspended); {fab} tail-logs --programs=supervisord"
    elif found.state == ELSEWHERE and found.conf:
        wrong = f"runs as {process} with {found.conf}; the inventory has {supervisord_conf(host)}, which is not there"
        advice = f"fab import {host.name} shows how the host is set up; supervisor.file is its file in the inventory"
    elif found.state == ELSEWHERE:
        wrong = f"runs as {process} with {supervisord_conf(host)} on the socket {found.detail}"
        wrong += f"; the inventory has {socket}"
        advice = f'set supervisor.socket to "{found.detail}" in the inventory'
    elif found.state == REFUSES:
        wrong = f"rejects requests ({process}): {found.detail}"
        advice = f"fix that on the host, then {fab} doctor"
    return (wrong, advice) if wrong else None
