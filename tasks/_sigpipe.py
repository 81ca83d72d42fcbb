"""The end of fab when its output cannot be written.

If the reader is gone, fab ends quietly by SIGPIPE, as other tools do. Python ignores that signal, and must, because a
connection that a host closes must not end fab. If the disk is full, fab ends with a message and exit code 1.
"""

import atexit
import contextlib
import errno
import os
import select
import signal
import sys
from types import TracebackType

FAILED = 1
NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)  # errors of a write to a full disk


def end_with_the_output() -> None:
    """From now on, end this program without a traceback if its output fails; other errors are handled as before."""
    _open_what_is_closed()
    show = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, BrokenPipeError) and _is_without_reader():
            _end()
        if isinstance(error, OSError) and _is_full(error):
            _report(error)
        else:
            show(kind, error, trace)

    def write_the_rest() -> None:
        try:
            sys.stdout.flush()
        except BrokenPipeError:
            _end()
        except OSError as error:
            _report(error)
            os._exit(FAILED)  # otherwise the exit code is 0, or Python prints a traceback

    sys.excepthook = hook
    atexit.register(write_the_rest)


def _open_what_is_closed() -> None:
    """Replace a closed output (>&-), for which Python has None, by /dev/null: writing to it is no error."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - for the rest of the run


def _is_full(error: OSError) -> bool:
    """Whether a write to an open file failed; an error from opening a file has a file name."""
    return error.errno in NOT_WRITTEN and error.filename is None


def _report(error: OSError) -> None:
    """Print why the output failed, and discard the rest: Python would try to write it again at exit."""
    with contextlib.suppress(OSError):
        sys.stderr.write(f"fab: cannot write: {error.strerror}\n")
        sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for descriptor, stream in ((1, sys.stdout), (2, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, descriptor)


def _is_without_reader() -> bool:
    """Whether the reader of standard output or error is gone."""
    poll = select.poll()
    for descriptor in (1, 2):
        poll.register(descriptor, 0)
    return any(state & (select.POLLERR | select.POLLHUP) for _, state in poll.poll(0))


def _end() -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)
