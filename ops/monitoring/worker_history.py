"""The history of uWSGI's workers in its log: their address space over time, and why they were replaced."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ops.schema import Host

MEGABYTE = 1_048_576
HOUR = 3600.0
MIN_GROWTH_MB = 1  # MB an hour; less is no growth
MIN_SPAN_SECONDS = 60  # seconds that a record must cover to show growth

# The parts of a log line that make a record, as uWSGI writes them (uwsgi_lf_* in core/logging.c).
_WRITTEN = {
    "vsz": r"\d+",
    "vszM": r"\d+",
    "pid": r"\d+",
    "epoch": r"\d{9,12}",
    "ctime": r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}",
    "ltime": r"\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}",
}
# uWSGI's own format (core/logging.c, uwsgi_log_request) with memory-report.
_OWN = ("{address space usage: %(vsz) bytes/", "[pid: %(pid)|", "[%(ctime)]")


@dataclass(frozen=True)
class Point:
    """The address space of a worker's process at one time: seconds since the epoch, bytes."""

    time: float
    size: float


def patterns(host: Host) -> dict[str, str]:
    """For each part of a record in the host's log-format, a regular expression for it and the text around it.

    That text is part of the format, so an expression matches no part of a request. Each runs in linear time.
    """
    written = host.uwsgi.options.get("log-format", host.uwsgi.options.get("logformat"))
    found = {}
    for text in [written] if isinstance(written, str) else _OWN:
        pieces = re.split(r"%\((\w+)\)", text)  # text, name, text, name, ..., text
        for number, name in enumerate(pieces[1::2]):
            kind = "epoch" if name == "time" else name
            before, after = pieces[2 * number][-24:], pieces[2 * number + 2][:24]
            first, last = number == 0 and not before, number == len(pieces) // 2 - 1 and not after
            if kind in _WRITTEN and (before.strip() or after.strip() or first or last):
                left, right = "^" if first else re.escape(before), "$" if last else re.escape(after)
                found[kind] = f"{left}({_WRITTEN[kind]}){right}"
    return found


def no_record(host: Host) -> str:
    """What the log-format lacks for a record, as advice; empty where nothing is missing."""
    found = patterns(host)
    missing = [] if {"vsz", "vszM"} & found.keys() else ["%(vszM) MB"]
    missing += [] if "pid" in found else ["process %(pid)"]
    missing += [] if {"epoch", "ctime", "ltime"} & found.keys() else ["[%(ctime)]"]
    return f"uwsgi.options.log-format needs {', '.join(missing)}" if missing else ""


def growth(record: Sequence[Point]) -> float | None:
    """Bytes an hour, by least squares; None where the record is too short."""
    if span(record) < MIN_SPAN_SECONDS:
        return None
    times = [point.time - record[0].time for point in record]
    mean_time, mean_size = sum(times) / len(times), sum(point.size for point in record) / len(record)
    moved = sum((time - mean_time) * (point.size - mean_size) for time, point in zip(times, record, strict=True))
    return moved / sum((time - mean_time) ** 2 for time in times) * HOUR


def span(record: Sequence[Point]) -> float:
    """Seconds that the record covers."""
    return record[-1].time - record[0].time if record else 0.0


def hours_left(size: int, limit: int, record: Sequence[Point]) -> float | None:
    """Hours until `size` bytes reach `limit` MB at the record's rate; 0: already reached; None: no growth."""
    rate, room = growth(record), limit * MEGABYTE - size
    if room <= 0:
        return 0.0
    return room / rate if rate and rate >= MIN_GROWTH_MB * MEGABYTE else None


def why(reason: str, host: Host) -> str:
    """Why a worker was replaced, in words."""
    kind, _, number = reason.partition(" ")
    if kind == "size":
        size = int(number) // MEGABYTE
        return f"reload-on-as, at {size} MB" if size >= host.uwsgi.reload_on_as else "ended after its request"
    if kind == "signal":
        return f"killed by signal {number}"
    return {
        "evil": "evil-reload-on-as, killed",
        "evil-rss": "evil-reload-on-rss, killed",
        "harakiri": "harakiri, killed in a request that took too long",
        "lifetime": "its lifetime was over",
        "exception": "an exception that is watched for",
        "cheap": "sent away while it was quiet, and needed again",
        "died": "it died",
    }.get(kind, "the log does not say")


def summary(reasons: Mapping[str, int], host: Host) -> str:
    """The known reasons, each with its count: "2 x reload-on-as, 1 x harakiri"."""
    counts: dict[str, int] = {}
    for reason, count in reasons.items():
        words = why(reason, host).partition(",")[0]
        counts[words] = counts.get(words, 0) + count
    return ", ".join(f"{count} x {words}" for words, count in counts.items())
