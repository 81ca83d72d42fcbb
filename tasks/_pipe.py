"""What becomes of fab when nobody reads its output any more: it ends by SIGPIPE, quietly, as usual tools do.

Python ignores that signal, and it has to: a connection that a host closes must not end fab.
"""

import atexit
import os
import select
import signal
import sys
from types import TracebackType


def end_with_the_reader() -> None:
    """From now on an output pipe that is closed ends this program quietly; any other fault is shown as before."""
    show = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, BrokenPipeError) and _is_without_reader():
            _end()
        show(kind, error, trace)

    def write_the_rest() -> None:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _end()

    sys.excepthook = hook
    atexit.register(write_the_rest)


def _is_without_reader() -> bool:
    """Whether the reader of standard output or error is gone."""
    poll = select.poll()
    for descriptor in (1, 2):
        poll.register(descriptor, 0)
    return any(state & (select.POLLERR | select.POLLHUP) for _, state in poll.poll(0))


def _end() -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)
