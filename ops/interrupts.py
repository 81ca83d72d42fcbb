"""Ctrl-C, where a host is being changed: it is taken in one place, and never inside paramiko.

An exception in the middle of one of paramiko's locks leaves it held, and whatever closes the line waits for it for
ever. So the work is done in a thread, and the main thread, which alone gets signals, only waits.
"""

import signal
from collections.abc import Callable
from threading import Lock, Thread, current_thread, main_thread
from types import FrameType
from typing import TypeVar

Result = TypeVar("Result")


def uninterrupted(work: Callable[[], Result], pressed: Callable[[int], None]) -> Result:
    """What `work` returns or raises, run in a thread; at each Ctrl-C `pressed` gets how many there were.

    What `pressed` raises ends the wait: the thread is left to itself then. It must not use a line to a host.
    In a thread there is no Ctrl-C: there `work` is just called.
    """
    if current_thread() is not main_thread():
        return work()
    results: list[Result] = []
    errors: list[BaseException] = []
    over, times = Lock(), 0

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
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
        while not over.acquire(timeout=1.0):  # a signal that another thread got is seen by then
            pass
    finally:
        signal.signal(signal.SIGINT, before)
    if errors:
        raise errors[0]
    return results[0]
