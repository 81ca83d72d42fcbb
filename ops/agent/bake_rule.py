"""Whether a host is clearly worse under a change than before it: the rule of a bake, with its numbers.

docs/decisions/bake.md says why these numbers, and how often they raise a false alarm and miss a fault.
"""

from math import exp, lgamma, log

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.request_log import Traffic

LOOK_SECONDS = 5.0  # between two looks

ERRORS = 5  # at least so many server errors, without the look that saw the most: a burst is no reason
ERROR_SHARE, ERROR_TIMES = 0.02, 2.0  # by so much, and so many times, larger than before
ERROR_CHANCE = 1e-4  # and so improbable, if nothing had changed
FEW_BEFORE = 50  # requests; with fewer before the change, a large share alone is worse
BAD_ERRORS, BAD_SHARE = 10, 0.1

LOST, LOST_TIMES = 5, 3.0  # at least so many requests lost, without the worst look, so many times more often
LOST_CHANCE = 1e-4  # and so improbable, if nothing had changed
UNANSWERED = 3  # questions of the host's own, one after the other

FEW_TIMES = 100  # requests; with fewer, before or now, there is no slowest tenth
SLOWER_TIMES, SLOWER = 2.0, 100.0  # milliseconds

GROWTH_SECONDS = 60.0  # that the measurement of a worker's memory takes at least
GROWTH_TIMES, GROWTH = 3.0, 10.0  # MB a minute


class Comparison:
    """One measure, `text` for the operator. `is_unknown`: it could not be compared."""

    def __init__(self, text: str, *, is_worse: bool = False, is_unknown: bool = False) -> None:
        self.text = text
        self.is_worse = is_worse
        self.is_unknown = is_unknown


class Burst:
    """The worst look of a bake: its requests and server errors, and the lost requests of its own worst."""

    def __init__(self, requests: int = 0, errors: int = 0, lost: int = 0) -> None:
        self.requests = requests
        self.errors = errors
        self.lost = lost

    def take(self, requests: int, errors: int, lost: int) -> None:
        """Another look."""
        if errors > self.errors:
            self.requests, self.errors = requests, errors
        self.lost = max(self.lost, lost)


class Observed:
    """What was seen for `seconds`, 0 if that is unknown: the requests, and of them those of the second half, `late`.

    `unanswered`: the most questions of the host's own without an answer, one after the other; `growth`: a worker's,
    in MB a minute; `problem`: why the log could not be read.
    """

    def __init__(
        self,
        traffic: "Traffic",
        seconds: float,
        *,
        late: "Traffic | None" = None,
        burst: "Burst | None" = None,
        unanswered: int = 0,
        growth: "float | None" = None,
        problem: str = "",
    ) -> None:
        self.traffic = traffic
        self.seconds = seconds
        self.late = late or traffic
        self.burst = burst or Burst()
        self.unanswered = unanswered
        self.growth = growth
        self.problem = problem


def compare_at_once(before: Observed, now: Observed) -> "list[Comparison]":
    """What ends a bake at any look: server errors, lost requests, no answer."""
    problem = now.problem or before.problem
    if problem:
        return [Comparison(f"server errors, lost requests: not compared: {problem}", is_unknown=True), _answer(now)]
    return [_errors(before, now), _lost(before, now), _answer(now)]


def compare_at_end(before: Observed, now: Observed) -> "list[Comparison]":
    """All of it, once the time is over."""
    return [*compare_at_once(before, now), _slowest_tenth(before, now), _memory(before, now)]


def _errors(before: Observed, now: Observed) -> Comparison:
    was, seen = before.traffic, now.traffic
    text = f"server errors: {_share(was)} before, {_share(seen)} now"
    if not seen.requests:
        return Comparison(text, is_unknown=True)
    requests, errors = seen.requests - now.burst.requests, seen.errors - now.burst.errors
    share = errors / max(1, requests)
    if was.requests < FEW_BEFORE:
        return Comparison(text, is_worse=errors >= BAD_ERRORS and share >= BAD_SHARE)
    former = was.errors / was.requests
    is_worse = (
        errors >= ERRORS
        and share >= former + ERROR_SHARE
        and share >= former * ERROR_TIMES
        and chance(errors, requests, was.errors, was.requests) < ERROR_CHANCE
    )
    return Comparison(text, is_worse=is_worse)


def _share(traffic: "Traffic") -> str:
    if not traffic.requests:
        return "no requests"
    return f"{100 * traffic.errors / traffic.requests:.1f} % of {traffic.requests}"


def _lost(before: Observed, now: Observed) -> Comparison:
    """Refused, or ended with their worker."""
    was, seen = before.traffic.lost, now.traffic.lost
    if not before.seconds:
        why = "the lines of the log have no time" if before.traffic.requests else "no requests before"
        return Comparison(f"lost requests: not compared: {why}", is_unknown=True)
    text = f"lost requests: {was} in {_span(before.seconds)} before, {seen} in {_span(now.seconds)} now"
    counted = seen - now.burst.lost
    is_worse = (
        counted >= LOST
        and counted * before.seconds >= LOST_TIMES * was * now.seconds
        and chance_of_events(counted, now.seconds, was, before.seconds) < LOST_CHANCE
    )
    return Comparison(text, is_worse=is_worse)


def _answer(now: Observed) -> Comparison:
    if now.unanswered:
        text = f"the host's own question: {now.unanswered} times without an answer, one after the other"
        return Comparison(text, is_worse=now.unanswered >= UNANSWERED)
    return Comparison("the host's own question: answered")


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def _slowest_tenth(before: Observed, now: Observed) -> Comparison:
    was, seen = before.traffic.slowest_tenth(), now.late.slowest_tenth()
    if was is None or seen is None or min(before.traffic.timed, now.late.timed) < FEW_TIMES:
        counts = f"{before.traffic.timed} requests before, {now.late.timed} in the second half"
        return Comparison(f"slowest tenth: not compared, with {counts}", is_unknown=True)
    text = f"slowest tenth: {was:.0f} ms or more before, {seen:.0f} ms or more in the second half"
    return Comparison(text, is_worse=seen >= was * SLOWER_TIMES and seen >= was + SLOWER)


def _memory(before: Observed, now: Observed) -> Comparison:
    if now.growth is None:
        text = f"memory: not compared, no worker was seen for {GROWTH_SECONDS:.0f} s of the second half"
        return Comparison(text, is_unknown=True)
    was = "unknown" if before.growth is None else f"{before.growth:+.1f} MB a minute"
    text = f"memory of a worker: {was} before, {now.growth:+.1f} MB a minute in the second half"
    is_worse = now.growth >= GROWTH and now.growth >= GROWTH_TIMES * max(0.0, before.growth or 0.0)
    return Comparison(text, is_worse=is_worse)


def chance(errors: int, requests: int, former_errors: int, former_requests: int) -> float:
    """How probable it is to see at least so many of all errors now, if both times are alike.

    Fisher's exact test, one-sided: the tail of the hypergeometric distribution.
    """
    total, all_errors = requests + former_requests, errors + former_errors
    whole = _log_choose(total, all_errors)
    tail = 0.0
    for number in range(errors, min(requests, all_errors) + 1):
        if all_errors - number <= former_requests:
            tail += exp(_log_choose(requests, number) + _log_choose(former_requests, all_errors - number) - whole)
    return tail


def chance_of_events(events: int, seconds: float, former_events: int, former_seconds: float) -> float:
    """How probable it is that at least so many of all events fall into this time, if both times are alike.

    The conditional test of two Poisson rates: the tail of the binomial distribution.
    """
    total, part = events + former_events, seconds / (seconds + former_seconds)
    return sum(
        exp(_log_choose(total, number) + number * log(part) + (total - number) * log(1 - part))
        for number in range(events, total + 1)
    )


def _log_choose(of: int, number: int) -> float:
    return lgamma(of + 1) - lgamma(number + 1) - lgamma(of - number + 1)


def growth(points: "dict[int, list[tuple[float, float]]]") -> "float | None":
    """What the median process grows, in MB a minute; None if none was seen for long enough.

    `points`: process id to (seconds, bytes); by least squares.
    """
    slopes = []
    for record in points.values():
        begun = record[0][0]
        if record[-1][0] - begun < GROWTH_SECONDS or len(record) < 3:
            continue
        times = [time - begun for time, _ in record]
        mean_time, mean_size = sum(times) / len(times), sum(size for _, size in record) / len(record)
        moved = sum((time - mean_time) * (size - mean_size) for time, (_, size) in zip(times, record))
        slopes.append(moved / sum((time - mean_time) ** 2 for time in times) * 60 / (1 << 20))
    return sorted(slopes)[len(slopes) // 2] if slopes else None
