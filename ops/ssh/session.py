"""The connection to one host: a login (`ops/ssh/login.py`), then one channel for each command."""

import contextlib
import socket
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Event, Thread

import fabric
import paramiko

from ops.agent.messages import Message, ModuleWanted
from ops.errors import HostError, ShellUnready, Unreachable
from ops.schema import Host
from ops.secrets.masking import masked
from ops.ssh.agent_answers import Answer, read_messages, take
from ops.ssh.agent_start import GREETING, module, package, packed_requests, running, start_text
from ops.ssh.line_reader import Limits, LineReader, OverLimit
from ops.ssh.login import NOTHING_TOUCHED, log_in, route_to
from ops.ssh.operator_identity import who
from ops.text import escape_control_chars

ALIVE_EVERY = 3.0  # seconds between the empty lines that tell the host that the operator is still connected
KEPT_BYTES = 4000  # of the output of the login shell and the tools, the last of which are shown
OPEN_SECONDS = 30.0  # seconds until a host has opened a session
ANSWER = Limits(seconds=1800.0)  # it may reload services


_Begun = tuple[fabric.Connection, list[paramiko.Channel]]


class AgentSession:
    """The running agent on a host: it reads and prints lines; the tools' messages are in `stderr`.

    What comes before its greeting, a line, is the login shell's output and no part of the answer.
    """

    def __init__(self, host: Host, greeting: str, channel: paramiko.Channel) -> None:
        self.host = host.name
        self._login = f"{host.account}@{host.address}"
        self.channel = channel
        self.greeted = False
        self._before = b""  # the end of the output before the greeting
        self._greeting = greeting
        self._silence = host.ssh.silence_timeout
        self._limits = Limits(self._silence, total=None)  # after the greeting
        self._reader = LineReader(channel, Limits(silence=host.ssh.answer_timeout, seconds=host.ssh.answer_timeout))

    def limit(self, limits: Limits) -> None:
        """Set the limits of the answer after the greeting; without a call only the limit of silence holds."""
        self._limits = replace(limits, silence=min(limits.silence, self._silence))
        if self.greeted:
            self._reader.limits = self._limits

    def send(self, lines: Iterable[str]) -> None:
        """Send `lines`. Raises HostError for one with a line break: the host would read it as two lines."""
        sent = list(lines)
        if any("\n" in line or "\0" in line for line in sent):
            raise HostError(
                self.host,
                "a value contains a line break, which the host would read as two values",
                left=NOTHING_TOUCHED,
            )
        self.send_text("".join(f"{line}\n" for line in sent).encode())

    def send_text(self, text: bytes) -> None:
        """Send `text`. Raises Unreachable if the connection is lost.

        It does not raise if the command ended before its greeting (/sbin/nologin): its output is still to be read.
        """
        try:
            self.channel.sendall(text)
        except (OSError, EOFError) as error:
            transport = self.channel.transport
            if self.greeted or transport is None or not transport.is_active():
                raise self._lost(error) from None

    def send_module(self, name: str) -> None:
        """Send a module that the agent has asked for. Raises HostError if it has none of that name."""
        try:
            sent = module(name)
        except ValueError as error:
            raise HostError(self.host, str(error), left=NOTHING_TOUCHED) from None
        self.send_text(f"{len(sent)}\n".encode() + sent)

    def close_input(self) -> None:
        """Close the agent's input."""
        with contextlib.suppress(OSError, EOFError):
            self.channel.shutdown_write()

    def lines(self) -> Iterator[str]:
        """The lines of the answer as they come, until the agent ends.

        Raises Unreachable if the connection is lost or the answer passes a limit.
        """
        for line in self._raw_lines():
            if self.greeted:
                yield line
            else:
                self._before = (self._before + line.encode() + b"\n")[-KEPT_BYTES:]
                # The login shell's last line may have no line end, so the greeting may follow it.
                if line.endswith(self._greeting):
                    self.greeted = True
                    self._reader.limits = self._limits

    def messages(self) -> Iterator[Message]:
        """The agent's messages as they come. Raises as `lines`, and HostError for a line that is no message."""
        return read_messages(self.host, self.lines())

    def not_run(self) -> HostError:
        """The error for a host that printed no greeting."""
        return HostError(
            self.host,
            f"the host did not run what it was sent; it printed:\n{self.stderr() or '(nothing)'}",
            left=NOTHING_TOUCHED,
            next_step=f"look at the account's login shell: ssh {self._login}",
        )

    def _raw_lines(self) -> Iterator[str]:
        try:
            for line in self._reader.lines():
                yield line.decode(errors="replace")
        except OverLimit as limit:
            if self.greeted:
                raise Unreachable(self.host, str(limit)) from None
            raise ShellUnready(self.host, self._reader.limits.silence, self.stderr()) from None
        except (OSError, EOFError) as error:
            raise self._lost(error) from None

    def stderr(self) -> str:
        """What the login shell and the tools printed: the last 4000 characters at most.

        Without a greeting this includes standard output: /sbin/nologin prints its reason there.
        """
        self._reader.drain_stderr()
        before = b"" if self.greeted else (self._before + self._reader.rest)[-KEPT_BYTES:].rstrip() + b"\n"
        return escape_control_chars(masked((before + self._reader.stderr).decode(errors="replace")))[
            -KEPT_BYTES:
        ].strip()

    def _lost(self, error: BaseException) -> Unreachable:
        return Unreachable(self.host, f"the connection was lost ({str(error) or type(error).__name__})")


class Heartbeat:
    """A context in which the host gets an empty line every few seconds; at its end the input is closed."""

    def __init__(self, session: AgentSession) -> None:
        self._session = session
        self._over = Event()
        self._thread = Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._session.close_input()
        with contextlib.suppress(OSError, EOFError):
            self._session.channel.close()

    def _beat(self) -> None:
        while not self._over.wait(ALIVE_EVERY):
            try:
                self._session.send([""])
            except Unreachable:
                return


@dataclass(frozen=True)
class Remote:
    """An open connection to a host of the inventory; `who` is the operator (`ops/ssh/operator_identity.py`).

    `opened` are the sessions that were opened in advance.
    """

    host: Host
    connection: fabric.Connection
    sudo_password: str | None
    who: str
    opened: list[paramiko.Channel] = field(default_factory=list)

    def start_agent(self, *requests: Message, also: tuple[str, ...] = ()) -> AgentSession:
        """Start the agent with these requests; its input stays open behind them. `also`: modules that it needs."""
        return self._start_agent(requests, whole=True, also=also)

    def answers(
        self,
        *requests: Message,
        limits: Limits = ANSWER,
        on_message: Callable[[Message], None] = lambda _: None,
        also: tuple[str, ...] = (),
    ) -> list[Answer]:
        """Ask the agent all requests in one command: one answer for each; `on_message` gets each message as it comes.

        `also`: modules that the agent would ask for.

        Raises HostError if the agent did not run, Unreachable if the connection was lost before its end.
        """
        session = self._start_agent(requests, whole=False, also=also)
        session.limit(limits)
        answers = [Answer(self.host.name) for _ in requests]
        left = iter(answers)
        answer = next(left)
        for message in session.messages():
            if isinstance(message, ModuleWanted):
                session.send_module(message.name)
                continue
            on_message(message)
            if take(answer, message):
                if answer is answers[-1]:
                    session.close_input()
                answer = next(left, answer)
        self._need_end(session)
        return answers

    def answer(
        self,
        request: Message,
        on_message: Callable[[Message], None] = lambda _: None,
        also: tuple[str, ...] = (),
    ) -> Answer:
        """The same for one request."""
        return self.answers(request, on_message=on_message, also=also)[0]

    def _start_agent(self, requests: Iterable[Message], *, whole: bool, also: tuple[str, ...] = ()) -> AgentSession:
        """`whole`: with all modules that it may need, for its input is not free for more of them."""
        sent = package(*(type(request) for request in requests), whole=whole, also=also)
        session = self._start(GREETING, start_text(len(sent)))
        session.send_text(b"".join((f"{self.host.activation}\n".encode(), sent, packed_requests(*requests))))
        return session

    def _start(self, greeting: str, text: str) -> AgentSession:
        """Run `text` by the host's shell."""
        transport = self.connection.transport
        try:
            channel = self.opened.pop() if self.opened else transport.open_session(timeout=OPEN_SECONDS)
            channel.settimeout(self.host.ssh.silence_timeout)
            # It has no single quote and no value, so any login shell understands it; head reads exactly the text.
            transport.start_command(channel, f"exec /bin/sh -c '{running(text)}'")
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise Unreachable(self.host.name, f"cannot start a command there: {error}") from None
        session = AgentSession(self.host, greeting, channel)
        session.send_text(text.encode())
        return session

    def _need_end(self, session: AgentSession) -> None:
        transport = session.channel.transport
        if transport is None or not transport.is_active():
            raise Unreachable(self.host.name, "the connection was lost before the answer was complete")
        if not session.greeted:
            raise session.not_run()


class Connections:
    """The connections to the hosts of one task. Those to `ahead` are opened at once, in the background.

    `connect` raises the error of a connection that was opened in advance. Use it as a context, which closes the rest.
    """

    def __init__(self, config: fabric.Config, ahead: Iterable[Host] = ()) -> None:
        self._config = config
        self._begun = {host.name: _begin(host, config) for host in ahead}

    def __enter__(self) -> "Connections":
        return self

    def __exit__(self, *_: object) -> None:
        for begun in self._begun.values():  # these were never used; do not wait for a login that still runs
            begun.add_done_callback(_leave_begun)

    @contextlib.contextmanager
    def connect(self, host: Host) -> Iterator[Remote]:
        """Log in to `host`. Raises Unreachable, with the next step, if it cannot be reached or trusted.

        Raises BadInput if a file that the inventory names for the login does not exist.
        """
        begun = self._begun.pop(host.name, None)
        last, opened = begun.result() if begun else (_log_in(host, self._config), [])
        try:
            yield Remote(host, last, self._config.sudo.password, who(last), opened)
        finally:
            _leave(last)


@contextlib.contextmanager
def connect(host: Host, config: fabric.Config) -> Iterator[Remote]:
    """Log in to one host, as `Connections.connect`."""
    with Connections(config) as connections, connections.connect(host) as remote:
        yield remote


def _begin(host: Host, config: fabric.Config) -> "Future[_Begun]":
    """Log in and open a session in the background: a session takes a host as long as the login."""
    begun: Future[_Begun] = Future()

    def log_in_in_background() -> None:
        try:
            last, opened = _log_in(host, config), []
            with contextlib.suppress(paramiko.SSHException, OSError, EOFError):  # `start` tries again, and reports it
                opened.append(last.transport.open_session(timeout=OPEN_SECONDS))
            begun.set_result((last, opened))
        except BaseException as error:  # noqa: BLE001 - `connect` raises it
            begun.set_exception(error)

    Thread(target=log_in_in_background, daemon=True).start()
    return begun


def _log_in(host: Host, config: fabric.Config) -> fabric.Connection:
    hops = route_to(host, config)
    try:
        log_in(hops)
    except BaseException:
        _leave(hops[-1].connection)
        raise
    return hops[-1].connection


def _leave_begun(begun: "Future[_Begun]") -> None:
    if not begun.exception():
        _leave(begun.result()[0])


def _leave(connection: fabric.Connection) -> None:
    """Close a connection to a host; those to jump hosts stay open for the next host."""
    with contextlib.suppress(OSError, EOFError, AttributeError):  # there may be no session yet
        # Without this, paramiko's reader takes 0.1 s to see that its socket is closed.
        connection.client.get_transport().sock.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError, EOFError):
        connection.close()
        connection.client.close()  # Fabric does not close a connection before its login
