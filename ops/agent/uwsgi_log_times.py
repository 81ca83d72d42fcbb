"""The times in uWSGI's log."""

import calendar
import time

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
TIMES = ("epoch", "ctime", "ltime")  # the parts of a log-format that are a time


def seconds_of(field: str, text: str) -> float:
    """A time of the log in seconds since 1970. Raises ValueError.

    The forms: "1767225600"; "Thu Jan  1 00:00:00 2026", of uWSGI's zone; "01/Jan/2026:00:00:00 +0000".
    """
    if field == "epoch":
        return int(text)
    if field == "ctime":
        _, month, day, clock, year = text.split()
        return time.mktime((*_date(year, month, day), *_clock(clock), 0, 0, -1))
    day, month, rest = text.split("/")
    year, clock = rest.split(" ")[0].split(":", 1)
    zone = rest.split(" ")[1]
    ahead = int(zone[:1] + "1") * (int(zone[1:3]) * 3600 + int(zone[3:5]) * 60)
    return calendar.timegm((*_date(year, month, day), *_clock(clock))) - ahead


def _date(year: str, month: str, day: str) -> "tuple[int, int, int]":
    return int(year), MONTHS.index(month) + 1, int(day)


def _clock(text: str) -> "tuple[int, int, int]":
    hour, minute, second = text.split(":")
    return int(hour), int(minute), int(second)
