"""Several hosts: changed in rolling order, the first alone; the first failure stops the rest."""

from collections.abc import Callable
from threading import Barrier, Event, Lock

import pytest

from ops.errors import BadInput, HostError
from ops.rollout import HostResult, rolling_apply
from ops.schema import Host
from ops.ui import console
from tasks._rollout import change_rolling
from tests.unit.hosts import host

HOSTS = [host(name=f"h{number}") for number in range(1, 7)]


def names(answers: list[HostResult[str]]) -> list[str]:
    """How each host ended, in a word."""
    return [str(answer.result or getattr(answer.error, "outcome", "not tried")) for answer in answers]


def fails_on(*names: str) -> Callable[[Host], str]:
    """A change that fails on these hosts."""

    def change(one: Host) -> str:
        if one.name in names:
            raise HostError(one.name, "broken", outcome="rolled back")
        return "committed"

    return change


@pytest.mark.parametrize("parallel", [1, 3])
def test_failure_of_first_host_stops_all_remaining_hosts(parallel: int) -> None:
    assert names(rolling_apply(HOSTS, fails_on("h1"), parallel)) == ["rolled back"] + ["not tried"] * 5


def test_rolling_apply_finishes_first_host_then_respects_parallel_limit() -> None:
    lock, at_once, most, order = Lock(), [0], [0], []
    together = Barrier(3)

    def change(one: Host) -> str:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
            order.append(one.name)
        if one.name in ("h2", "h3", "h4"):
            together.wait(timeout=10)  # these three are under way at the same time, or this breaks
        with lock:
            if one.name == "h1":
                assert order == ["h1"]
            at_once[0] -= 1
        return "committed"

    assert names(rolling_apply(HOSTS, change, 3)) == ["committed"] * 6
    assert most[0] == 3


def test_failed_host_stops_new_hosts_and_running_hosts_finish() -> None:
    begun, failed = Event(), Event()

    def change(one: Host) -> str:
        if one.name == "h2":
            assert begun.wait(10)
            failed.set()
            raise HostError(one.name, "broken", outcome="rolled back")
        if one.name == "h3":
            begun.set()
            assert failed.wait(10)
        return "committed"

    ended = names(rolling_apply(HOSTS, change, 2))
    assert ended[:3] == ["committed", "rolled back", "committed"]
    assert ended[-1] == "not tried"


def test_report_lists_outcome_of_every_host(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    code = change_rolling(HOSTS[:3], fails_on("h2"), yes=True, parallel=1)
    said = capsys.readouterr()
    assert code == 1
    assert [line.split(maxsplit=1) for line in said.out.splitlines()[-3:]] == [
        ["h1", "committed"],
        ["h2", "rolled back"],
        ["h3", "not tried"],
    ]
    assert "broken" in said.err
    monkeypatch.setattr(console, "is_terminal", lambda: True)
    with pytest.raises(BadInput):
        change_rolling(HOSTS, fails_on(), yes=True, parallel=0)
    with pytest.raises(BadInput):
        change_rolling(HOSTS, fails_on(), yes=False, parallel=2)
