"""Jump hosts: ssh_config's ProxyJump as OpenSSH reads it, and one connection to each for all hosts behind it.

Each has settings of its own (`ops/ssh/config_query.py`), asked for as ssh asks for them when it logs in there.

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
from ops.ssh.config_query import settings_of
from ops.ssh.settings import Connection

ALIVE = 10  # seconds in which a jump host that lives opens a channel
MOST = 8  # jump hosts one behind the other, before it is taken for a circle
WORD = re.compile(r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?:\[(?P<v6>[^]]+)\]|(?P<host>[^:]+))(?::(?P<port>\d+))?/?")
Prepare = Callable[[Connection], None]
Key = tuple[object, ...]


@dataclass
class Jump:
    """A connection that several hosts share: the first one logs in, and what it met with is true for the others."""

    connection: Connection
    lock: Lock = field(default_factory=Lock)
    error: Unreachable | None = None


_jumps: dict[Key, Jump] = {}  # of this run of fab
_making = Lock()


def gateway_of(connection: Connection, config: fabric.Config, prepare: Prepare, key: Key) -> Any:
    """The way to `connection`'s machine: a connection to the last jump host, a ProxyCommand, or None.

    `key` tells settings apart under which a connection cannot be shared; `prepare` gets each new one.
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
    """What is shared of a connection to a jump host; None for one to a host itself."""
    return next((jump for jump in [*_jumps.values()] if jump.connection is connection), None)


def _made(word: str, other: Connection, config: fabric.Config, prepare: Prepare, key: Key) -> Any:
    """A connection to the jump host `word`; `other` is the one before it, or the machine whose first jump it is.

    None where it is that machine itself: "Host *" names its own jump host too.
    """
    found = WORD.fullmatch(word)
    if not found:
        raise BadInput(f"ssh_config: ProxyJump {word}: must be [USER@]HOST[:PORT]")
    port = int(found["port"]) if found["port"] else None
    name = found["v6"] or found["host"]
    # Only the first one goes on by its own settings; the others are reached through the one before.
    is_first = jump_of(other) is None
    made = Connection(settings_of(config, name, found["user"], port, reached=not is_first), config)
    if (made.host, int(made.port)) == (other.host, int(other.port)):
        return None
    made.gateway = gateway_of(made, config, prepare, key) if is_first else other
    prepare(made)
    with _making:
        return _jumps.setdefault((id(config), *key), Jump(made)).connection


def try_again(connection: fabric.Connection) -> None:
    """Have the jump hosts before `connection` logged in to anew where they are gone or could not be reached."""
    while isinstance(connection.gateway, fabric.Connection):
        connection = connection.gateway
        jump = jump_of(connection)
        if jump is None:
            return
        with jump.lock:
            jump.error = None
            try:
                connection.transport.open_session(timeout=ALIVE).close()
            except (OSError, EOFError, paramiko.SSHException, AttributeError):  # the last: it was never open
                with contextlib.suppress(OSError, EOFError):
                    connection.close()
                    connection.client.close()


@atexit.register
def close_all() -> None:
    """Leave every jump host, the last ones first."""
    for jump in reversed([*_jumps.values()]):
        with contextlib.suppress(OSError, EOFError):
            jump.connection.close()
            jump.connection.client.close()
    _jumps.clear()
