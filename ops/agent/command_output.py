"""The output of a running command as it comes, and the command's end."""

import contextlib
import os
import time

from ops.agent.run_messages import RunOutput

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

PIECE = 48 * 1024  # bytes of output in a message
QUIET = 0.5  # seconds without output, after which there is a message without any
LEFT_OPEN = 2.0  # seconds that output is awaited which a background process keeps open
GRACE = 3.0  # seconds between SIGTERM and SIGKILL


def output_of(running: "subprocess.Popen[bytes]") -> "Iterator[RunOutput]":
    """Both outputs until the command has ended; every QUIET seconds at least, one without any bytes."""
    import select
    import subprocess

    pipes = {running.stdout.fileno(): False, running.stderr.fileno(): True}  # type: ignore[union-attr] # pipes
    new = select.poll()
    for descriptor in pipes:
        new.register(descriptor, select.POLLIN)
    heard = time.monotonic()
    while pipes:
        for descriptor, _ in new.poll(1000 * QUIET):
            heard = time.monotonic()
            content = os.read(descriptor, PIECE)
            if content:
                yield RunOutput(content=content, is_error=pipes[descriptor])
            else:
                new.unregister(descriptor)
                del pipes[descriptor]
        silent = time.monotonic() - heard
        if silent >= QUIET:
            yield RunOutput(content=b"", is_error=False)
            if silent > LEFT_OPEN and running.poll() is not None:
                return
    while True:
        try:
            running.wait(QUIET)
        except subprocess.TimeoutExpired:
            yield RunOutput(content=b"", is_error=False)
        else:
            return


def end_groups(groups: "list[int]") -> None:
    """End process groups: by SIGTERM, after GRACE seconds by SIGKILL."""
    import signal

    for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, 0)):
        for group in groups:
            with contextlib.suppress(OSError):
                os.killpg(group, number)
        time.sleep(seconds if groups else 0)
