"""The operator's command, as the account, with the products set up, until it ends or the operator is gone."""

import contextlib
import os
import time

from ops.agent.operator_watch import end_all, watch
from ops.agent.processes import started
from ops.agent.products import activated
from ops.agent.run_messages import RunEnded, RunOutput

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from ops.agent.messages import Message
    from ops.agent.run_messages import RunRequest

PIECE = 48 * 1024  # bytes of output in a message
QUIET = 0.5  # seconds without output, after which there is a message without any
LEFT_OPEN = 2.0  # seconds that output is awaited which a background process keeps open
GRACE = 3.0  # seconds between SIGTERM and SIGKILL
# The text comes on standard input, for the words of a process are for every account to read.
READ_AND_RUN = 'IFS= read -r -d "" text; exec </dev/null; eval "$text"'
NOT_SET_UP = b"the products are not set up: activate leaves no PATH\n"


def answer(request: "RunRequest") -> "Iterator[Message]":
    """Both outputs as they come, then the exit code. What the command left in the background goes on."""
    groups: list[int] = []
    watch(lambda: _end(groups))
    products = activated(request.activate)
    if not products.is_complete:
        yield RunOutput(content=NOT_SET_UP, is_error=True)
    running = started(["/bin/bash", "-c", READ_AND_RUN, "run"], request.text.encode(), products.environment)
    groups.append(running.pid)
    try:
        yield from _output(running)
    except GeneratorExit:  # nobody reads the answer: the thread of `watch` would end with this one
        _end(groups)
        raise
    groups.clear()
    code = running.wait()
    yield RunEnded(code=code if code >= 0 else 128 - code)


def _output(running: "subprocess.Popen[bytes]") -> "Iterator[RunOutput]":
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


def _end(groups: "list[int]") -> None:
    import signal

    for number, seconds in ((signal.SIGTERM, GRACE), (signal.SIGKILL, 0)):
        for group in groups:
            with contextlib.suppress(OSError):
                os.killpg(group, number)
        time.sleep(seconds if groups else 0)
    end_all()
