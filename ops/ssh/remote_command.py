"""One command of the operator on one host: start it, show its output, end it at its limits."""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ops.agent.messages import Message
from ops.agent.run_messages import RunEnded, RunOutput, RunRequest
from ops.errors import BadInput, HostError, Unreachable
from ops.schema import Host
from ops.ssh.agent_answers import is_end
from ops.ssh.line_reader import ANSWER_BYTES, PIECE, Limits
from ops.ssh.session import Heartbeat, Remote

LONGEST = 65_536  # bytes of a command
SILENCE = 90.0  # seconds without a message after which the connection is dead; `activate` may take 60

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
    session = remote.start_agent(RunRequest(text=command.text, activate=remote.host.activation))
    session.limit(Limits(SILENCE, total=None))
    with Heartbeat(session):
        code = _Reader(remote.host, show).read(command, session.messages())
        if not session.greeted:
            raise session.not_run()
    if code is None:
        raise Unreachable(remote.host.name, "the connection was lost; the host ends the command")
    return code


class _Reader:
    """The two outputs of one command."""

    def __init__(self, host: Host, show: Show) -> None:
        self._host = host
        self._lines = {False: Lines(), True: Lines()}
        self._show = show
        self._size = 0

    def read(self, command: Command, messages: Iterable[Message]) -> int | None:
        """Show the output until the command has ended; its exit code, None if the messages end before that."""
        begun = heard = time.monotonic()
        for message in messages:
            now = time.monotonic()
            if isinstance(message, RunOutput):
                heard = now if message.content else heard
                self._add(message.content, message.is_error)
                self._check(command, now - begun, now - heard)
            elif isinstance(message, RunEnded):
                for is_error, lines in self._lines.items():
                    self._print(lines.end(), is_error)
                return message.code
            else:
                is_end(self._host.name, message)
        return None

    def _add(self, data: bytes, is_error: bool) -> None:
        self._size += len(data)
        if self._size > ANSWER_BYTES:
            raise self._over(
                f"printed more than {ANSWER_BYTES // 2**20} MB", "fab fetch-logs and scp bring large files"
            )
        self._print(self._lines[is_error].add(data), is_error)

    def _print(self, lines: Iterator[str], is_error: bool) -> None:
        for line in lines:
            self._show(line, is_error)

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
