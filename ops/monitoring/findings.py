"""What a look at a host finds: one thing each, how it is, and what to do about it."""

from dataclasses import dataclass

OK, WARNING, ERROR = "ok", "warning", "error"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: OK, WARNING (it works, and has a price) or ERROR; and what to do."""

    what: str
    level: str
    found: str
    advice: str = ""
