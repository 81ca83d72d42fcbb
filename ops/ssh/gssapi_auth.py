"""User authentication "gssapi-with-mic", which paramiko 5 no longer has (docs/decisions/kerberos.md).

Source: RFC 4462, section 3. `ops/ssh/kerberos.py` makes and reads the tokens.
"""

from dataclasses import dataclass
from threading import Event
from typing import Any

import paramiko
from paramiko.common import cMSG_USERAUTH_REQUEST
from paramiko.message import Message

from ops.ssh.kerberos import Initiator, Refused
from ops.ssh.transport import Transport

METHOD = "gssapi-with-mic"
KERBEROS_5 = bytes.fromhex("06092a864886f712010202")  # its object identifier, in DER
SERVICE_ACCEPT, RESPONSE, TOKEN, ERROR_TOKEN, MIC = 6, 60, 61, 65, 66
_KEYTAB = "root finds the reason in the host's log of sshd; is /etc/krb5.keytab the host's own (klist -k)?"
_NOT_BOTH = "poms-ops uses one method only: use a key alone, or configure the host to require the ticket alone"
ASKED, ANSWERED, VERIFIED = "asked", "answered", "proven"


class Handler(paramiko.auth_handler.AuthHandler):
    """The client's side of one attempt. `stage` is the last step that the host accepted, `refusal` its reason."""

    transport: Any  # its methods that send are not public

    def __init__(self, transport: paramiko.Transport, username: str, initiator: Initiator) -> None:
        super().__init__(transport)
        self.username = username
        self.auth_method = METHOD
        self.stage = ASKED
        self.refusal: Refused | None = None
        self._account, self._initiator = username, initiator

    @property
    def _client_handler_table(self) -> dict[int, Any]:
        parents: Any = super()
        mine = {SERVICE_ACCEPT: self._ask, RESPONSE: self._begin, TOKEN: self._go_on, ERROR_TOKEN: self._read_error}
        return {**parents._client_handler_table, **mine}

    def run(self) -> list[str]:
        """Wait for the host's decision: the further methods that it requires, none if the login is complete.

        Raises paramiko.AuthenticationException, or Refused if Kerberos gives the reason.
        """
        parents: Any = super()
        self.auth_event = Event()
        with self.transport.lock:
            parents._request_auth()
        try:
            return self.wait_for_response(self.auth_event)
        except paramiko.SSHException:
            if self.refusal:
                raise self.refusal from None
            raise

    def _ask(self, _message: Message) -> None:
        message = self._request()
        message.add_int(1)
        message.add_string(KERBEROS_5)
        self.transport._send_message(message)

    def _begin(self, _message: Message) -> None:
        self.stage = ANSWERED
        self._send(TOKEN, self._initiator.first_token)

    def _go_on(self, message: Message) -> None:
        answer = self._step(message.get_string())
        if self.refusal:
            self.abort()
            return
        if answer:
            self._send(TOKEN, answer)
        if self._initiator.is_complete:
            signed = Message()
            signed.add_string(self.transport.session_id)
            signed.add_bytes(self._request().asbytes())
            self.stage = VERIFIED
            try:
                self._send(MIC, self._initiator.sign(signed.asbytes()))
            except Refused as refusal:
                self.refusal = refusal
                self.abort()

    def _read_error(self, message: Message) -> None:
        """Read Kerberos's reason why the host rejects the ticket; the host's refusal follows."""
        self._step(message.get_string())

    def _step(self, token: bytes) -> bytes:
        try:
            return self._initiator.step(token)
        except Refused as refusal:
            self.refusal = refusal
            return b""

    def _request(self) -> Message:
        message = Message()
        message.add_byte(cMSG_USERAUTH_REQUEST)
        for text in (self._account, "ssh-connection", METHOD):
            message.add_string(text)
        return message

    def _send(self, kind: int, content: bytes) -> None:
        message = Message()
        message.add_byte(bytes([kind]))
        message.add_string(content)
        self.transport._send_message(message)


@dataclass(frozen=True)
class Strategy:
    """The `auth_strategy` of paramiko's client for a login by ticket instead of keys: one attempt."""

    account: str
    initiator: Initiator

    def authenticate(self, transport: Transport) -> None:
        """Log in. Raises Refused, or paramiko.SSHException if the connection fails."""
        handler = Handler(transport, self.account, self.initiator)
        transport.auth_handler = handler
        try:
            further = handler.run()
        except paramiko.BadAuthenticationType:
            raise Refused(
                "the host accepts no Kerberos tickets", "its sshd_config needs GSSAPIAuthentication yes"
            ) from None
        except paramiko.AuthenticationException:
            if not transport.is_active():
                raise
            raise self._refused_at(handler.stage) from None
        principal = self.initiator.principal
        if further:
            methods = ", ".join(further)
            raise Refused(f"the host knows you as {principal}, and requires more than that: {methods}", _NOT_BOTH)
        transport.principal = principal

    def _refused_at(self, stage: str) -> Refused:
        target = self.initiator.target
        if stage == VERIFIED:
            principal = self.initiator.principal
            return Refused(
                f"the host knows you as {principal}, and does not let you in as {self.account}",
                f"add the line {principal} to ~{self.account}/.k5login there; only that account may write the file",
            )
        if stage == ASKED:
            return Refused(
                "the host has no key of its own for Kerberos",
                f"root there installs one for host/{target} in /etc/krb5.keytab",
            )
        return Refused(f"the host refuses your ticket for host/{target} and does not say why", _KEYTAB)
