"""The line to one host: opened by Fabric with the operator's own settings, then one script a channel.

What differs from Fabric's defaults: host keys must be known (`ops/trust.py`), and TCP_NODELAY is set, without which
every command waits 40 ms for a delayed acknowledgement.
"""

import contextlib
import logging
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import fabric
import paramiko

from ops.console import harmless
from ops.errors import HostError, Unreachable
from ops.schema import Host
from ops.scripts import script
from ops.trust import believe_known_hosts_only

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # its tracebacks are not for operators

ALIVE_EVERY = 3.0  # seconds between the lines that tell the host somebody is still there
ANSWER_LIMIT = 600.0  # seconds without a line from the host before it is given up
NOTHING_TOUCHED = "everything: no command was sent to it"


class Dialogue:
    """One script running on the host: lines go in, lines come out; what is not a fact goes to `stderr`.

    What comes before the script's greeting, "poms-ops NAME", is a login shell's own and is dropped.
    """

    def __init__(self, host: str, name: str, channel: paramiko.Channel) -> None:
        self.host = host
        self.channel = channel
        self.greeted = False
        self._greeting = f"poms-ops {name}"
        self._received = b""

    def send(self, lines: Iterable[str]) -> None:
        """Send `lines`, none of which may hold a line break."""
        try:
            self.channel.sendall("".join(f"{line}\n" for line in lines).encode())
        except OSError as error:
            raise self._lost(error) from None

    def close_input(self) -> None:
        """Tell the script that nothing more will come."""
        with contextlib.suppress(OSError):
            self.channel.shutdown_write()

    def lines(self) -> Iterator[str]:
        """The lines of the answer as they come, until the script ends. Raises Unreachable if the line is lost."""
        for line in self._raw_lines():
            if self.greeted:
                yield line
            self.greeted = self.greeted or line == self._greeting

    def _raw_lines(self) -> Iterator[str]:
        while True:
            whole, newline, rest = self._received.partition(b"\n")
            if newline:
                self._received = rest
                yield whole.decode(errors="replace")
                continue
            try:
                data = self.channel.recv(65536)
            except (OSError, EOFError) as error:
                raise self._lost(error) from None
            if not data:
                return
            self._received += data

    def stderr(self) -> str:
        """What the login shell and the tools printed, at the most its last 4000 characters."""
        collected = b""
        while self.channel.recv_stderr_ready():
            collected += self.channel.recv_stderr(65536)
        return harmless(collected.decode(errors="replace"))[-4000:].strip()

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
        self._dialogue.channel.close()

    def _beat(self) -> None:
        while not self._over.wait(ALIVE_EVERY):
            try:
                self._dialogue.send([""])
            except Unreachable:
                return


@dataclass(frozen=True)
class Remote:
    """An open connection to a host of the inventory."""

    host: Host
    connection: fabric.Connection
    sudo_password: str | None

    def start(self, name: str, request: Iterable[str]) -> Dialogue:
        """Start script `name` with the lines of `request` as its first input."""
        text = script(name).encode()
        transport = self.connection.transport
        try:
            channel = transport.open_session(timeout=30)
            channel.settimeout(ANSWER_LIMIT)
            # No quote and no value in it, so any login shell understands it; head reads not a byte too many.
            channel.exec_command(f"exec /bin/sh -c 'eval \"$(head -c {len(text)})\"'")
            channel.sendall(text)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise Unreachable(self.host.name, f"no command can be started: {error}") from None
        dialogue = Dialogue(self.host.name, name, channel)
        dialogue.send(request)
        return dialogue

    def ask(self, name: str, request: Iterable[str]) -> list[str]:
        """Run script `name` to its end: the lines of its answer, without its greeting.

        Raises HostError where the script said nothing or did not come to its end.
        """
        dialogue = self.start(name, [*request, "end"])
        dialogue.close_input()
        answer = list(dialogue.lines())
        if not dialogue.greeted:
            raise HostError(
                self.host.name,
                f"the host did not run the script '{name}'; it said:\n{dialogue.stderr() or '(nothing)'}",
                left=NOTHING_TOUCHED,
                next_step=f"look at the account's login shell: ssh {self.host.account}@{self.host.address}",
            )
        return answer

    def password_lines(self) -> list[str]:
        """sudo's password as a request carries it, where the operator gave one."""
        return ["password", self.sudo_password] if self.sudo_password else []


@contextlib.contextmanager
def connect(host: Host, config: fabric.Config) -> Iterator[Remote]:
    """Log in to `host`. Raises Unreachable, which says what to do, if that cannot be done or trusted."""
    connection = _connection(host, config)
    try:
        _open(host, connection)
        yield Remote(host, connection, config.sudo.password)
    finally:
        with contextlib.suppress(OSError, EOFError):
            connection.close()


def _connection(host: Host, config: fabric.Config) -> fabric.Connection:
    # inventory's key first, then what the operator's flags, ssh_config and agent have
    connect_kwargs: dict[str, Any] = dict(config.connect_kwargs)
    if host.ssh.identity_file:
        given = connect_kwargs.get("key_filename") or []
        connect_kwargs["key_filename"] = [
            *([given] if isinstance(given, str) else given),
            host.ssh.identity_file,
        ]
    connection = fabric.Connection(
        host.address, user=host.account, port=host.port, config=config, connect_kwargs=connect_kwargs
    )
    if connection.connect_timeout is None and "timeout" not in connection.connect_kwargs:
        connection.connect_timeout = host.ssh.connect_timeout
    believe_known_hosts_only(connection, host.ssh.known_hosts)
    return connection


def _open(host: Host, connection: fabric.Connection) -> None:
    where = f"{connection.user}@{connection.host} port {connection.port}"
    try:
        _set_no_delay(connection)
        connection.open()
        connection.transport.set_keepalive(15)
    except paramiko.BadHostKeyException as error:
        raise _refused(
            host, f"its {error.key.get_name()} host key is NOT the one in known_hosts. {_CHANGED}"
        ) from None
    except (paramiko.PasswordRequiredException, paramiko.AuthenticationException) as error:
        raise _refused(host, f"login as {where} was refused: {error}", _LOGIN) from None
    except paramiko.SSHException as error:
        if "No authentication methods" in str(error):
            raise _refused(host, f"login as {where}: you offer no key", _LOGIN) from None
        if "not found in known_hosts" in str(error):
            raise _refused(host, f"its host key is not known: {error}", _unknown(connection)) from None
        raise _refused(host, f"no SSH session with {where}: {error}") from None
    except (OSError, EOFError) as error:
        raise _refused(
            host, f"cannot connect to {where}: {error}", "is it up, and the network between you?"
        ) from None


def _set_no_delay(connection: fabric.Connection) -> None:
    """Give paramiko a socket without Nagle's algorithm, on the first hop of the way."""
    hop: Any = connection
    while isinstance(hop.gateway, fabric.Connection):
        hop = hop.gateway
    if hop.gateway:  # a ProxyCommand has its own process for that
        return
    timeout = hop.connect_timeout or hop.connect_kwargs.get("timeout")
    sock = socket.create_connection((hop.host, hop.port), timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    hop.connect_kwargs["sock"] = sock


_CHANGED = (
    "Someone may be in between, or the host was installed anew. Compare the key with its administrator before you "
    "remove the old line with ssh-keygen -R."
)
_LOGIN = "is your key in the agent or given with -i, and its public half in ~/.ssh/authorized_keys of the account?"


def _unknown(connection: fabric.Connection) -> str:
    port = "" if int(connection.port) == 22 else f" -p {connection.port}"
    return f"log in once with ssh{port} {connection.host} and compare the fingerprint it shows"


def _refused(host: Host, message: str, next_step: str = "") -> Unreachable:
    return Unreachable(host.name, message, left=NOTHING_TOUCHED, next_step=next_step)
