"""How supervisord is on a host, as remote/supervisord.sh tells it, and what to do where it cannot be used. Pure."""

from dataclasses import dataclass

from ops.files import supervisord_conf
from ops.schema import Host

UP, DOWN, DEAF, SILENT, ELSEWHERE, REFUSES = "up", "down", "deaf", "silent", "elsewhere", "refuses"
STATES = (UP, DOWN, DEAF, SILENT, ELSEWHERE, REFUSES)


@dataclass(frozen=True)
class Supervisord:
    """One of STATES, its process (None where it does not run or is not known), and what goes with the state.

    DEAF: the file of its socket is missing. SILENT: it listens and does not answer. ELSEWHERE: it runs with our file,
    on the socket `detail`. REFUSES: it cannot be asked, `detail` says why.
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
    if found.state == DOWN and orphans:
        return (
            f"was killed, and its programs still run, without supervision: process {orphans}",
            f"'kill {orphans}' on the host ends them, and the service with them; then {fab} start-supervisord",
        )
    if found.state == DOWN:
        return "is not running, and so no program is", f"{fab} start-supervisord; on a new host: {fab} deploy"
    if found.state == DEAF:
        restarts = "makes the socket again, and restarts all programs: requests in progress are lost"
        return (
            f"runs as {process}, and its socket {socket} is missing: its programs go on, it cannot be asked",
            f"'kill -HUP {found.pid}' on the host {restarts}" if found.pid else f"whoever runs it there {restarts}",
        )
    if found.state == SILENT:
        look = f"'ps -o pid,stat,wchan:20,etime,args -p {found.pid}'" if found.pid else "ps"
        return (
            f"runs as {process}: it listens on {socket}, and does not answer",
            f"see with {look} on the host what it is at (T: somebody suspended it); "
            f"{fab} tail-logs --programs=supervisord",
        )
    if found.state == ELSEWHERE:
        return (
            f"runs as {process} with {supervisord_conf(host)} on the socket {found.detail}; the "
            f"inventory has {socket}",
            f'set supervisor.socket to "{found.detail}" in the inventory',
        )
    if found.state == REFUSES:
        return f"cannot be asked ({process}): {found.detail}", f"see to that on the host, then {fab} doctor"
    return None
