"""A standby, the second uWSGI that serves during a reload, as remote/standby.sh tells of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Standby:
    """One that lives: its process, its age in seconds, the requests that it still answers (None where that is not
    known), and the seconds within which it ends by itself.
    """

    pid: int
    age: int
    requests: int | None
    ends_within: int

    def in_words(self) -> str:
        """What it does, for a reader."""
        count = "an unknown number of" if self.requests is None else str(self.requests)
        return (
            f"the second uWSGI of a reload, process {self.pid}, since {self.age} s: it answers {count} "
            f"request{'' if count == '1' else 's'}, and ends by itself within {self.ends_within} s"
        )


def parse(words: Sequence[str]) -> Standby:
    """Read "PID SECONDS REQUESTS LEFT". Raises ValueError."""
    pid, age, requests, left = words
    return Standby(int(pid), int(age), int(requests) if requests.isdecimal() else None, max(0, int(left)))
