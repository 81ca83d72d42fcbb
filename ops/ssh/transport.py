"""Everything that changes how paramiko works: fewer round trips, and a memory of whom the host let in.

| change | why | measured |
|---|---|---|
| a login by key does not wait for the host's word that one may log in | a round trip less | docs/decisions/speed.md |
| a command is not waited for until it has begun | a round trip less | docs/decisions/speed.md |
| what the host says at the login is kept | paramiko forgets it with each try, and when the host hangs up | |

The first two use what paramiko keeps to itself. They are in force with the versions in `TRIED` alone
(tests/unit/test_transport.py holds the lock file to them); with any other, paramiko does it its own way.
"""

from threading import Event
from typing import Any

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import MSG_SERVICE_ACCEPT, MSG_USERAUTH_BANNER

TRIED = ("5.1.0",)
USERAUTH = "ssh-userauth"
SAID_BYTES = 1000  # kept of what a host says at the login


class Transport(paramiko.Transport):
    """A connection that remembers whom the host let in, and what it said at the login."""

    said = b""  # the last of it: a banner, and why nobody may log in (/etc/nologin)
    accepted: paramiko.PKey | None = None
    refused = 0  # keys that were offered in vain
    principal = ""  # or the Kerberos principal that it let in (ops/ssh/gssapi_auth.py)

    def __init__(self, *settings: Any, **named: Any) -> None:
        super().__init__(*settings, **named)
        # paramiko forgets it with each try, and when the host hangs up.
        self._handler_table[MSG_USERAUTH_BANNER] = self._hear  # type: ignore[attr-defined] # the stubs leave it out

    def _hear(self, message: paramiko.Message) -> None:
        self.said = (self.said + message.get_string())[-SAID_BYTES:]

    def auth_publickey(self, username: str, key: paramiko.PKey, event: Event | None = None) -> list[str]:
        """Offer `key`; remembered where that does not raise.

        Raises paramiko.SSHException where the line is lost, AuthenticationException, one of those, for a refusal.
        """
        if not self.active or not self.initial_kex_done:  # type: ignore[attr-defined] # the stubs leave it out
            if self.refused:
                raise paramiko.AuthenticationException(
                    f"the host hung up after {self.refused} keys that it does not let in (name yours with -i or "
                    "IdentityFile: it is offered first, from the agent too)"
                )
            raise paramiko.SSHException("the line was lost before the login")
        self.auth_handler = _Hasty(self) if is_tried() else AuthHandler(self)
        self.refused += 1  # until it is not
        decided = event or Event()
        self.auth_handler.auth_publickey(username, key, decided)
        further = [] if event else self.auth_handler.wait_for_response(decided)
        self.accepted = key
        return further

    def start_command(self, channel: paramiko.Channel, command: str) -> None:
        """Run `command` without waiting to hear that it was begun, as RFC 4254, 6.5 allows: a round trip less.

        A host that refuses ends the channel without an answer. Raises paramiko.SSHException where the line is lost.
        """
        if not is_tried():
            channel.exec_command(command)
            return
        message = paramiko.Message()
        message.add_byte(paramiko.common.cMSG_CHANNEL_REQUEST)
        message.add_int(channel.remote_chanid)
        message.add_string("exec")
        message.add_boolean(False)
        message.add_string(command)
        self._send_user_message(message)  # type: ignore[attr-defined] # the stubs leave it out


def is_tried() -> bool:
    """Whether the shortcuts were tried with the paramiko that is installed."""
    return paramiko.__version__ in TRIED


class _Hasty(AuthHandler):
    """A login by key that does not wait for the host's word that one may log in: a round trip less.

    Source: RFC 4253, section 10, by which a host that lets nobody log in hangs up; else it reads on.
    """

    def _request_auth(self) -> None:
        parents: Any = super()
        parents._request_auth()
        accepted = paramiko.Message()
        accepted.add_string(USERAUTH)
        accepted.rewind()
        parents._parse_service_accept(accepted)

    @property
    def _client_handler_table(self) -> dict[int, Any]:
        parents: Any = super()
        return {**parents._client_handler_table, MSG_SERVICE_ACCEPT: lambda _: None}
