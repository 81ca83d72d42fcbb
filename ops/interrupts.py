"""Ctrl-C during a change of a host: it is handled in one place, and never inside paramiko.

An exception inside one of paramiko's locks would leave the lock held, and closing the connection would wait for it
for ever. So a thread does the work, and the main thread, which alone gets signals, only waits.
"""

import signal
from collections.abc import Callable
from threading import Lock, Thread, current_thread, main_thread
from types import FrameType
from typing import TypeVar

Result = TypeVar("Result")


def uninterrupted(work: Callable[[], Result], pressed: Callable[[int], None]) -> Result:
    """Run `work` in a thread, and return or raise what it does; each Ctrl-C calls `pressed` with the count so far.

    An exception from `pressed` ends the wait; the thread continues alone. `pressed` must not use a connection to a
    host. Outside the main thread, which alone gets Ctrl-C, `work` is just called.
    """
    if current_thread() is not main_thread():
        return work()
    results: list[Result] = []
    errors: list[BaseException] = []
    over, times = Lock(), 0

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised below
            errors.append(error)
        finally:
            over.release()

    def count(_signal: int, _frame: FrameType | None) -> None:
        nonlocal times
        times += 1
        pressed(times)

    over.acquire()
    before = signal.signal(signal.SIGINT, count)
    try:
        Thread(target=run, daemon=True).start()
        while not over.acquire(timeout=1.0):  # wakes up to handle a signal that another thread got
            pass
    finally:
        signal.signal(signal.SIGINT, before)
    if errors:
        raise errors[0]
    return results[0]
