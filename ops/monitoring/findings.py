"""What a look at a host finds: one thing each, how it is, and what to do about it."""

from dataclasses import dataclass

WELL, MIND, WRONG = "well", "mind", "wrong"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: WELL, MIND (it works, and has a price) or WRONG; and what to do about it."""

    what: str
    level: str
    found: str
    advice: str = ""
