"""How supervisord is on a host, as remote/supervisord.sh tells it, and what to do where it cannot be used. Pure."""

from dataclasses import dataclass

from ops.rendering.rendered_file import supervisord_conf
from ops.schema import Host

UP, DOWN, DEAF, SILENT, ELSEWHERE, REFUSES = "up", "down", "deaf", "silent", "elsewhere", "refuses"
STATES = (UP, DOWN, DEAF, SILENT, ELSEWHERE, REFUSES)


@dataclass(frozen=True)
class Supervisord:
    """One of STATES, its process (None where it does not run or is not known), and what goes with the state.

    DEAF: the file of its socket is missing. SILENT: it listens and does not answer. ELSEWHERE: it runs with our file,
    on the socket `detail`. REFUSES: it cannot be asked, `detail` says why. DOWN: `detail` says who has stopped it
    and since when, where a task of ours did.
    """

    state: str
    pid: int | None = None
    detail: str = ""


def parse(text: str) -> Supervisord:
    """Read "STATE [PID [DETAIL]]". Raises ValueError."""
    state, _, rest = text.partition(" ")
    pid, _, detail = rest.partition(" ")
    if state not in STATES:
        raise ValueError("it does not say whether supervisord runs")
    return Supervisord(state, int(pid or 0) or None, detail)


def trouble(host: Host, found: Supervisord, orphans: str = "") -> tuple[str, str] | None:
    """What is wrong with supervisord, and what to do; None where it is up.

    `orphans` are process ids of programs that a killed one left behind.
    """
    fab, socket, process = f"fab -H {host.name}", host.supervisor.socket, f"process {found.pid or 'unknown'}"
    wrong = advice = ""
    if found.state == DOWN and orphans:
        wrong = f"was killed, and its programs still run, without supervision: process {orphans}"
        advice = f"'kill {orphans}' on the host ends them, and the service with them; then {fab} start-supervisord"
    elif found.state == DOWN:
        stopped = f" (stopped by {found.detail})" if found.detail else ""
        wrong = f"is not running{stopped}, and so no program is"
        advice = f"{fab} start-supervisord; on a new host: {fab} deploy"
    elif found.state == DEAF:
        wrong = f"runs as {process}, and its socket {socket} is missing: its programs go on, it cannot be asked"
        advice = (
            f"'kill -HUP {found.pid}' on the host makes the socket again, and restarts all programs: requests in "
            "progress are lost"
            if found.pid
            else "it is another account's: ask whose it is"
        )
    elif found.state == SILENT:
        wrong = f"runs as {process}: it listens on {socket}, and does not answer"
        look = f"'ps -o pid,stat,wchan:20,etime,args -p {found.pid}'" if found.pid else "ps"
        advice = f"see with {look} on the host what it is at (T: suspended); {fab} tail-logs --programs=supervisord"
    elif found.state == ELSEWHERE:
        wrong = f"runs as {process} with {supervisord_conf(host)} on the socket {found.detail}"
        wrong += f"; the inventory has {socket}"
        advice = f'set supervisor.socket to "{found.detail}" in the inventory'
    elif found.state == REFUSES:
        wrong = f"cannot be asked ({process}): {found.detail}"
        advice = f"see to that on the host, then {fab} doctor"
    return (wrong, advice) if wrong else None
