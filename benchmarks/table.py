"""What was measured, as one table in Markdown: medians, and ratios to `ssh HOST true`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.runs import Run

REFERENCE = "ssh"
HEADER = ("", "hosts", "round trip, ms", "side", "runs", "time, s", "least-most", "times ssh", "CPU, s", "memory, MB")


@dataclass
class Measured:
    """The runs of every side in one case, by the side's name; `first` are those whose memory was looked at.

    `failed` are the sides that did not do what they were to do; their runs count for nothing.
    """

    title: str
    hosts: int
    round_trip: int
    first: dict[str, Run] = field(default_factory=dict)
    timed: dict[str, list[Run]] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)

    def runs(self, side: str) -> list[Run]:
        """The runs that count: the timed ones, and the first one where it was too long for a second."""
        return self.timed.get(side) or [self.first[side]]

    def seconds(self, side: str) -> float:
        """The median of the side's times."""
        return median(run.seconds for run in self.runs(side))


def table(results: Sequence[Measured]) -> str:
    """All cases, a row a side, in the order in which the sides ran first."""
    rows = [HEADER, ("---", *("---:" for _ in HEADER[1:]))]
    for result in results:
        rows += _rows(result)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _rows(result: Measured) -> Iterator[tuple[str, ...]]:
    case = (result.title, str(result.hosts), str(result.round_trip))
    for side in result.first:
        if side in result.failed:
            yield (*case, side, "failed", *[""] * (len(HEADER) - 5))
            continue
        runs = result.runs(side)
        times = sorted(run.seconds for run in runs)
        has_reference = REFERENCE in result.first and REFERENCE not in result.failed
        ratio = _short(median(times) / result.seconds(REFERENCE)) if has_reference else ""
        cpu = median(run.cpu for run in runs)
        memory = result.first[side].memory
        yield (
            *case,
            side,
            str(len(runs)),
            _short(median(times)),
            f"{_short(times[0])}-{_short(times[-1])}",
            ratio,
            _short(cpu),
            f"{memory / 1e6:.0f}" if memory else "",
        )


def _short(number: float) -> str:
    """Three digits are more than these figures are good for."""
    return f"{number:.2f}" if number < 10 else f"{number:.1f}" if number < 100 else f"{number:.0f}"
