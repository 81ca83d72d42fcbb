"""The error for a host whose lock cannot be had."""

from ops.agent.apache_messages import LockRefused
from ops.errors import WAIT, HostError, LockHeld, no_lock
from ops.schema import Host


def refusal(host: Host, refused: LockRefused) -> HostError:
    """LockHeld if another task holds it, HostError if it cannot be taken."""
    if refused.problem:
        return no_lock(host.name, refused.problem)
    return LockHeld(host.name, f"another task is running: {refused.owner}", left="everything", next_step=WAIT)
