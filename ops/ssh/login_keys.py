"""The keys and certificates that a login offers, and in which order.

The keys of named files come first, then those of the agent, first the named ones; a certificate comes before its key.
The order matters, since a host hangs up after a few unknown keys (MaxAuthTries, six by default). As in ssh, a file
that is missing or cannot be read is skipped.
"""

import copy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
from msgspec import Struct

from ops.paths import expand_home
from ops.ssh.agent_keys import USUAL_KEYS, Agent, public_half
from ops.ssh.key_certificate import FOREVER, KeyCertificate, certificate_in
from ops.ssh.ssh_config_values import Connection
from ops.ssh.transport import Transport

BY_KEY = ("allow_agent", "key_filename", "look_for_keys", "passphrase", "password", "pkey")  # paramiko's arguments
SECOND_FACTORS = {"keyboard-interactive", "password"}
_KINDS = (paramiko.RSAKey, paramiko.ECDSAKey, paramiko.Ed25519Key)


class KeyLogin(Struct, frozen=True):
    """The `auth_strategy` of paramiko's client: offer keys, then the password, if any."""

    account: str
    files: tuple[str, ...] = ()  # that -i, ssh_config and the inventory name
    usual: tuple[str, ...] = USUAL_KEYS  # the default files, which are tried last
    certificate_files: tuple[str, ...] = ()
    agent_socket: str = ""  # "": no agent
    named_only: bool = False  # offer only those keys of the agent that a file names
    pkey: paramiko.PKey | None = None
    passphrase: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"KeyLogin({self.account!r})"  # without the secrets

    def authenticate(self, transport: Transport) -> None:
        """Log in. Raises paramiko.SSHException, or AuthenticationException (a subclass) if the host refuses."""
        offer = _Offer(self)
        refusal: paramiko.SSHException | None = None
        further: set[str] = set()
        try:
            for key in offer.each():
                try:
                    further = SECOND_FACTORS & set(transport.auth_publickey(self.account, key))
                except paramiko.SSHException as error:
                    refusal = error
                    continue
                if not further:
                    return
                break
        finally:
            offer.close()
        if self.password is not None:
            transport.auth_password(self.account, self.password)
        elif further:
            transport.auth_interactive_dumb(self.account)
        elif refusal is None:
            raise paramiko.AuthenticationException("; ".join(["you offer no key", *offer.notes()]))
        elif isinstance(refusal, paramiko.AuthenticationException) and offer.notes():
            raise paramiko.AuthenticationException("; ".join([str(refusal), *offer.notes()]))
        else:
            raise refusal


class _Offer:
    def __init__(self, login: KeyLogin) -> None:
        self._login = login
        self._agent: Agent | None = None
        self._offered: set[bytes] = set()
        self._unread: dict[str, tuple[str, bytes]] = {}  # file to why it cannot be used, and its public half
        names = (*login.certificate_files, *(_certificate_of(file) for file in (*login.files, *login.usual)))
        found = map(certificate_in, dict.fromkeys(names))
        self._certificates: list[KeyCertificate] = [certificate for certificate in found if certificate]

    def each(self) -> Iterator[paramiko.PKey]:
        """The keys to offer, each once; the agent is asked only after the named files."""
        login = self._login
        if login.pkey:
            yield login.pkey
        yield from self._of_files(login.files)
        self._agent = Agent(login.agent_socket)
        named = [certificate.blob.key_blob for certificate in self._certificates]
        named += [blob for blob, _ in map(public_half, (*login.files, *login.usual)) if blob]
        keys = self._agent.keys
        first = sorted((key for key in keys if key.blob in named), key=lambda key: named.index(key.blob))
        for key in (*first, *(key for key in keys if key not in first and not login.named_only)):
            yield from self._with_certificates(key, key.blob)
        yield from self._of_files(login.usual)

    def notes(self) -> list[str]:
        """Possible reasons why no key was accepted: files that cannot be used, certificates that have expired."""
        notes = [f"{file} {why}" for file, (why, blob) in self._unread.items() if blob not in self._offered]
        for one in self._certificates:
            if one.blob.key_blob in self._offered and one.ends != FOREVER and one.ends <= time.time():
                ended = time.strftime("%Y-%m-%d %H:%M", time.localtime(one.ends))
                notes.append(f"the key certificate {one.key_id} expired on {ended}")
        return notes

    def close(self) -> None:
        """Close the connection to the agent."""
        if self._agent:
            self._agent.close()

    def _of_files(self, files: tuple[str, ...]) -> Iterator[paramiko.PKey]:
        for file in files:
            key = self._read(file.removesuffix("-cert.pub"))
            if key is not None:
                yield from self._with_certificates(key, key.asbytes())

    def _with_certificates(self, key: paramiko.PKey, blob: bytes) -> Iterator[paramiko.PKey]:
        for certificate in self._certificates:
            if certificate.key == blob and certificate.blob.key_blob not in self._offered:
                self._offered.add(certificate.blob.key_blob)
                certified = _copy(key)
                certified.public_blob = certificate.blob
                yield certified
        if blob not in self._offered:
            self._offered.add(blob)
            yield key

    def _read(self, file: str) -> paramiko.PKey | None:
        path = expand_home(file)
        passphrase = self._login.passphrase or self._login.password
        for kind in _KINDS:
            try:
                return kind.from_private_key_file(path, passphrase)
            except OSError as error:
                if not isinstance(error, FileNotFoundError):
                    self._unread[file] = (f"cannot be read: {error.strerror}", public_half(file)[0])
                return None
            except paramiko.PasswordRequiredException:
                self._unread[file] = ("has a passphrase, and no agent has the key", public_half(file)[0])
                return None
            except Exception:  # noqa: BLE001, S112 - each type of key fails in its own ways
                continue
        if not Path(path).name.endswith(".pub"):
            self._unread[file] = ("cannot be read as a key", public_half(file)[0])
        return None


def _copy(key: Any) -> Any:
    if isinstance(key, paramiko.AgentKey):  # copy.copy fails for it
        return paramiko.AgentKey(key.agent, key.blob, key.comment)
    return copy.copy(key)


def _certificate_of(file: str) -> str:
    path = expand_home(file)
    return path if path.endswith("-cert.pub") else f"{path}-cert.pub"


def key_login(connection: Connection, inventorys: str | None) -> KeyLogin:
    """How to log in on `connection`: from fab's flags, ssh_config, and last the file that the inventory names."""
    given, settings = connection.connect_kwargs, connection.settings
    files = tuple(dict.fromkeys([*given["key_filename"], *([inventorys] if inventorys else [])]))
    secrets = {key: given.get(key) for key in ("passphrase", "password")}
    if not settings.offers_keys:
        return KeyLogin(connection.user, usual=(), **secrets)
    return KeyLogin(
        connection.user,
        files,
        USUAL_KEYS if settings.usual_identities and given.get("look_for_keys", True) else (),
        settings.certificate_files,
        settings.agent_socket if given.get("allow_agent", True) else "",
        settings.identities_only,
        given.get("pkey"),
        **secrets,
    )
