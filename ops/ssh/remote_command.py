"""One command of the operator on one host: start it, show its output, end it at its limits."""

import base64
import select
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import paramiko

from ops.errors import BadInput, HostError, Unreachable
from ops.schema import Host
from ops.ssh.line_reader import ANSWER_BYTES, PIECE
from ops.ssh.session import Heartbeat, Remote

LONGEST = 65_536  # bytes of a command
CHECK_SECONDS = 0.5  # seconds between two checks of the limits
LEFT_OPEN = 2.0  # seconds of silence after which output that a background process keeps open is not awaited
MARK = b"poms-ops run\n"  # standard error before this mark is the login shell's

Show = Callable[[str, bool], None]  # gets each line without its end, and whether it is of standard error


@dataclass(frozen=True)
class Command:
    """Shell text for bash, and the seconds that it may take (None: no limit but that of silence)."""

    text: str
    seconds: int | None = None

    def __post_init__(self) -> None:
        """Raises BadInput for a text that cannot be run."""
        if not self.text.strip():
            raise BadInput("The command is empty. Nothing was connected to.")
        if "\0" in self.text:
            raise BadInput("The command holds a NUL character. Nothing was connected to.")
        if len(self.text.encode()) > LONGEST:
            raise BadInput(f"The command is longer than {LONGEST} bytes. Nothing was connected to.")


def run_command(remote: Remote, command: Command, show: Show) -> int:
    """Run it to its end; its exit code, from 0 to 255 (128 and more: a signal).

    Raises HostError if it passes a limit and is ended there, Unreachable if the connection is lost.
    """
    text = base64.b64encode(command.text.encode()).decode()
    session = remote.start("run", [f"activate {remote.host.activate}", f"command {text}", "end"])
    with Heartbeat(session):
        out, err = session.wait_for_greeting()
        return _Reader(remote.host, session.channel, show).read(command, out, err)


class _Reader:
    """The two outputs of one command."""

    def __init__(self, host: Host, channel: paramiko.Channel, show: Show) -> None:
        self._host = host
        self._channel = channel
        self._lines = {False: Lines(), True: Lines()}
        self._show = show
        self._size = 0
        self._before = b""  # the end of standard error, until its mark has come
        self._marked = False

    def read(self, command: Command, out: bytes, err: bytes) -> int:
        """Show the output, `out` and `err` first, until the command has ended; its exit code."""
        begun = heard = time.monotonic()
        new = select.poll()
        new.register(self._channel, select.POLLIN)
        self._add(out, of_errors=False)
        self._add(err, of_errors=True)
        while True:
            ended = self._channel.eof_received or self._channel.closed
            if self._drain():
                heard = time.monotonic()
                continue
            silent = time.monotonic() - heard
            if self._channel.exit_status_ready() and (ended or silent > LEFT_OPEN):
                break
            self._check(command, time.monotonic() - begun, silent)
            if ended:
                self._channel.status_event.wait(CHECK_SECONDS)
            else:
                new.poll(1000 * CHECK_SECONDS)
        for of_errors, lines in self._lines.items():
            self._print(lines.end(), of_errors)
        code = self._channel.exit_status
        if code < 0:
            raise Unreachable(self._host.name, "the connection was lost; the host ends the command")
        return code

    def _drain(self) -> bool:
        """Show what has arrived; whether anything has."""
        came = False
        while self._channel.recv_ready() or self._channel.recv_stderr_ready():
            for ready, receive, of_errors in (
                (self._channel.recv_ready, self._channel.recv, False),
                (self._channel.recv_stderr_ready, self._channel.recv_stderr, True),
            ):
                if ready():
                    self._add(receive(PIECE), of_errors)
                    came = True
        return came

    def _add(self, data: bytes, of_errors: bool) -> None:
        self._size += len(data)
        if self._size > ANSWER_BYTES:
            raise self._over(
                f"printed more than {ANSWER_BYTES // 2**20} MB", "fab fetch-logs and scp bring large files"
            )
        if of_errors and not self._marked:
            before, mark, data = (self._before + data).partition(MARK)
            self._marked = bool(mark)
            self._before = before[-len(MARK) :]
        self._print(self._lines[of_errors].add(data), of_errors)

    def _print(self, lines: Iterator[str], of_errors: bool) -> None:
        for line in lines:
            self._show(line, of_errors)

    def _check(self, command: Command, seconds: float, silent: float) -> None:
        if command.seconds is not None:
            if seconds > command.seconds:
                raise self._over(f"did not end within {command.seconds} seconds", "--timeout gives it more")
        elif silent > self._host.ssh.silence_timeout:
            raise self._over(
                f"printed nothing for {self._host.ssh.silence_timeout} seconds",
                "--timeout sets a fixed limit instead, ssh.silence_timeout this limit for all commands here",
            )

    def _over(self, what: str, next_step: str) -> HostError:
        return HostError(
            self._host.name,
            f"the command {what}; the host ends it",
            outcome="ended by a limit",
            next_step=next_step,
        )


class Lines:
    """A stream of bytes split into lines; a line that is longer than a piece comes in pieces."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def add(self, data: bytes) -> Iterator[str]:
        """The lines that are complete now."""
        self._rest += data
        *lines, rest = self._rest.split(b"\n")
        self._rest = rest
        for line in lines:
            yield from _pieces(line)
        while len(self._rest) >= PIECE:
            yield self._rest[:PIECE].decode(errors="replace")
            del self._rest[:PIECE]

    def end(self) -> Iterator[str]:
        """The rest, which had no line end."""
        if self._rest:
            yield self._rest.decode(errors="replace")
            self._rest.clear()


def _pieces(line: bytearray) -> Iterator[str]:
    for start in range(0, max(1, len(line)), PIECE):
        yield line[start : start + PIECE].decode(errors="replace")
