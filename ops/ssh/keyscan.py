"""The key that a host shows, and its line in known_hosts."""

import socket
from dataclasses import dataclass
from pathlib import Path

import fabric
import paramiko
from msgspec.structs import replace

from ops.errors import BadInput, HostError, OperatorError
from ops.schema import Host
from ops.ssh.known_hosts import TrustedKeys, names_of, trusted_keys_of
from ops.ssh.login import Hop, log_in, route_to


@dataclass(frozen=True)
class Shown:
    """The key that a host showed, the keys that are accepted from it so far, and the file for its line."""

    key: paramiko.PKey
    trusted_keys: TrustedKeys
    names: str
    file: Path

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` writes it: "SHA256:…"."""
        return str(self.key.fingerprint)

    @property
    def is_known(self) -> bool:
        """Whether the key is accepted already."""
        return self.trusted_keys.trusts(self.key) and not self.trusted_keys.revocation(self.key)


def ask_key(host: Host, config: fabric.Config) -> Shown:
    """The key that `host` shows now; this logs in only to the jump hosts before it.

    Raises Unreachable if the host does not show a key, HostError if another key of it is known or this one is
    revoked, BadInput if there is no file to record it in.
    """
    file = Path(host.ssh.known_hosts) if host.ssh.known_hosts else None
    if file and not file.exists():  # it is created when the first key is recorded
        host = replace(host, ssh=replace(host.ssh, known_hosts=None))
    hops = route_to(host, config)
    if not file and not hops[-1].connection.settings.user_known_hosts:
        raise BadInput(
            f"{host.name}: there is no file for its key: UserKnownHostsFile in ssh_config is none, and the inventory "
            "has no ssh.known_hosts. Nothing was connected to."
        )
    log_in(hops[:-1])
    key = _key_of(hops[-1])
    connection = hops[-1].connection
    trusted_keys = trusted_keys_of(connection, host.ssh.known_hosts, host.ssh.host_keys)
    names = ",".join(sorted(names_of(connection)))
    shown = Shown(key, trusted_keys, names, file or connection.settings.user_known_hosts[0])
    if why := trusted_keys.revocation(key):
        raise HostError(host.name, f"its host key must not be trusted, {shown.fingerprint}: {why}")
    if trusted_keys.keys and not shown.is_known:
        known = ", ".join(str(one.fingerprint) for one in trusted_keys.keys)
        where = "known_hosts" if trusted_keys.lines else "the inventory"
        raise HostError(
            host.name,
            f"it shows the {key.get_name()} key {shown.fingerprint}, and {where} has another: {known}",
            left=f"{shown.file} (the key was not recorded)",
            next_step="this may be an attack, or the host was reinstalled: ask its administrator before you "
            f"{trusted_keys.removal()}",
        )
    return shown


def record(shown: Shown) -> None:
    """Add a line for the key. Raises OperatorError if the file cannot be written."""
    try:
        shown.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with shown.file.open("a+", encoding="utf-8") as file:
            file.seek(0)
            text = file.read()
            cut = "\n" if text and not text.endswith("\n") else ""
            file.write(f"{cut}{shown.names} {shown.key.get_name()} {shown.key.get_base64()}\n")
    except OSError as error:
        raise OperatorError(f"The key was not recorded: {shown.file}: {error.strerror}") from None


def _key_of(hop: Hop) -> paramiko.PKey:
    connection = hop.connection
    try:
        if connection.gateway:
            sock = connection.open_gateway()
        else:
            sock = socket.create_connection((connection.host, connection.port), hop.timeout)
        with paramiko.Transport(sock) as transport:
            transport.start_client(timeout=float(hop.timeout))
            return transport.get_remote_server_key()
    except (OSError, EOFError, UnicodeError, paramiko.SSHException) as error:
        raise hop.refused(f"{hop.where} does not show its host key: {error}") from None
