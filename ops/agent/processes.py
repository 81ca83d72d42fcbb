"""The one place where the agent starts processes."""

import contextlib
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from collections.abc import Generator

OUTPUT = 2**20  # bytes: the end of a command's output that is kept
TIMED_OUT, NOT_STARTED = 124, 127  # exit codes, as those of timeout(1) and of a shell


class Ended:
    """How a command ended: its exit code, negative for a signal, and its output.

    That includes its standard error, unless `errors` has it.
    """

    def __init__(self, code: int, output: bytes, errors: bytes = b"") -> None:
        self.code = code
        self.output = output
        self.errors = errors

    @property
    def text(self) -> str:
        """The output without white space around it."""
        return self.output.decode("utf-8", "replace").strip()


def clean_environment() -> "dict[str, str]":
    """The environment of tools: nothing that the account exports changes what they do or say.

    A bash that takes itself for the first of an SSH login (SHLVL) reads .bashrc.
    """
    known = {name: os.environ[name] for name in ("HOME", "PATH") if name in os.environ}
    return {"LC_ALL": "C", "SHLVL": "2", **known}


def output_of(words: "list[str]", given: bytes = b"", seconds: float = 10.0) -> bytes:
    """What a command prints once it gets `given`; empty if it cannot be started."""
    ended = run(words, given, seconds)
    return b"" if ended.code == NOT_STARTED else ended.output


def start(
    words: "list[str]", environment: "dict[str, str] | None" = None, output: str = "", has_input: bool = False
) -> "subprocess.Popen[bytes]":
    """Start a command in a session of its own, for the caller to await; `has_input`: its standard input is a pipe.

    Its output goes to the file `output`; without one, it is the agent's own. Raises OSError if it cannot be started.
    """
    import subprocess

    with open(output or os.devnull, "ab") as file:
        return subprocess.Popen(  # noqa: S603 - the words are the agent's own or the inventory's
            words,
            stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
            stdout=file if output else None,
            stderr=file if output else None,
            env=clean_environment() if environment is None else environment,
            close_fds=True,
            start_new_session=True,
        )


def run(
    words: "list[str]",
    given: bytes = b"",
    seconds: float = 10.0,
    environment: "dict[str, str] | None" = None,
    are_errors_apart: bool = False,
) -> Ended:
    """Run a command to its end; `given` is its input, less than 64 kB.

    It is a session of its own, and is killed with all its processes after `seconds`: code TIMED_OUT. What it leaves
    running in the background is not awaited.
    """
    import subprocess  # to import it takes as long as to start Python

    try:
        running = subprocess.Popen(  # noqa: S603 - the words are the agent's own or the inventory's
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if are_errors_apart else subprocess.STDOUT,
            env=clean_environment() if environment is None else environment,
            close_fds=True,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        return Ended(NOT_STARTED, str(error).encode())
    with contextlib.suppress(BrokenPipeError), running.stdin as input_:  # type: ignore[union-attr] # a pipe
        input_.write(given)
    with contextlib.ExitStack() as stack:
        pipes = [stack.enter_context(pipe) for pipe in (running.stdout, running.stderr) if pipe]
        return _awaited(running, [pipe.fileno() for pipe in pipes], time.monotonic() + seconds)


def _awaited(running: "subprocess.Popen[bytes]", pipes: "list[int]", end: float) -> Ended:
    import select
    import signal
    import subprocess

    kept, code, open_ = [bytearray() for _ in pipes], None, dict(enumerate(pipes))
    new = select.poll()
    for pipe in pipes:
        os.set_blocking(pipe, False)
        new.register(pipe, select.POLLIN)
    while code is None and time.monotonic() < end:
        if open_:
            new.poll(20)
        else:
            time.sleep(0.02)
        code = running.poll()
        for number, pipe in list(open_.items()):
            if not _take(pipe, kept[number]):
                new.unregister(pipe)
                del open_[number]
    if code is None:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # root's goes on alone
            os.killpg(running.pid, signal.SIGKILL)
            running.wait(1)
        code = TIMED_OUT
    else:
        for number, pipe in open_.items():
            _take(pipe, kept[number])
    return Ended(code, *map(bytes, kept))


def _take(out: int, kept: bytearray) -> bool:
    """Take what has come; whether more may come."""
    while True:
        try:
            part = os.read(out, 65536)
        except BlockingIOError:
            return True
        if not part:
            return False
        kept += part
        del kept[:-OUTPUT]


def filtered(words: "list[str]", given: bytes, seconds: "float | None" = None) -> "tuple[int, bytes, bytes]":
    """The exit code, the whole output and standard error of a filter that gets `given`, which may be large.

    It is killed after `seconds`: code TIMED_OUT, no output. Raises OSError if it cannot be started.
    """
    import subprocess

    with subprocess.Popen(  # noqa: S603 - the words are the agent's own
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(),
        close_fds=True,
    ) as running:
        try:
            out, err = running.communicate(given, seconds)
        except subprocess.TimeoutExpired:
            running.kill()
            return TIMED_OUT, b"", b""
    return running.returncode, out, err


def output_from_file(words: "list[str]", descriptor: int) -> "Generator[bytes, None, int]":
    """What a command prints that reads an open file, as it comes; returns its exit code."""
    import subprocess

    running = subprocess.Popen(  # noqa: S603 - the words are the agent's own
        words,
        stdin=descriptor,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
        close_fds=True,
    )
    try:
        with running.stdout as output:  # type: ignore[union-attr] # a pipe
            yield from iter(lambda: os.read(output.fileno(), 65536), b"")
    finally:  # closing the pipe has ended it, if it was not read to its end
        code = running.wait()
    return code


def started(words: "list[str]", given: bytes, environment: "dict[str, str]") -> "subprocess.Popen[bytes]":
    """A command that runs, in a session of its own, with a pipe for each output; it reads `given` at once."""
    import subprocess

    running = subprocess.Popen(  # noqa: S603 - the words are the agent's own
        words,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        close_fds=True,
        start_new_session=True,
    )
    with contextlib.suppress(BrokenPipeError), running.stdin as input_:  # type: ignore[union-attr] # a pipe
        input_.write(given)
    return running
