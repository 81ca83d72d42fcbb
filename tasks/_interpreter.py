"""How Python itself is set for a short run: bytecode, threads, garbage (figures: docs/decisions/speed.md).

It imports nothing of ours, for it comes before all else.
"""

import atexit
import gc
import sys


def prepare() -> None:
    """Set Python so that loading is quick; `run_collector_again` is called where the task begins."""
    sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)  # as Python has it; fab would compile us every time
    sys.setswitchinterval(0.0005)  # a login and what is loaded beside it take turns; Python has 5 ms
    gc.disable()  # what is loaded stays, and looking through it takes a tenth of the time
    atexit.register(gc.freeze)  # nor is it looked through once more when fab ends


def run_collector_again() -> None:
    """Look for garbage from here on, but not in what was loaded."""
    gc.freeze()
    gc.enable()
