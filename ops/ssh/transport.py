"""A paramiko transport with fewer round trips, which remembers the accepted key and the host's banner.

| change | why | measured |
|---|---|---|
| a login by key does not wait for the host's service accept message | a round trip less | docs/decisions/speed.md |
| a command does not wait for the host's reply that it has started | a round trip less | docs/decisions/speed.md |
| the host's banner is kept | paramiko drops it with each attempt, and when the host hangs up | |

The first two use private parts of paramiko. They are active only with the versions in `TRIED`
(tests/unit/test_transport.py compares the lock file with them); with any other version, paramiko works unchanged.
"""

from threading import Event
from typing import Any

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import MSG_SERVICE_ACCEPT, MSG_USERAUTH_BANNER

TRIED = ("5.1.0",)
USERAUTH = "ssh-userauth"
KEPT_BYTES = 1000  # of a host's banner, the last of which are kept


class Transport(paramiko.Transport):
    """A connection that remembers which key the host accepted, and its banner."""

    said = b""  # the end of the banner, which also says why nobody may log in (/etc/nologin)
    accepted: paramiko.PKey | None = None
    refused = 0  # number of keys that the host rejected
    principal = ""  # the Kerberos principal that the host accepted (ops/ssh/gssapi_auth.py)

    def __init__(self, *settings: Any, **named: Any) -> None:
        super().__init__(*settings, **named)
        # paramiko drops the banner with each attempt, and when the host hangs up.
        self._handler_table[MSG_USERAUTH_BANNER] = self._hear  # type: ignore[attr-defined] # the stubs leave it out

    def _hear(self, message: paramiko.Message) -> None:
        self.said = (self.said + message.get_string())[-KEPT_BYTES:]

    def auth_publickey(self, username: str, key: paramiko.PKey, event: Event | None = None) -> list[str]:
        """Offer `key`, and remember it if the host accepts it.

        Raises paramiko.SSHException if the connection is lost, AuthenticationException (a subclass) for a refusal.
        """
        if not self.active or not self.initial_kex_done:  # type: ignore[attr-defined] # the stubs leave it out
            if self.refused:
                raise paramiko.AuthenticationException(
                    f"the host hung up after {self.refused} keys that it does not accept (name your key with -i or "
                    "IdentityFile: then it is offered first, also if it is in the agent)"
                )
            raise paramiko.SSHException("the connection was lost before the login")
        self.auth_handler = _Hasty(self) if is_tried() else AuthHandler(self)
        self.refused += 1  # counted before the host answers; read only after a refusal
        decided = event or Event()
        self.auth_handler.auth_publickey(username, key, decided)
        further = [] if event else self.auth_handler.wait_for_response(decided)
        self.accepted = key
        return further

    def start_command(self, channel: paramiko.Channel, command: str) -> None:
        """Run `command` without waiting for the reply that it has started (RFC 4254, 6.5): a round trip less.

        A host that refuses closes the channel. Raises paramiko.SSHException if the connection is lost.
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
    """Whether the shortcuts were tried with the installed version of paramiko."""
    return paramiko.__version__ in TRIED


class _Hasty(AuthHandler):
    """A login by key that does not wait for the host's service accept message: a round trip less.

    Source: RFC 4253, section 10: a host that rejects the service hangs up; otherwise it reads on.
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
