"""The result of one check on a host: its level, what was found, and what to do."""

from dataclasses import dataclass

OK, WARNING, ERROR = "ok", "warning", "error"


@dataclass(frozen=True)
class Finding:
    """One thing that was checked: OK, WARNING (it works, but needs attention) or ERROR; and what to do."""

    what: str
    level: str
    found: str
    advice: str = ""
