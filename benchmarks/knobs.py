"""What `make bench` can be told by environment variables."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.thin import AT_MOST

PROJECT = Path(__file__).resolve().parent.parent
DEFAULTS = {
    "BENCH_HOSTS": "1 10 50 200",
    "BENCH_DELAYED": "50",
    "BENCH_ROUND_TRIP": "50",
    "BENCH_ROUNDS": "5",
    "BENCH_SECONDS": "40",
    "BENCH_SIDES": "ssh fab pyinfra mitogen ansible",
    "BENCH_OUT": "docs/benchmarks.md",
}


@dataclass(frozen=True)
class Knobs:
    """How many hosts to look at on the near line, and how many on the delayed one, whose round trip is in ms.

    Each side runs `rounds` times after its first run, or as often as `seconds` allow; `out` None: print only.
    """

    hosts: list[int]
    delayed: list[int]
    round_trip: int
    rounds: int
    seconds: float
    sides: list[str]
    out: Path | None


def read_knobs() -> Knobs:
    """Exits with a message where one cannot be read."""
    given = {name: os.environ.get(name, default) for name, default in DEFAULTS.items()}
    try:
        knobs = Knobs(
            hosts=_numbers(given["BENCH_HOSTS"]),
            delayed=_numbers(given["BENCH_DELAYED"]),
            round_trip=int(given["BENCH_ROUND_TRIP"]),
            rounds=int(given["BENCH_ROUNDS"]),
            seconds=float(given["BENCH_SECONDS"]),
            sides=given["BENCH_SIDES"].split(),
            out=PROJECT / given["BENCH_OUT"] if given["BENCH_OUT"] else None,
        )
    except ValueError as error:
        sys.exit(f"BENCH_HOSTS, _DELAYED, _ROUND_TRIP, _ROUNDS and _SECONDS take numbers: {error}. Nothing was run.")
    unknown = set(knobs.sides) - set(DEFAULTS["BENCH_SIDES"].split())
    if unknown or not all(1 <= count <= AT_MOST for count in [*knobs.hosts, *knobs.delayed]):
        sides = DEFAULTS["BENCH_SIDES"]
        sys.exit(f"BENCH_SIDES takes {sides}; a lab holds 1 to {AT_MOST} thin hosts. Nothing was run.")
    return knobs


def _numbers(text: str) -> list[int]:
    return sorted({int(word) for word in text.split()})
