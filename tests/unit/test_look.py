"""Several hosts that are looked at: what has answered is not held back by a host that has not."""

import os
import signal
from collections.abc import Callable
from threading import Event

import pytest

from ops import rollout
from ops.errors import HostError, Interrupted
from ops.rollout import HostResult, map_hosts
from ops.schema import Host
from tasks._query import code_of
from tests.unit.hosts import host

HOSTS = [host(name=f"h{number}") for number in range(1, 7)]
Shown = list[tuple[list[str], list[str]]]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No answer waits for others."""
    monkeypatch.setattr(rollout, "HELD_SECONDS", 0.0)


def recorder(shown: Shown, then: Callable[[], object] = lambda: None) -> rollout.Show[str]:
    """Notes which answers it gets and who is waited for; `then` is called each time."""

    def show(answers: list[HostResult[str]], waiting: list[Host]) -> None:
        shown.append(([answer.host.name for answer in answers], [one.name for one in waiting]))
        then()

    return show


def test_simultaneous_host_results_are_shown_together_in_inventory_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rollout, "HELD_SECONDS", 600.0)  # however slow this machine is
    turn = {one.name: Event() for one in HOSTS}
    turn["h6"].set()

    def ask(one: Host) -> str:  # each answers after the one behind it
        assert turn[one.name].wait(10)
        turn.get(f"h{int(one.name[1:]) - 1}", Event()).set()
        return one.name

    shown: Shown = []
    answers = map_hosts(HOSTS, ask, 6, recorder(shown))
    names = [one.name for one in HOSTS]
    assert shown == [(names, [])]
    assert [answer.result for answer in answers] == names


@pytest.mark.usefixtures("at_once")
def test_host_results_are_shown_while_one_host_is_silent() -> None:
    shown: Shown = []
    seen = Event()

    def ask(one: Host) -> str:
        if one.name == "h2":  # answers once the others are shown
            assert seen.wait(10)
        if one.name == "h3":
            raise HostError("h3", "broken")
        return one.name

    def look() -> None:
        if sum(len(names) for names, _ in shown) == 5:
            seen.set()

    answers = map_hosts(HOSTS, ask, 6, recorder(shown, look))
    assert shown[-1] == (["h2"], [])
    assert shown[-2][1] == ["h2"]
    assert sorted(name for names, _ in shown for name in names) == [one.name for one in HOSTS]
    assert [answer.host.name for answer in answers] == [one.name for one in HOSTS]
    assert code_of(answers) == 1


@pytest.mark.usefixtures("at_once")
def test_results_are_shown_before_queued_hosts_start() -> None:
    shown: Shown = []
    seen = Event()

    def ask(one: Host) -> str:
        if one.name == "h2":
            assert seen.wait(10)
        return one.name

    map_hosts(HOSTS, ask, 1, recorder(shown, seen.set))
    assert shown[0] in ((["h1"], ["h2"]), (["h1"], []))  # the one thread takes the next host at once, or has yet to
    assert [name for names, _ in shown for name in names] == [one.name for one in HOSTS]


def ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("at_once")
def test_ctrl_c_ends_wait_and_marks_silent_host_interrupted() -> None:
    never = Event()
    shown: Shown = []

    def ask(one: Host) -> str:
        if one.name == "h2":
            never.wait(60)
        return one.name

    def look() -> None:
        if sum(len(names) for names, _ in shown) == 2:
            ctrl_c()

    answers = map_hosts(HOSTS[:3], ask, 3, recorder(shown, look))
    never.set()
    assert [type(answer.error) for answer in answers] == [type(None), Interrupted, type(None)]
    assert shown[-1] == (["h2"], [])
    assert code_of(answers, attention=True) == 130


def test_ctrl_c_before_first_result_starts_no_more_hosts() -> None:
    never, asked = Event(), []

    def ask(one: Host) -> str:
        asked.append(one.name)
        ctrl_c()
        never.wait(60)
        return one.name

    answers = map_hosts(HOSTS, ask, 1)
    never.set()
    assert {type(answer.error) for answer in answers} == {Interrupted}
    assert asked == ["h1"]


def test_internal_error_in_worker_thread_is_raised() -> None:
    def ask(one: Host) -> str:
        if one.name == "h3":
            raise ZeroDivisionError
        return one.name

    with pytest.raises(ZeroDivisionError):
        map_hosts(HOSTS, ask, 6)
