"""The cost of an Apache restart on one host, from the settings of its unit (`agent/apache_unit.py`)."""

import re
from dataclasses import dataclass

from ops.agent.service_messages import RestartSettings

SIGWINCH = "28"  # Apache's graceful stop: it closes its ports, and ends after the running requests
# Seconds that Apache needs beyond GracefulShutdownTimeout to end children that still have a request (it signals them,
# waits and kills them): measured 13 s with a timeout of 3.
ENDING_CHILDREN = 10
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True)
class RestartCost:
    """Whether running requests are lost at once, or finish while the ports are closed.

    `closed_seconds`: how long the ports may stay closed; None if there is no limit. `graceful_seconds`: how long a
    request may go on, if Apache's own files limit that.
    """

    finishes_requests: bool
    closed_seconds: int | None = 0
    graceful_seconds: int | None = None

    def describe(self) -> str:
        """The effect on visitors."""
        if not self.finishes_requests:
            return "requests in progress are lost"
        limit = "as long as that takes" if self.closed_seconds is None else f"up to {self.closed_seconds} s"
        lost = (
            f"; a request that takes longer than {self.graceful_seconds} s is lost" if self.graceful_seconds else ""
        )
        return f"requests in progress finish while the ports are CLOSED to everybody else, for {limit}{lost}"

    def facts(self) -> dict[str, object]:
        """The same as JSON values."""
        return {
            "requests": "finished" if self.finishes_requests else "lost",
            "ports_closed_seconds": self.closed_seconds,
            "request_limit_seconds": self.graceful_seconds,
        }


LOST = RestartCost(finishes_requests=False)  # the default without a unit


def restart_cost(found: RestartSettings) -> RestartCost:
    """The cost, from the settings on the host. Raises ValueError."""
    return parse(f"{found.signal} {found.graceful or '-'} {found.timeout}")


def parse(text: str) -> RestartCost:
    """Parse "SIGNAL GRACEFUL TIMEOUT"; the time is systemd's, such as "1min 30s". Raises ValueError."""
    signal, _space, rest = text.partition(" ")
    graceful, _space, time = rest.partition(" ")
    if not signal.isdecimal():
        raise ValueError(f"not a signal: {text[:40]!r}")
    if signal != SIGWINCH:
        return LOST
    limits = [] if (allowed := _seconds(time)) is None else [allowed]
    own = int(graceful) if graceful.isdecimal() else None
    if own is not None:
        limits.append(own + ENDING_CHILDREN)
    return RestartCost(True, min(limits, default=None), own)


def _seconds(time: str) -> int | None:
    """Seconds; None for no limit ("infinity")."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(us|ms|s|min|h|d|w)\b", time)
    return round(sum(float(number) * UNITS[unit] for number, unit in parts)) if parts else None
