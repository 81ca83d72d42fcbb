"""Work that tells the operator's side how it goes, as messages."""

import queue
import threading

from ops.agent.long_steps import EVERY
from ops.agent.messages import Alive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Union

    from ops.agent.messages import Message

    Tell = Callable[[Message], None]
    Told = queue.Queue[Union[Message, None]]


def narrated(work: "Callable[[Tell], None]", every: float = EVERY) -> "Iterator[Message]":
    """Do work in a thread: yields each message that it tells, as it comes, and Alive after `every` silent seconds.

    Raises what the work raises. If nobody takes the messages any more, the work still goes on to its end.
    """
    told: Told = queue.Queue()
    raised: list[BaseException] = []

    def do() -> None:
        try:
            work(told.put)
        except BaseException as error:  # noqa: BLE001 - raised below, where it is awaited
            raised.append(error)
        told.put(None)

    thread = threading.Thread(target=do)
    thread.start()
    try:
        yield from _told(told, every)
    finally:
        thread.join()
    if raised:
        raise raised[0]


def _told(told: "Told", every: float) -> "Iterator[Message]":
    while True:
        try:
            message = told.get(timeout=every)
        except queue.Empty:
            yield Alive()
            continue
        if message is None:
            return
        yield message
