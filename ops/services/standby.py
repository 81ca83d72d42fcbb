"""A standby: the second uWSGI that serves during a reload, as ops/agent/standbys.py reports it. Pure."""

from dataclasses import dataclass

from ops.agent.service_messages import StandbyState


@dataclass(frozen=True)
class Standby:
    """A running standby: its process, its age in seconds, the requests in progress (None: unknown), and the seconds
    within which it ends by itself.
    """

    pid: int
    age: int
    requests: int | None
    ends_within: int

    def describe(self) -> str:
        """Its state as a sentence."""
        count = "an unknown number of" if self.requests is None else str(self.requests)
        return (
            f"the second uWSGI of a reload, process {self.pid}, has run for {self.age} s: it has {count} "
            f"request{'' if count == '1' else 's'} in progress, and ends by itself within {self.ends_within} s"
        )


def read(found: StandbyState) -> Standby:
    """A standby from the agent's answer."""
    return Standby(found.pid, found.age, found.requests, found.seconds_left)
