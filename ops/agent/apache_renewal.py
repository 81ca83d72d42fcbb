"""After a reload or restart: does a new Apache answer?"""

import time

from ops.agent.apache_ports import listeners, tls_answers
from ops.agent.apache_processes import apache_parent, child_starts
from ops.agent.host_processes import sees_others

TRIES, PAUSE = 60, 0.5  # seconds between them
SURELY_ENDED = 8  # tries after which an Apache without processes has ended
STAYS = 1.0  # seconds: an Apache that cannot use its files ends soon after its start


def has_ended(ports: "list[int]") -> bool:
    """Whether none of Apache's processes is left; if this account cannot see them, whether nobody listens there."""
    if sees_others():
        return not apache_parent()
    return bool(ports) and not any(listeners(port) for port in ports)


def problem_after(since: int, ports: "list[int]") -> str:
    """Wait for an Apache with a process that started after `since` (clock ticks), and that answers on the ports.

    Why there is none, or "".
    """
    if not ports:
        return ""
    tries = 0
    while True:
        missing = _missing(since, ports)
        if not missing:
            time.sleep(STAYS)
            missing = _missing(since, ports)
        if not missing:
            return ""
        tries += 1
        if tries > SURELY_ENDED and sees_others() and not apache_parent():
            return "Apache has ended: none of its processes is left"
        if tries > TRIES:
            return f"after 30 seconds {missing} is not answered by a process that started after the reload"
        time.sleep(PAUSE)


def _missing(since: int, ports: "list[int]") -> str:
    """What is not there yet, or ""; if this account sees no process of Apache's, only the ports count."""
    if sees_others() and max(child_starts(), default=0) < since:
        return "Apache"
    return next((f"port {port}" for port in ports if not tls_answers(port)), "")
