# log_times.py: the time of a log line. A part of log_reader.py.
import calendar
import re
import time

MONTHS = dict((name, number) for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1))
# Python's logging, supervisord, shibd; uWSGI and Apache's error log; access logs.
TIMES = re.compile(
    br"(?<![0-9])([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]+))?(Z| ?[+-][0-9]{2}:?[0-9]{2}\b)?"
    br"|\b([A-Z][a-z]{2}) +([0-9]{1,2}) ([0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]+))? ([0-9]{4})\b"
    br"|\b([0-9]{2})/([A-Z][a-z]{2})/([0-9]{4}):([0-9]{2}:[0-9]{2}:[0-9]{2}) ([+-][0-9]{4})"
)
seconds_of = {}  # of dates in text, as far as the seconds


def time_of(line, zone=HOST):
    """Seconds since the epoch that the line says it is of; None where it does not. Where it names no zone it is `zone`'s."""
    if line[:1] in (b" ", b"\t"):  # of a traceback, say, which has others' texts in it
        return None
    found = TIMES.search(line, 0, 300)
    if not found:
        return None
    got = found.groups()
    if got[0]:
        key, fraction = (got[0], int(got[1]), got[2], got[3], got[5]), got[4]
    elif got[6]:
        key, fraction = (got[10], MONTHS.get(got[6], 0), got[7], got[8], None), got[9]
    else:
        key, fraction = (got[13], MONTHS.get(got[12], 0), got[11], got[14], got[15]), None
    key += (zone,)
    if key not in seconds_of:
        if len(seconds_of) > 10000:
            seconds_of.clear()
        seconds_of[key] = seconds(*key)
    whole = seconds_of[key]
    if whole is None or whole > time.time() + 300:  # a date that the line speaks of
        return None
    return whole + float(b"0." + fraction if fraction else 0)


def seconds(year, month, day, clock, zone, writers):
    fields = [int(year), month, int(day)] + [int(part) for part in clock.split(b":")]
    if not (1 <= month <= 12 and 1 <= fields[2] <= 31 and fields[3] < 24 and fields[4] < 60 and fields[5] < 61):
        return None
    try:
        if zone is None:
            use_zone(writers)
            return time.mktime(tuple(fields) + (0, 0, -1))
        digits = re.sub(b"[^0-9]", b"", zone) or b"0000"
        offset = int(digits[:2]) * 3600 + int(digits[2:]) * 60
        return calendar.timegm(tuple(fields) + (0, 0, 0)) + (offset if b"-" in zone else -offset)
    except (ValueError, OverflowError):
        return None
