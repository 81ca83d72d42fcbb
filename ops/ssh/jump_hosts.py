"""Jump hosts: ssh_config's ProxyJump as OpenSSH reads it, and one shared connection to each jump host.

Each has settings of its own (`ops/ssh/ssh_config_query.py`), the same that ssh would use for it.

Source: ssh_config(5), ProxyJump. Fabric goes through several in the opposite order, and takes "none" for a host.
"""

import atexit
import contextlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

import fabric
import paramiko

from ops.errors import BadInput, Unreachable
from ops.ssh.ssh_config_query import settings_of
from ops.ssh.ssh_config_values import Connection

ALIVE = 10  # seconds for a jump host to open a channel; after that its connection is dead
MOST = 8  # jump hosts in a row; more are a circle
WORD = re.compile(r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?:\[(?P<v6>[^]]+)\]|(?P<host>[^:]+))(?::(?P<port>\d+))?/?")
Prepare = Callable[[Connection], None]
Key = tuple[object, ...]


@dataclass
class Jump:
    """A connection that several hosts share: the first one logs in, and its error holds for the others too."""

    connection: Connection
    lock: Lock = field(default_factory=Lock)
    error: Unreachable | None = None


_jumps: dict[Key, Jump] = {}  # of this run of fab
_making = Lock()


def gateway_of(connection: Connection, config: fabric.Config, prepare: Prepare, key: Key) -> Any:
    """The gateway to `connection`'s machine: a connection to the last jump host, a ProxyCommand, or None.

    Only hosts with an equal `key` share a connection; `prepare` is called with each new one.
    Raises BadInput for a ProxyJump that leads in a circle or cannot be read.
    """
    jumps = connection.settings.proxy_jump
    if not jumps:
        return connection.settings.proxy_command or config.gateway
    if len(key) > MOST:
        raise BadInput(f"ssh_config's ProxyJump for {connection.host} leads in a circle: {jumps}")
    gateway = None
    for word in (text.strip() for text in jumps.split(",")):
        key = (*key, word)
        with _making:
            jump = _jumps.get((id(config), *key))
        gateway = jump.connection if jump else _made(word, gateway or connection, config, prepare, key)
        if gateway is None:
            return None
    return gateway


def jump_of(connection: fabric.Connection) -> Jump | None:
    """The shared state of a connection to a jump host; None for a connection to a host itself."""
    return next((jump for jump in [*_jumps.values()] if jump.connection is connection), None)


def _made(word: str, other: Connection, config: fabric.Config, prepare: Prepare, key: Key) -> Any:
    """A connection to the jump host `word`; `other` is the jump host before it, or the machine if it is the first.

    None if `word` is that machine itself: a ProxyJump of "Host *" holds for the jump host too.
    """
    found = WORD.fullmatch(word)
    if not found:
        raise BadInput(f"ssh_config: ProxyJump {word}: must be [USER@]HOST[:PORT]")
    port = int(found["port"]) if found["port"] else None
    name = found["v6"] or found["host"]
    # Only the first jump host uses its own ProxyJump; the others are reached through the one before.
    is_first = jump_of(other) is None
    made = Connection(settings_of(config, name, found["user"], port, reached=not is_first), config)
    if (made.host, int(made.port)) == (other.host, int(other.port)):
        return None
    made.gateway = gateway_of(made, config, prepare, key) if is_first else other
    prepare(made)
    with _making:
        return _jumps.setdefault((id(config), *key), Jump(made)).connection


def drop_broken(connection: fabric.Connection) -> None:
    """Close dead connections to the jump hosts before `connection`, so that the next login opens them again."""
    while isinstance(connection.gateway, fabric.Connection):
        connection = connection.gateway
        jump = jump_of(connection)
        if jump is None:
            return
        with jump.lock:
            jump.error = None
            try:
                connection.transport.open_session(timeout=ALIVE).close()
            except (OSError, EOFError, paramiko.SSHException, AttributeError):  # AttributeError: it was never open
                with contextlib.suppress(OSError, EOFError):
                    connection.close()
                    connection.client.close()


@atexit.register
def close_all() -> None:
    """Close the connections to all jump hosts, the last ones first."""
    for jump in reversed([*_jumps.values()]):
        with contextlib.suppress(OSError, EOFError):
            jump.connection.close()
            jump.connection.client.close()
    _jumps.clear()
