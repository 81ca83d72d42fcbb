"""The history of uWSGI's workers in its log: their address space over time, and why they were replaced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ops.formats.uwsgi_log import RECORD, patterns
from ops.schema import Host

MEGABYTE = 1_048_576
HOUR = 3600.0
MIN_GROWTH_MB = 1  # MB an hour; less is no growth
MIN_SPAN_SECONDS = 60  # seconds that a record must cover to show growth


@dataclass(frozen=True)
class Point:
    """The address space of a worker's process at one time: seconds since the epoch, bytes."""

    time: float
    size: float


def no_record(host: Host) -> str:
    """What the log-format lacks for a record, as advice; empty where nothing is missing."""
    found = patterns(host, RECORD)
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


def reaches(size: int, limit: int | None, part: float = 1) -> bool:
    """Whether `size` bytes are at least that part of `limit` MB; no size reaches a limit that is None."""
    return limit is not None and size >= limit * MEGABYTE * part


def limits(host: Host) -> str:
    """The soft and the hard limit, in MB."""
    return " / ".join(str(limit or "no limit") for limit in (host.uwsgi.reload_on_as, host.uwsgi.evil_reload_on_as))


def hours_left(size: int, limit: int | None, record: Sequence[Point]) -> float | None:
    """Hours until `size` bytes reach `limit` MB at the record's rate; 0: already reached; None: never."""
    if limit is None:
        return None
    rate, room = growth(record), limit * MEGABYTE - size
    if room <= 0:
        return 0.0
    return room / rate if rate and rate >= MIN_GROWTH_MB * MEGABYTE else None


def why(reason: str, host: Host) -> str:
    """Why a worker was replaced, in words."""
    kind, _, number = reason.partition(" ")
    if kind == "size":
        is_over = reaches(int(number), host.uwsgi.reload_on_as)
        return f"reload-on-as, at {int(number) // MEGABYTE} MB" if is_over else "ended after its request"
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
