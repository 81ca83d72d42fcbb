"""What is wrong with some versions of the app, for tests: see FAULTS in lab/versions.py."""

import importlib
import mmap
import threading
import time
from typing import Any

FAILS_EACH = 5  # of so many requests to all workers, one
GROWTH = 50_000_000  # bytes a minute
STEP = 0.5  # seconds

# Before uWSGI forks its workers: they share the counter.
requests = mmap.mmap(-1, 8)
grown: list[bytes] = []


def begin(fault: str) -> None:
    """Break the app as `fault` says, when it is imported; the app asks `fails` at each request.

    Raises ImportError for the fault "import".
    """
    if fault == "import":
        raise ImportError("This version of the app cannot be imported.")
    if fault == "growth":
        try:
            uwsgi: Any = importlib.import_module("uwsgi")
        except ImportError:  # not under uWSGI
            _start_to_grow()
        else:  # a thread does not survive the fork that makes a worker; it needs uWSGI's enable-threads
            uwsgi.post_fork_hook = _start_to_grow


def fails(fault: str) -> bool:
    """Whether the present request is to fail."""
    if fault != "errors":
        return False
    count = int.from_bytes(requests[:8], "little") + 1
    requests[:8] = count.to_bytes(8, "little")
    return count % FAILS_EACH == 0


def _start_to_grow() -> None:
    threading.Thread(target=_grow, daemon=True).start()


def _grow() -> None:
    while True:
        grown.append(b"x" * int(GROWTH * STEP / 60))  # written to, so that it is resident
        time.sleep(STEP)
