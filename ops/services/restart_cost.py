"""What a restart of Apache costs on one host, from the settings of its unit (`remote/apache_unit.sh`)."""

import re
from dataclasses import dataclass

SIGWINCH = "28"  # Apache's graceful stop: it closes its ports, and ends once running requests have
# What Apache takes beyond GracefulShutdownTimeout to end the children that still have a request: 13 s were measured
# where 3 were set, for it asks them, waits and kills them.
ENDING_CHILDREN = 10
UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True)
class RestartCost:
    """Whether running requests are lost at once, or are finished while the ports are closed.

    `closed_seconds` is how long the ports may stay closed then; None where nothing limits it. `graceful_seconds` is
    how long a request may go on, where Apache's own files limit that.
    """

    finishes_requests: bool
    closed_seconds: int | None = 0
    graceful_seconds: int | None = None

    def describe(self) -> str:
        """What the visitors have of it."""
        if not self.finishes_requests:
            return "requests under way are lost"
        limit = "as long as that takes" if self.closed_seconds is None else f"up to {self.closed_seconds} s"
        lost = f"; one that takes longer than {self.graceful_seconds} s is lost" if self.graceful_seconds else ""
        return f"requests under way are finished with the ports CLOSED to everybody else, for {limit}{lost}"

    def facts(self) -> dict[str, object]:
        """The same for scripts."""
        return {
            "requests": "finished" if self.finishes_requests else "lost",
            "ports_closed_seconds": self.closed_seconds,
            "request_limit_seconds": self.graceful_seconds,
        }


LOST = RestartCost(finishes_requests=False)  # where no unit says otherwise


def parse(text: str) -> RestartCost:
    """Read "SIGNAL GRACEFUL TIMEOUT"; the time is systemd's, such as "1min 30s". Raises ValueError."""
    signal, _space, rest = text.partition(" ")
    graceful, _space, time = rest.partition(" ")
    if not signal.isdecimal():
        raise ValueError(f"no signal: {text[:40]!r}")
    if signal != SIGWINCH:
        return LOST
    limits = [] if (allowed := _seconds(time)) is None else [allowed]
    own = int(graceful) if graceful.isdecimal() else None
    if own is not None:
        limits.append(own + ENDING_CHILDREN)
    return RestartCost(True, min(limits, default=None), own)


def _seconds(time: str) -> int | None:
    """None for no limit, which systemd writes as "infinity"."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(us|ms|s|min|h|d|w)\b", time)
    return round(sum(float(number) * UNITS[unit] for number, unit in parts)) if parts else None
