"""The rule of a bake on generated traffic: false alarms and misses (docs/decisions/bake.md has the whole table)."""

import pytest

from ops.agent.bake_rule import Burst, Observed, chance, chance_of_events, compare_at_end, growth
from ops.agent.request_log import Traffic
from tests.bake_simulation import Case, alarm

MEGABYTE = 1 << 20


@pytest.mark.parametrize(
    "case",
    [
        Case(0.5, 0.0, 0.0),
        Case(0.5, 0.1, 0.1),
        Case(2, 0.01, 0.01),
        Case(2, 0.002, 0.002, burst=True),
    ],
    ids=Case.describe,
)
def test_same_traffic_raises_no_alarm(case: Case) -> None:
    assert [seed for seed in range(40) if alarm(case, seed)] == []


@pytest.mark.parametrize(
    "case", [Case(0.5, 0.0, 0.2), Case(2, 0.01, 0.2), Case(2, 0.05, 0.2), Case(2, 0, 0, 3)], ids=Case.describe
)
def test_worse_traffic_is_found(case: Case) -> None:
    assert [seed for seed in range(20) if alarm(case, seed) is None] == []


def worse(before: Observed, now: Observed) -> list[str]:
    """The first word of each measure that is worse."""
    return [one.text.split()[0] for one in compare_at_end(before, now) if one.is_worse]


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [(0.1, 50.0, ["memory"]), (None, 50.0, ["memory"]), (40.0, 50.0, []), (-3.0, 9.0, []), (0.1, None, [])],
)
def test_growth_of_workers_is_compared(before: float | None, now: float | None, said: list[str]) -> None:
    assert worse(Observed(Traffic(), 1800, growth=before), Observed(Traffic(), 300, growth=now)) == said


@pytest.mark.parametrize(
    ("before", "now", "said"), [(0, 4, []), (0, 5, ["lost"]), (30, 5, []), (5, 5, []), (5, 12, ["lost"])]
)
def test_lost_requests_are_compared_by_their_rate(before: int, now: int, said: list[str]) -> None:
    was, seen = Traffic(), Traffic()
    was.lost, seen.lost = before, now
    assert worse(Observed(was, 1800), Observed(seen, 300)) == said
    assert worse(Observed(was, 1800), Observed(seen, 300, burst=Burst(lost=now))) == []
    assert worse(Observed(was, 0), Observed(seen, 300)) == []  # it is not known for how long


@pytest.mark.parametrize(("count", "said"), [(2, []), (3, ["the"])])
def test_questions_without_an_answer_are_worse(count: int, said: list[str]) -> None:
    assert worse(Observed(Traffic(), 1800), Observed(Traffic(), 300, unanswered=count)) == said


def test_chance_of_events_is_that_of_the_binomial_test() -> None:
    assert chance_of_events(3, 300, 0, 1800) == pytest.approx((1 / 7) ** 3)
    assert chance_of_events(1, 60, 1, 60) == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [((3, 10, 0, 10), 0.10526), ((5, 10, 1, 10), 0.07043), ((0, 10, 5, 10), 1.0), ((4, 4, 0, 4), 0.014286)],
)
def test_chance_is_that_of_fishers_exact_test(numbers: tuple[int, int, int, int], expected: float) -> None:
    assert chance(*numbers) == pytest.approx(expected, rel=1e-3)  # C(10,3)/C(20,3), and so on


def test_growth_is_that_of_the_median_process() -> None:
    def process(rate: float, seconds: int = 120) -> list[tuple[float, float]]:
        return [(1000.0 + at, (100 + rate * at / 60) * MEGABYTE) for at in range(0, seconds, 5)]

    assert growth({1: process(1), 2: process(50), 3: process(50)}) == pytest.approx(50)
    assert growth({1: process(1), 2: process(2), 3: process(500)}) == pytest.approx(2)
    assert growth({1: process(50, 40)}) is None
    assert growth({}) is None
