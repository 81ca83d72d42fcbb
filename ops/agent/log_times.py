"""The time of a log line."""

import calendar
import re
import time

from ops.agent.time_zones import use_zone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from re import Match

AHEAD = 300  # seconds: a time further in the future is one that the line speaks of
BEGINNING = 300  # bytes of a line in which its time is looked for
KNOWN = 10_000  # times that are kept
INDENT = (b" ", b"\t")
_MONTHS = {name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}
# Python's logging, supervisord, shibd; uWSGI and Apache's error log; access logs.
_TIMES = re.compile(
    rb"(?<![0-9])([0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]+))?"
    rb"(Z| ?[+-][0-9]{2}:?[0-9]{2}\b)?"
    rb"|\b([A-Z][a-z]{2} +[0-9]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))? ([0-9]{4})\b"
    rb"|\b([0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}) ([+-][0-9]{4})"
)


def begins_as_logging_does(line: bytes) -> bool:
    """Whether the line's time is one of Python's logging, supervisord or shibd."""
    found = _TIMES.search(line, 0, BEGINNING)
    return bool(found and found.group(1))


class Clock:
    """Reads the times of the lines of one writer; a time without a zone is one of `zone`, a value of TZ."""

    def __init__(self, zone: str = "") -> None:
        self._zone = zone
        self._known: dict[tuple[bytes | None, ...], float | None] = {}

    def time_of(self, line: bytes) -> "float | None":
        """Seconds since 1970; None for a line without a time."""
        if line.startswith(INDENT):  # of a traceback, for example, which has other texts in it
            return None
        found = _TIMES.search(line, 0, BEGINNING)
        if not found:
            return None
        key = found.group(1, 3, 4, 6, 7, 8)
        if key not in self._known:
            if len(self._known) > KNOWN:
                self._known.clear()
            whole = self._seconds(*_fields(found))
            if whole is not None and whole > time.time() + AHEAD:
                return None
            self._known[key] = whole
        whole, fraction = self._known[key], found.group(2) or found.group(5)
        return whole if whole is None or not fraction else whole + float(b"0." + fraction)

    def _seconds(self, year: bytes, month: int, day: bytes, clock: bytes, zone: "bytes | None") -> "float | None":
        hour, minute, second = map(int, clock.split(b":"))
        fields = (int(year), month, int(day), hour, minute, second)
        if not (1 <= month <= 12 and 1 <= fields[2] <= 31 and hour < 24 and minute < 60 and second < 61):
            return None
        try:
            if zone is None:
                use_zone(self._zone)
                return time.mktime((*fields, 0, 0, -1))
            digits = re.sub(b"[^0-9]", b"", zone) or b"0000"
            offset = int(digits[:2]) * 3600 + int(digits[2:]) * 60
            return calendar.timegm((*fields, 0, 0, 0)) + (offset if b"-" in zone else -offset)
        except (ValueError, OverflowError):
            return None


def _fields(found: "Match[bytes]") -> "tuple[bytes, int, bytes, bytes, bytes | None]":
    """Year, month, day, clock, zone."""
    digits, zone, letters, year, access, access_zone = found.group(1, 3, 4, 6, 7, 8)
    if digits:
        return digits[:4], int(digits[5:7]), digits[8:10], digits[11:], zone
    if letters:
        name, day, clock = letters.split()
        return year, _MONTHS.get(name, 0), day, clock, None
    day, name, rest = access.split(b"/")
    return rest[:4], _MONTHS.get(name, 0), day, rest[5:], access_zone
