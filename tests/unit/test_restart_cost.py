"""What a restart of Apache costs, as each host's unit says."""

import pytest

from ops.agent.service_messages import RestartSettings
from ops.deploy.plan import make_plan
from ops.deploy.snapshot import Snapshot, request
from ops.services.restart_cost import RestartCost, parse, restart_cost
from tests.unit.hosts import host

CLOSED = RestartCost(finishes_requests=True, closed_seconds=90)


@pytest.mark.parametrize(
    ("text", "cost"),
    [
        ("15 - 1min 30s", RestartCost(finishes_requests=False)),
        ("28 - 1min 30s", CLOSED),
        ("28 3 1min 30s", RestartCost(True, 13, 3)),
        ("28 600 1min 30s", RestartCost(True, 90, 600)),
        ("28 3 infinity", RestartCost(True, 13, 3)),
        ("28 - infinity", RestartCost(True, None)),
        ("28 - 500ms", RestartCost(True, 0)),
        ("28 - 1h 5min", RestartCost(True, 3900)),
    ],
)
def test_it_is_read_from_the_units_own_settings(text: str, cost: RestartCost) -> None:
    assert parse(text) == cost


def test_an_odd_answer_is_refused() -> None:
    for text in ("", "SIGWINCH - 1s"):
        with pytest.raises(ValueError, match="not a signal"):
            parse(text)


@pytest.mark.parametrize(("told", "finished"), [("28 - 1min 30s", True), ("15 - 1min 30s", False), ("", False)])
def test_the_plan_says_what_holds_on_its_host(told: str, *, finished: bool) -> None:
    cost = parse(told) if told else None
    plan = make_plan(host(), [], Snapshot({}, {}, None, None, "up", 7, 1000, owed=["apache"], restart_cost=cost))
    (said,) = plan.services()
    assert ("lost" in said, "90 s" in said) == (not finished, finished)


def test_a_host_with_a_reload_is_not_asked() -> None:
    assert request(host(), []).restart == host().apache.restart
    other = host(apache={"reload": ["sudo", "service", "httpd", "graceful"]})
    assert request(other, []).restart == []
    plan = make_plan(other, [], Snapshot({}, {}, None, None, "up", 1, 1000, owed=["apache"], restart_cost=CLOSED))
    assert plan.services() == ["Apache: reload"]


def test_settings_of_the_host_give_the_cost() -> None:
    assert restart_cost(RestartSettings(signal="28", timeout="1min 30s", graceful=3)) == RestartCost(True, 13, 3)
    assert restart_cost(RestartSettings(signal="28", timeout="1min 30s", graceful=None)) == CLOSED


def test_scripts_get_it_in_numbers() -> None:
    assert CLOSED.facts() == {"requests": "finished", "ports_closed_seconds": 90, "request_limit_seconds": None}
    assert parse("15 - 1s").facts()["requests"] == "lost"
