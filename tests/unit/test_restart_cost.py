"""What a restart of Apache costs, as each host's unit says."""

import pytest

from ops.deploy.plan import make_plan
from ops.deploy.snapshot import Snapshot, request
from ops.deploy.snapshot import parse as parse_snapshot
from ops.services.restart_cost import RestartCost, parse
from tests.unit.hosts import host

CLOSED = RestartCost(finishes_requests=True, closed_seconds=90)
TOLD = ["supervisord up 7", "owed apache"]


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
    snapshot = parse_snapshot([*TOLD, *[f"restart_cost {told}"] * bool(told), "end"])
    plan = make_plan(host(), [], snapshot)
    (said,) = plan.services()
    assert ("lost" in said, "90 s" in said) == (not finished, finished)


def test_a_host_with_a_reload_is_not_asked() -> None:
    asked = [line.partition(" ")[0] for line in request(host(), [])]
    assert {"restart_word", "apache_root"} <= set(asked)
    other = host(apache={"reload": ["sudo", "service", "httpd", "graceful"]})
    assert not [line for line in request(other, []) if line.startswith(("restart_word", "apache_root"))]
    plan = make_plan(other, [], Snapshot({}, {}, None, None, "up", 1, 1000, owed=["apache"], restart_cost=CLOSED))
    assert plan.services() == ["Apache: reload"]


def test_scripts_get_it_in_numbers() -> None:
    assert CLOSED.facts() == {"requests": "finished", "ports_closed_seconds": 90, "request_limit_seconds": None}
    assert parse("15 - 1s").facts()["requests"] == "lost"
