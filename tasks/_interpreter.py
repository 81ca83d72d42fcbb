"""Settings of Python for a short run: bytecode, threads, garbage collection (figures: docs/decisions/speed.md).

It runs before all other modules, so it imports none of the project.
"""

import atexit
import gc
import sys


def prepare() -> None:
    """Set Python to load modules quickly; `run_collector_again` is called when the task begins."""
    sys.dont_write_bytecode = bool(sys.flags.dont_write_bytecode)  # Python's default; fab turns bytecode off
    sys.setswitchinterval(0.0005)  # seconds (default 0.005): a login and imports run in parallel threads
    gc.disable()  # loaded modules stay, and collecting them takes a tenth of the time
    atexit.register(gc.freeze)  # no collection of them when fab ends


def run_collector_again() -> None:
    """Collect garbage from here on, but not in loaded modules."""
    gc.freeze()
    gc.enable()
