"""Kerberos on the operator's side: whether a login uses it, the ticket for the host, and why there is none.

The package gssapi is imported only when it is needed: a plain installation has none (docs/decisions/kerberos.md).
"""

import os
import socket
from dataclasses import dataclass
from threading import Thread
from typing import Any

from ops.schema import Ssh
from ops.ssh.credential_cache import missing_cache
from ops.ssh.ssh_config_values import Connection

FIRST_CODE = -1765328384  # of MIT Kerberos's errors (krb5_err.et), which begin with RFC 4120's numbers
NOT_KNOWN, EXPIRED = 7, 32
CLOCK = (33, 37)  # ticket not valid yet, clock skew too great
KEY_ERRORS = (31, 35, 41, 44, 45)  # cannot be decrypted, for another service, modified, unknown key version, no key
NO_KDC = (154, 156)  # no KDC is known, no KDC answers

_SETUP = "run 'make kerberos' in the project's folder to install it (docs/guide/kerberos.md)"
_KINIT = "kinit; klist shows what you have"
_CLOCKS = "compare the output of date here and there, and set the wrong clock"
_NETWORK = "is the network or VPN of the site up? /etc/krb5.conf names the KDCs"
_NAME = (
    "ssh.kerberos_host in the inventory (or GSSAPIServerIdentity in ssh_config) must be the host's name in the KDC; "
    "if it is, the KDC's administrator has to add the host"
)


class Refused(Exception):
    """A login by Kerberos failed: the reason, and what to do."""

    def __init__(self, reason: str, advice: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.advice = advice


@dataclass(frozen=True)
class KerberosOptions:
    """The options of a login by Kerberos: host name, principal ("": the ticket's), whether to delegate the ticket."""

    host: str
    principal: str = ""
    delegate: bool = False
    ask_dns: bool = False

    @property
    def target(self) -> str:
        """The host name in the request to the KDC."""
        if self.ask_dns:
            try:
                return socket.gethostbyaddr(self.host)[0]
            except OSError:
                pass
        return self.host


def kerberos_options(connection: Connection, ssh: Ssh | None) -> KerberosOptions | None:
    """The options of the inventory and ssh_config for this login; None if it does not use Kerberos.

    `ssh` is the host's table in the inventory; None for a jump host, which has only ssh_config.
    """
    settings = connection.settings
    wanted = ssh.kerberos if ssh else None
    if wanted is None:
        wanted = settings.kerberos
    if not wanted:
        return None
    named = settings.kerberos_host or (ssh.kerberos_host if ssh else None)
    return KerberosOptions(
        named or str(connection.host),
        settings.kerberos_principal,
        settings.kerberos_delegate,
        settings.kerberos_ask_dns and not named,
    )


class Initiator:
    """The operator's side of the authentication: tokens to the host and from it. Every method raises Refused.

    The constructor needs a ticket for the host, and asks the KDC for one unless there is one already.
    """

    def __init__(self, options: KerberosOptions) -> None:
        import gssapi

        self._error = gssapi.exceptions.GSSError
        self.target = options.target
        flags = [gssapi.RequirementFlag.mutual_authentication, gssapi.RequirementFlag.integrity]
        if options.delegate:
            flags.append(gssapi.RequirementFlag.delegate_to_peer)
        try:
            creds = None
            if options.principal:
                creds = gssapi.Credentials(name=gssapi.Name(options.principal), usage="initiate")
            self._context: Any = gssapi.SecurityContext(
                name=gssapi.Name(f"host@{self.target}", gssapi.NameType.hostbased_service),
                mech=gssapi.MechType.kerberos,
                flags=flags,
                creds=creds,
                usage="initiate",
            )
            self.first_token = bytes(self._context.step())
        except self._error as error:
            raise explained(error, self.target) from None

    @property
    def is_complete(self) -> bool:
        """Whether host and operator have authenticated each other."""
        return bool(self._context.complete)

    @property
    def principal(self) -> str:
        """The principal of the ticket."""
        try:
            return str(self._context.initiator_name)
        except self._error as error:  # a ticket may expire at any moment
            raise explained(error, self.target) from None

    def step(self, token: bytes) -> bytes:
        """The answer to the host's token; empty if none is needed."""
        try:
            return bytes(self._context.step(token) or b"")
        except self._error as error:
            raise explained(error, self.target) from None

    def sign(self, content: bytes) -> bytes:
        """The signature (MIC) of `content` by the owner of the ticket."""
        try:
            return bytes(self._context.get_signature(content))
        except self._error as error:
            raise explained(error, self.target) from None


def begin(options: KerberosOptions, limit: float) -> Initiator:
    """Get the ticket for the host within `limit` seconds; Kerberos itself waits half a minute for a silent KDC.

    Raises Refused.
    """
    if missing := missing_cache(os.environ, os.getuid()):
        raise Refused(f"you have no Kerberos ticket (there is no file {missing})", _KINIT)
    try:
        import gssapi  # noqa: F401 - only to check that it is installed
    except ImportError:
        raise Refused("this installation of poms-ops has no Kerberos support", _SETUP) from None
    came: list[Initiator | Refused] = []

    def get() -> None:
        try:
            came.append(Initiator(options))
        except Refused as refusal:
            came.append(refusal)

    getting = Thread(target=get, daemon=True)
    getting.start()
    getting.join(limit)
    if not came:
        raise Refused(f"the KDC does not answer within {limit:g} seconds", _NETWORK)
    if isinstance(came[0], Refused):
        raise came[0]
    return came[0]


def explained(error: Any, target: str) -> Refused:
    """The reason and advice for a GSSError."""
    number = error.min_code - (1 << 32 if error.min_code >= 1 << 31 else 0) - FIRST_CODE
    kind = type(error).__name__
    words = error.get_all_statuses(error.min_code, False) or error.get_all_statuses(error.maj_code, True)
    said = "; ".join(str(text) for text in words)
    if kind in ("ExpiredCredentialsError", "ExpiredContextError") or number == EXPIRED:
        return Refused("your Kerberos ticket has expired", _KINIT)
    if kind == "MissingCredentialsError":
        return Refused(f"you have no Kerberos ticket ({said})", _KINIT)
    if number == NOT_KNOWN:
        return Refused(f"the KDC does not know the host: no principal host/{target}", _NAME)
    if number in CLOCK:
        return Refused(f"the clocks of this machine, the host and the KDC differ too much: {said}", _CLOCKS)
    if number in KEY_ERRORS:
        return Refused(
            f"the host's key is not the one that the KDC has for host/{target}: {said}",
            f"is the host {target}? If so, root there has to renew /etc/krb5.keytab (klist -k shows it)",
        )
    if number in NO_KDC:
        return Refused(f"no KDC can be reached: {said}", _NETWORK)
    return Refused(said, _KINIT)
