"""Signs of life while a step takes long: the operator's side takes silence for a dead connection."""

import threading

from ops.agent.messages import Alive

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from typing import TypeVar

    T = TypeVar("T")

EVERY = 20.0  # seconds


def kept_alive(step: "Callable[[], T]") -> "Generator[Alive, None, T]":
    """Do a step and yield Alive from time to time; the generator's value is what the step returned, or it raises."""
    found: list[T] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            found.append(step())
        except BaseException as error:  # noqa: BLE001 - raised below, where it is awaited
            raised.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(EVERY)
    while thread.is_alive():
        yield Alive()
        thread.join(EVERY)
    if raised:
        raise raised[0]
    return found[0]
