"""Maintenance that is on at a host: who switched it on, since and until when, and why."""

import time
from dataclasses import dataclass

from ops.agent.maintenance_messages import MaintenanceState
from ops.secrets.masking import masked
from ops.text import age

LAST = 253_402_300_799  # the end of the year 9999


@dataclass(frozen=True)
class Maintenance:
    """Maintenance that is on; times in seconds since 1970, None if unknown or without an end.

    `since_text` and `until_text` are the same in the host's zone. Without details, somebody made the file by hand.
    """

    by: str = ""
    since: int | None = None
    until: int | None = None
    message: str = ""
    since_text: str = ""
    until_text: str = ""

    def is_overdue(self, now: int) -> bool:
        """Whether its end has passed at the time `now`."""
        return self.until is not None and now > self.until

    def describe(self, now: int) -> str:
        """Who switched it on, since and until when, and why."""
        begun = f"since {at(self.since, self.since_text)}" if self.since else "since an unknown time"
        end = f"until {at(self.until, self.until_text)}" if self.until else "without an end"
        if self.is_overdue(now):
            end += f", {age(now - (self.until or now))} ago"
        return f"{begun}, {end}, by {self.by or 'somebody on the host itself'}: {self.message or 'no message'}"

    def facts(self, now: int) -> dict[str, object]:
        """The same as JSON values; times in UTC, by ISO 8601."""
        return {
            "by": self.by or None,
            "since": _iso(self.since),
            "until": _iso(self.until),
            "message": self.message or None,
            "overdue": self.is_overdue(now),
        }


def at(seconds: int | None, text: str) -> str:
    """A time in the host's zone, and in the operator's if its clock shows another."""
    here = "" if seconds is None else time.strftime("%Y-%m-%d %H:%M %Z", time.localtime(seconds))
    return text if here[:16] == text[:16] else f"{text} ({here} here)"


def is_time(seconds: int | None) -> bool:
    """Whether these seconds since 1970 are a time that a calendar can have."""
    return seconds is not None and 0 <= seconds <= LAST


def read(state: MaintenanceState | None) -> Maintenance | None:
    """The agent's report; a time that no clock shows is taken for unknown."""
    if state is None:
        return None
    return Maintenance(
        by=masked(state.by),
        since=state.since if is_time(state.since) else None,
        until=state.until if is_time(state.until) else None,
        message=masked(state.message),
        since_text=state.since_text,
        until_text=state.until_text,
    )


def _iso(seconds: int | None) -> str | None:
    return None if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
