"""The line to one host: a login (`ops/ssh/login.py`), then one script a channel."""

import contextlib
import socket
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from threading import Event, Thread

import fabric
import paramiko

from ops.errors import HostError, ShellUnready, Unreachable
from ops.schema import Host
from ops.scripts import running, script
from ops.secrets.masking import masked
from ops.ssh.line_reader import Limits, LineReader, OverLimit
from ops.ssh.login import NOTHING_TOUCHED, log_in, way_to
from ops.ssh.operator_identity import who
from ops.text import escape_control_chars

ALIVE_EVERY = 3.0  # seconds between the lines that tell the host somebody is still there
SAID_BYTES = 4000  # shown of what the login shell and the tools print
PATIENCE = 30.0  # seconds until a host has opened a session
ALIVE = "alive"  # what a host says now and then while it works (remote/lock.sh)
ANSWER = Limits(seconds=1800.0)  # of a script that runs to its end: it may reload services


_Begun = tuple[fabric.Connection, list[paramiko.Channel]]


class Dialogue:
    """One script running on the host: lines go in, lines come out; what is not a fact goes to `stderr`.

    What comes before the script's greeting, "poms-ops NAME", is a login shell's own and is no part of the answer.
    """

    def __init__(self, host: Host, name: str, channel: paramiko.Channel) -> None:
        self.host = host.name
        self._login = f"{host.account}@{host.address}"
        self.channel = channel
        self.greeted = False
        self._before = b""  # the greeting, the last of it
        self._greeting = f"poms-ops {name}"
        self._silence = host.ssh.silence_timeout
        self._limits = Limits(self._silence, total=None)  # behind the greeting
        self._reader = LineReader(channel, Limits(silence=host.ssh.answer_timeout, seconds=host.ssh.answer_timeout))

    def limit(self, limits: Limits) -> None:
        """Set what its answer may take behind the greeting; without this it is silence alone that ends it."""
        self._limits = replace(limits, silence=min(limits.silence, self._silence))
        if self.greeted:
            self._reader.limits = self._limits

    def send(self, lines: Iterable[str]) -> None:
        """Send `lines`. Raises HostError for one that holds a line break: what follows it would be another line."""
        sent = list(lines)
        if any("\n" in line or "\0" in line for line in sent):
            raise HostError(self.host, "a value with a line break was not sent", left=NOTHING_TOUCHED)
        self.send_text("".join(f"{line}\n" for line in sent).encode())

    def send_text(self, text: bytes) -> None:
        """Send `text`. Raises Unreachable where the line is lost.

        Not where the host has ended what it ran without a greeting (/sbin/nologin): its words are still to be read.
        """
        try:
            self.channel.sendall(text)
        except (OSError, EOFError) as error:
            transport = self.channel.transport
            if self.greeted or transport is None or not transport.is_active():
                raise self._lost(error) from None

    def close_input(self) -> None:
        """Tell the script that nothing more will come."""
        with contextlib.suppress(OSError, EOFError):
            self.channel.shutdown_write()

    def lines(self) -> Iterator[str]:
        """The lines of the answer as they come, until the script ends.

        Raises Unreachable if the connection is lost or the answer passes a limit.
        """
        for line in self._raw_lines():
            if self.greeted:
                if line != ALIVE:
                    yield line
            else:
                self._before = (self._before + line.encode() + b"\n")[-SAID_BYTES:]
                # The login shell's last line may have had no end of its own.
                if line.endswith(self._greeting):
                    self.greeted = True
                    self._reader.limits = self._limits

    def wait_for_greeting(self) -> tuple[bytes, bytes]:
        """What has come behind the greeting so far, and on standard error; the channel is the caller's from then on.

        Raises HostError where the host did not run the script, Unreachable where the line is lost.
        """
        for line in self._raw_lines():
            if line.endswith(self._greeting):
                self.greeted = True
                return self._reader.rest, self._reader.stderr
            self._before = (self._before + line.encode() + b"\n")[-SAID_BYTES:]
        raise self.not_run()

    def not_run(self) -> HostError:
        """The error of a host that said something else than the greeting, or nothing."""
        name = self._greeting.rpartition(" ")[2]
        return HostError(
            self.host,
            f"the host did not run the script '{name}'; it said:\n{self.stderr() or '(nothing)'}",
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
        """What the login shell and the tools printed, at the most its last 4000 characters.

        Of a host that did not greet its standard output, too: that is where /sbin/nologin says why.
        """
        self._reader.drain_stderr()
        before = b"" if self.greeted else (self._before + self._reader.rest)[-SAID_BYTES:].rstrip() + b"\n"
        return escape_control_chars(masked((before + self._reader.stderr).decode(errors="replace")))[
            -SAID_BYTES:
        ].strip()

    def _lost(self, error: BaseException) -> Unreachable:
        return Unreachable(self.host, f"the line was lost ({str(error) or type(error).__name__})")


class Heartbeat:
    """While it is entered, the host gets an empty line every few seconds; then the end of the input."""

    def __init__(self, dialogue: Dialogue) -> None:
        self._dialogue = dialogue
        self._over = Event()
        self._thread = Thread(target=self._beat, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._dialogue.close_input()
        with contextlib.suppress(OSError, EOFError):
            self._dialogue.channel.close()

    def _beat(self) -> None:
        while not self._over.wait(ALIVE_EVERY):
            try:
                self._dialogue.send([""])
            except Unreachable:
                return


@dataclass(frozen=True)
class Remote:
    """An open connection to a host of the inventory; `who` is at work on it (`ops/ssh/operator_identity.py`).

    `opened` are sessions that were opened ahead.
    """

    host: Host
    connection: fabric.Connection
    sudo_password: str | None
    who: str
    opened: list[paramiko.Channel] = field(default_factory=list)

    def start(self, name: str, request: Iterable[str], *others: str) -> Dialogue:
        """Start script `name`, and `others` behind it, with the lines of `request` as the first input."""
        text = script(name, *others)
        transport = self.connection.transport
        try:
            channel = self.opened.pop() if self.opened else transport.open_session(timeout=PATIENCE)
            channel.settimeout(self.host.ssh.silence_timeout)
            # No single quote and no value in it, so any login shell understands it; head reads not a byte too many.
            transport.start_command(channel, f"exec /bin/sh -c '{running(text)}'")
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise Unreachable(self.host.name, f"no command can be started: {error}") from None
        dialogue = Dialogue(self.host, name, channel)
        dialogue.send_text(text.encode())
        dialogue.send(request)
        return dialogue

    def ask(self, name: str, request: Iterable[str], on_line: Callable[[str], None] = lambda _: None) -> list[str]:
        """Run script `name` to its end: its answer's lines, without its greeting; `on_line` gets each as it comes.

        Raises HostError where the script said nothing, Unreachable where the line was lost before its end.
        """
        return self.ask_together({name: request}, on_line=on_line)[name]

    def ask_together(
        self,
        requests: Mapping[str, Iterable[str]],
        limits: Limits = ANSWER,
        on_line: Callable[[str], None] = lambda _: None,
    ) -> dict[str, list[str]]:
        """The same for several scripts in one command: name to request, name to answer.

        The answer of one that said nothing is empty.
        """
        name, *others = requests
        dialogue = self.start(name, [line for request in requests.values() for line in (*request, "end")], *others)
        dialogue.limit(limits)
        dialogue.close_input()
        answers: dict[str, list[str]] = {other: [] for other in requests}
        greetings = {f"poms-ops {other}": other for other in others}
        for line in dialogue.lines():
            name = greetings.get(line, name)
            if line not in greetings:
                answers[name].append(line)
                on_line(line)
        transport = dialogue.channel.transport
        if transport is None or not transport.is_active():
            raise Unreachable(self.host.name, "the line was lost before the answer was whole")
        if not dialogue.greeted:
            raise dialogue.not_run()
        return answers

    def password_lines(self) -> list[str]:
        """sudo's password as a request carries it, where the operator gave one."""
        return ["password", self.sudo_password] if self.sudo_password else []


class Lines:
    """The lines to the hosts of one verb. Those to `ahead` are begun at once, in the background.

    What goes wrong with one that was begun is told when it is taken up; to be entered, so that none is left open.
    """

    def __init__(self, config: fabric.Config, ahead: Iterable[Host] = ()) -> None:
        self._config = config
        self._begun = {host.name: _begin(host, config) for host in ahead}

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None:
        for begun in self._begun.values():  # nobody asked for it after all; a login under way is not waited for
            begun.add_done_callback(_leave_begun)

    @contextlib.contextmanager
    def connect(self, host: Host) -> Iterator[Remote]:
        """Log in to `host`. Raises Unreachable, which says what to do, if that cannot be done or trusted.

        Raises BadInput where a file that the inventory names for the login is not there.
        """
        begun = self._begun.pop(host.name, None)
        last, opened = begun.result() if begun else (_log_in(host, self._config), [])
        try:
            yield Remote(host, last, self._config.sudo.password, who(last), opened)
        finally:
            _leave(last)


@contextlib.contextmanager
def connect(host: Host, config: fabric.Config) -> Iterator[Remote]:
    """Log in to one host, as `Lines.connect`."""
    with Lines(config) as lines, lines.connect(host) as remote:
        yield remote


def _begin(host: Host, config: fabric.Config) -> "Future[_Begun]":
    """Log in and open a session, which takes a host as long as the login."""
    begun: Future[_Begun] = Future()

    def log_in_and_tell() -> None:
        try:
            last, opened = _log_in(host, config), []
            with contextlib.suppress(paramiko.SSHException, OSError, EOFError):  # it is told when one is wanted
                opened.append(last.transport.open_session(timeout=PATIENCE))
            begun.set_result((last, opened))
        except BaseException as error:  # noqa: BLE001 - it is raised where the line is taken up
            begun.set_exception(error)

    Thread(target=log_in_and_tell, daemon=True).start()
    return begun


def _log_in(host: Host, config: fabric.Config) -> fabric.Connection:
    hops = way_to(host, config)
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
    """Close a line to a host; jump hosts stay, for the next host behind them."""
    with contextlib.suppress(OSError, EOFError, AttributeError):  # there may be no session yet
        # Without it paramiko's reader sees only after a tenth of a second that its socket is closed.
        connection.client.get_transport().sock.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError, EOFError):
        connection.close()
        connection.client.close()  # Fabric leaves open what is not logged in yet
