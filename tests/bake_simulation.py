"""How often the rule of a bake (`ops/agent/bake_rule.py`) raises a false alarm, and misses a fault.

`python -m tests.bake_simulation` prints the table of docs/decisions/bake.md, on generated traffic: 30 minutes before
the change, then a bake of 5 minutes; requests arrive at random (a Poisson process), and take as long as a log-normal
distribution says (half of them 55 ms or less, a tenth 200 ms or more).
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

from ops.agent.bake_rule import LOOK_SECONDS, Burst, Observed, compare_at_end, compare_at_once
from ops.agent.request_log import Lost, Request, Traffic

BEFORE, BAKE = 1800.0, 300.0  # seconds
RUNS = 300


@dataclass(frozen=True)
class Case:
    """Traffic of `rate` requests a second; shares of server errors before and now; now so many times slower.

    `burst`: for the five seconds in the middle of the bake every request fails. `lost`: requests lost an hour, before
    and now, of which so many are lost `at_once`.
    """

    rate: float
    errors_before: float
    errors_now: float
    slower: float = 1.0
    burst: bool = False
    lost: tuple[float, float] = (0, 0)
    at_once: int = 1

    def describe(self) -> str:
        """For the table."""
        if self.slower > 1:
            return f"{self.slower:g} times slower"
        if self.lost != (0, 0):
            together = f", {self.at_once} at once" if self.at_once > 1 else ""
            return f"{self.lost[0]:g} lost an hour, then {self.lost[1]:g}{together}"
        errors = f"{self.errors_before:.1%} server errors, then {self.errors_now:.1%}"
        return f"{errors}, and all of them for 5 s" if self.burst else errors


def alarm(case: Case, seed: int) -> float | None:
    """The seconds after which a bake of such traffic is rolled back; None if it is kept."""
    draw = random.Random(seed)
    traffic = Traffic()
    for _ in range(arrivals(draw, case.rate * BEFORE)):
        traffic.add(request(draw, case.errors_before, 1.0))
    for _ in range(arrivals(draw, case.lost[0] * BEFORE / 3600 / case.at_once) * case.at_once):
        traffic.add(Lost())
    before, now, late, burst = Observed(traffic, BEFORE), Traffic(), Traffic(), Burst()
    looks = int(BAKE / LOOK_SECONDS)
    for look in range(looks):
        share = 1.0 if case.burst and look == looks // 2 else case.errors_now
        requests, errors, lost = now.requests, now.errors, now.lost
        for _ in range(arrivals(draw, case.rate * LOOK_SECONDS)):
            one = request(draw, share, case.slower)
            now.add(one)
            if look >= looks / 2:
                late.add(one)
        for _ in range(arrivals(draw, case.lost[1] * LOOK_SECONDS / 3600 / case.at_once) * case.at_once):
            now.add(Lost())
        burst.take(now.requests - requests, now.errors - errors, now.lost - lost)
        seen = Observed(now, (look + 1) * LOOK_SECONDS, late=late, burst=burst)
        compared = compare_at_once(before, seen) if look < looks - 1 else compare_at_end(before, seen)
        if any(one.is_worse for one in compared):
            return seen.seconds
    return None


def request(draw: random.Random, share: float, slower: float) -> Request:
    """One request, of which that share fails."""
    return Request(None, "500" if draw.random() < share else "200", draw.lognormvariate(4, 1) * slower)


def arrivals(draw: random.Random, mean: float) -> int:
    """How many requests arrive, if so many do on average."""
    if mean == 0:
        return 0
    if mean > 50:
        return max(0, round(draw.gauss(mean, mean**0.5)))
    count, time = 0, draw.expovariate(mean)
    while time < 1:
        count, time = count + 1, time + draw.expovariate(mean)
    return count


def cases() -> Iterator[Case]:
    """The rows of the table."""
    for rate in (0.1, 0.5, 2, 10):
        yield from (Case(rate, share, share) for share in (0.0, 0.01, 0.1))
        yield Case(rate, 0.002, 0.002, burst=True)
        yield from (Case(rate, *shares) for shares in ((0.0, 0.2), (0.01, 0.2), (0.05, 0.2), (0.01, 0.05)))
        yield from (Case(rate, 0.0, 0.0, slower) for slower in (2, 3))
    yield from (Case(0.5, 0.0, 0.0, lost=(rate, rate)) for rate in (1, 6, 20, 100))
    yield Case(0.5, 0.0, 0.0, lost=(3, 3), at_once=3)
    yield from (Case(0.5, 0.0, 0.0, lost=rates) for rates in ((0, 100), (0, 300), (20, 300)))


def main() -> None:
    """Print the table."""
    print("| requests | traffic | rolled back | median after |")
    print("|---|---|---|---|")
    for case in cases():
        runs = RUNS if case.rate < 10 else RUNS // 5
        found = sorted(seconds for seed in range(runs) if (seconds := alarm(case, seed)) is not None)
        after = f"{found[len(found) // 2]:.0f} s" if found else ""
        print(f"| {case.rate:g}/s | {case.describe()} | {len(found)} of {runs} | {after} |")


if __name__ == "__main__":
    main()
