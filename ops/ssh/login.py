"""The login to one host, through its jump hosts: Fabric opens it with the operator's own settings.

Two things differ from Fabric's defaults: host keys must be known (`known_hosts.py`), and TCP_NODELAY is set. Without
it every command waits 40 ms for a delayed acknowledgement.
"""

import logging
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fabric
import paramiko

from ops.errors import BadInput, Unreachable
from ops.paths import expand_home
from ops.schema import Host
from ops.secrets.masking import masked
from ops.ssh.jump_hosts import gateway_of, jump_of
from ops.ssh.kerberos import Refused, begin, kerberos_options
from ops.ssh.known_hosts import RevokedHostKey, UnknownHostKey, set_host_key_policy
from ops.ssh.login_keys import BY_KEY, key_login
from ops.ssh.ssh_config_query import settings_of
from ops.ssh.ssh_config_values import NOTHING_TOUCHED as NOTHING_CONNECTED
from ops.ssh.ssh_config_values import Connection
from ops.text import escape_control_chars

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # its tracebacks are not for operators

NOTHING_TOUCHED = "everything (no command was sent to it)"
_CHANGED = "This may be an attack, or the host was reinstalled. Compare the key with its administrator before you"
_REVOKED = "the key may be stolen: ask the host's administrator to give it a new one"
_LOGIN = "is your key in the agent or given with -i, and its public half in ~/.ssh/authorized_keys of the account?"
_NO_GREETING = (
    "wait a minute and try again: sshd blocks an address for a while after failed logins (PerSourcePenalties), and "
    "limits the number of logins at a time (MaxStartups)"
)
_IS_IT_UP = "is it up, and the network between you?"


@dataclass(frozen=True)
class Hop:
    """One login on the way to `host`: to the host itself, or to a jump host of ssh_config before it."""

    host: Host
    connection: Connection
    jump: bool

    @property
    def where(self) -> str:
        """Account, machine and port, for a message."""
        return f"{self.connection.user}@{self.connection.host} port {self.connection.port}"

    @property
    def timeout(self) -> Any:
        """Seconds for the network connection; those of `-t` are in `connect_kwargs`."""
        return self.connection.connect_timeout or self.connection.connect_kwargs.get("timeout")

    def _said(self) -> str:
        """What the host printed at the login, if there was one: a banner, or the text of /etc/nologin."""
        said = getattr(self.connection.client.get_transport(), "said", b"")
        return escape_control_chars(masked(said.decode(errors="replace"))).strip()

    def add_host_key_command(self) -> str:
        """What to type to add its key to known_hosts."""
        if not self.jump:
            return f"fab trust {self.host.name}, and compare the fingerprint that it shows"
        port = "" if int(self.connection.port) == 22 else f" -p {self.connection.port}"
        return f"log in once with ssh{port} {self.connection.host} and compare the fingerprint that it shows"

    def refused(self, message: str, next_step: str = "") -> Unreachable:
        """The error of this hop. It belongs to the host, so its message names a jump host."""
        named = f"on the way there, jump host {self.connection.host}: {message}" if self.jump else message
        said = self._said()
        named += f"; the host printed:\n{said}" if said else ""
        return Unreachable(self.host.name, named, left=NOTHING_TOUCHED, next_step=next_step)


def route_to(host: Host, config: fabric.Config) -> list[Hop]:
    """The hops to `host`, in their order; none is logged in yet.

    Raises BadInput for a missing file, and for an ssh_config that cannot be read.
    """
    for key, path in (("known_hosts", host.ssh.known_hosts), ("identity_file", host.ssh.identity_file)):
        if path is not None and not Path(path).is_file():
            raise BadInput(f"{host.name}: ssh.{key}: the file {path} does not exist. {NOTHING_CONNECTED}")
    last = Connection(settings_of(config, host.address, host.account, host.port), config)
    named = [file for file in last.connect_kwargs["key_filename"] if file not in last.settings.identity_files]
    if missing := [file for file in named if not Path(expand_home(file)).exists()]:
        raise BadInput(f"-i: the file {missing[0]} does not exist. {NOTHING_CONNECTED}")
    shares = (host.ssh.known_hosts, host.ssh.connect_timeout)  # hosts with the same values share a jump host
    last.gateway = gateway_of(last, config, lambda made: _complete(Hop(host, made, jump=True)), shares)
    hops: list[Hop] = []
    connection: object = last
    while isinstance(connection, Connection):
        hops.insert(0, Hop(host, connection, jump=connection is not last))
        connection = connection.gateway
    _complete(hops[-1])
    set_host_key_policy(last, host.ssh.known_hosts, host.ssh.host_keys)
    return hops


def log_in(hops: list[Hop]) -> None:
    """Log in to one hop after the other. Raises Unreachable, whose message names the hop that failed."""
    for number, hop in enumerate(hops):
        jump = jump_of(hop.connection)
        if jump is None:
            _log_in(hop, first=number == 0)
            continue
        with jump.lock:  # one host logs in, and the other hosts wait
            if jump.error:
                raise Unreachable(
                    hop.host.name, jump.error.message, left=NOTHING_TOUCHED, next_step=jump.error.next_step
                )
            if not hop.connection.is_connected:
                try:
                    _log_in(hop, first=number == 0)
                except Unreachable as error:
                    jump.error = error
                    raise


def _complete(hop: Hop) -> None:
    """Add the inventory's settings to those of the operator's flags and ssh_config."""
    connection, ssh = hop.connection, hop.host.ssh
    keys = key_login(connection, None if hop.jump else ssh.identity_file)
    options = {key: value for key, value in connection.connect_kwargs.items() if key not in BY_KEY}
    options["auth_strategy"] = keys
    connection.connect_kwargs = options
    if not hop.timeout:
        connection.connect_timeout = ssh.connect_timeout
    if hop.jump:
        options.setdefault("channel_timeout", hop.timeout)  # for its connection to the next hop; the default is 1 h


def _set_no_delay(first: Hop) -> None:
    """Give paramiko a socket without Nagle's algorithm."""
    if first.connection.gateway:  # a ProxyCommand has its own socket
        return
    try:
        sock = socket.create_connection((first.connection.host, first.connection.port), first.timeout)
    except (OSError, UnicodeError) as error:
        raise first.refused(f"cannot connect to {first.where}: {error}", _IS_IT_UP) from None
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    first.connection.connect_kwargs["sock"] = sock


def _log_in(hop: Hop, *, first: bool) -> None:
    """Log in by Kerberos if it is wanted, and by key if that fails: OpenSSH's own order."""
    connection = hop.connection
    options = kerberos_options(connection, None if hop.jump else hop.host.ssh)
    if options is None:
        _open(hop, first)
        return
    given = connection.connect_kwargs
    try:
        initiator = begin(options, float(hop.timeout))
        from ops.ssh.gssapi_auth import Strategy  # a login by key does not need it

        connection.connect_kwargs = given | {"auth_strategy": Strategy(connection.user, initiator)}
        _open(hop, first)
    except Refused as refusal:
        connection.client.close()
        connection.connect_kwargs = given
        _open(hop, first, refusal)


def _open(hop: Hop, first: bool, refusal: Refused | None = None) -> None:
    """Connect, and log in with the connection's settings; `refusal` is that of Kerberos, if it was tried before."""
    if first:
        _set_no_delay(hop)
    connection = hop.connection
    try:
        connection.open()
        connection.transport.set_keepalive(15)
    except UnknownHostKey as error:
        raise hop.refused(f"its host key is not known: {error}", hop.add_host_key_command()) from None
    except RevokedHostKey as error:
        raise hop.refused(f"its host key must not be trusted: {error}", _REVOKED) from None
    except paramiko.BadHostKeyException as error:
        trusted_keys = connection.client._policy
        where = "known_hosts" if trusted_keys.lines else "the inventory"
        message = (
            f"its {error.key.get_name()} host key is NOT the one in {where}. {_CHANGED} {trusted_keys.removal()}"
        )
        raise hop.refused(message) from None
    except paramiko.AuthenticationException as error:
        raise _not_let_in(hop, str(error), refusal) from None
    except paramiko.SSHException as error:
        if isinstance(connection.gateway, fabric.Connection) and connection.client.get_transport() is None:
            message = f"jump host {connection.gateway.host} cannot connect to {hop.where}: {error}"
            raise hop.refused(message, _IS_IT_UP) from None
        if "protocol banner" in str(error):  # paramiko's message for a host that hangs up or is silent at once
            raise hop.refused(f"{hop.where} accepts the connection and sends no SSH greeting", _NO_GREETING) from None
        raise hop.refused(f"no SSH session with {hop.where}: {error}") from None
    except (OSError, EOFError, ValueError) as error:
        raise hop.refused(f"cannot connect to {hop.where}: {error}", _IS_IT_UP) from None


def _not_let_in(hop: Hop, why: str, refusal: Refused | None) -> Unreachable:
    """The error of a login that was refused by key, and before that by Kerberos if it was tried."""
    if refusal is None:
        return hop.refused(f"login as {hop.where} was refused: {why}", _LOGIN)
    message = f"login as {hop.where} was refused. By Kerberos: {refusal.reason}. By key: {why}"
    return hop.refused(message, f"{refusal.advice}. For a login by key: {_LOGIN}")
