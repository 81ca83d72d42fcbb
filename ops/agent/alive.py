"""Tells the operator's side that the agent still works, while it has nothing else to tell."""

import os
import time

from ops.agent.lines import to_line
from ops.agent.messages import Alive

EVERY = 3.0  # seconds
_descriptor: "int | None" = None  # nothing is told without one
_last = 0.0


def tell_alive_to(descriptor: int) -> None:
    """From now on, `show_alive` writes there."""
    global _descriptor
    _descriptor = descriptor


def show_alive() -> None:
    """Call it often in what takes long; it writes every few seconds."""
    global _last
    now = time.monotonic()
    if _descriptor is not None and now - _last >= EVERY:
        _last = now
        os.write(_descriptor, to_line(Alive()).encode() + b"\n")
