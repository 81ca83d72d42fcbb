"""Ctrl-C while a host is changed: the work is never hit, the wait goes on or ends as is asked."""

import os
import signal
import threading
from threading import Event

import pytest

from ops.errors import LeftAtWork
from ops.interrupts import uninterrupted
from ops.rollout import apply_serially, rolling_apply
from ops.schema import Host
from tests.unit.hosts import host


def press() -> None:
    """Ctrl-C."""
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_counted_and_work_completes() -> None:
    seen: list[int] = []
    third = Event()

    def work() -> str:
        for number in (1, 2, 3):
            press()
            while len(seen) < number:
                third.wait(0.01)
        return "done"

    assert uninterrupted(work, seen.append) == "done"
    assert seen == [1, 2, 3]
    with pytest.raises(KeyboardInterrupt):
        press()


def test_error_of_uninterrupted_work_reaches_caller() -> None:
    def work() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        uninterrupted(work, print)


def test_in_a_thread_the_work_is_just_done() -> None:
    names: list[str] = []
    thread = threading.Thread(
        target=lambda: uninterrupted(lambda: names.append(threading.current_thread().name), print), name="of a pool"
    )
    thread.start()
    thread.join()
    assert names == ["of a pool"]


def test_ctrl_c_in_serial_apply_skips_and_names_remaining_hosts() -> None:
    begun: list[str] = []
    over = Event()

    def change(one: Host) -> None:
        begun.append(one.name)
        press()
        over.wait(10)

    try:
        with pytest.raises(LeftAtWork, match="h1") as raised:
            apply_serially([host(name="h1"), host(name="h2")], change)
    finally:
        over.set()
    assert (raised.value.code, begun) == (130, ["h1"])
    assert any("h2" in note for note in raised.value.__notes__)


def test_ctrl_c_interrupts_parallel_hosts_once_and_waits_for_them() -> None:
    called: list[str] = []
    put_back = Event()

    def change(one: Host) -> str:
        if one.name != "h1":
            press()
            press()
            assert put_back.wait(10)
        return "rolled back"

    def interrupt() -> None:
        called.append("interrupt")
        put_back.set()

    answers = rolling_apply([host(name=f"h{number}") for number in (1, 2, 3)], change, 2, interrupt)
    assert called == ["interrupt"]
    assert answers[1].result == "rolled back"
