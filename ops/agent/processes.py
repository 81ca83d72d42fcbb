"""The place where the agent starts processes."""

import contextlib
import os
import signal
import subprocess

OUTPUT = 65536  # bytes that are kept of a command's output


def output_of(words: "list[str]", given: bytes = b"", seconds: float = 10.0) -> bytes:
    """What a command prints, standard error too, once it gets `given`; at most OUTPUT bytes.

    It is a session of its own with closed descriptors, and is killed with all its processes after `seconds`. Raises
    OSError if it cannot be started.
    """
    with subprocess.Popen(  # noqa: S603 - the words are the agent's own
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        close_fds=True,
        start_new_session=True,
    ) as running:
        try:
            out, _ = running.communicate(given, timeout=seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(OSError):
                os.killpg(running.pid, signal.SIGKILL)
            out, _ = running.communicate()
    return out[:OUTPUT]
