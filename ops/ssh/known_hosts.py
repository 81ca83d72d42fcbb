"""The host key policy: a host may show the keys that known_hosts has for it, and no others.

Source: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". Fabric's own default accepts any key; paramiko's reader fails at
lines that it cannot read, accepts only one key of a type for a name, and knows neither patterns nor revoked keys.
"""

import base64
import contextlib
import hmac
import ipaddress
import re
import shlex
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko

from ops.ssh.ssh_config_values import Connection
from ops.ssh.transport import Transport

KRL = b"SSHKRL\n\0"  # how a key revocation list begins


class UnknownHostKey(paramiko.SSHException):
    """known_hosts has no line for the host."""


class RevokedHostKey(paramiko.SSHException):
    """The host shows a key that known_hosts marks as revoked."""


@dataclass
class TrustedKeys(paramiko.MissingHostKeyPolicy):
    """The keys that one host may show, and the revoked keys.

    `plain` are the keys of the host's name without a port: they hold if its other port has no key of its own.
    `lines` has the file and name of each of `keys`; it is empty for keys from the inventory.
    """

    keys: list[paramiko.PKey] = field(default_factory=list)
    plain: list[paramiko.PKey] = field(default_factory=list)
    revoked: set[bytes] = field(default_factory=set)
    lines: list[tuple[Path, str]] = field(default_factory=list)
    authority: Path | None = None  # the file that names a CA for the host, if there is one
    revoked_in: str = ""  # RevokedHostKeys of ssh_config

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:  # noqa: ARG002 - paramiko's signature
        """Check `key`; paramiko calls this for every host, since its own list stays empty."""
        if why := self.revocation(key):
            raise RevokedHostKey(f"the {key.get_name()} key of {hostname}: {why}")
        if not self.trusts(key):
            if self.keys:
                raise paramiko.BadHostKeyException(hostname, key, self.keys[0])
            only = f"; {self.authority} names a CA for it, and poms-ops cannot check host certificates"
            raise UnknownHostKey(f"{hostname} is not in known_hosts{only if self.authority else ''}")

    def trusts(self, key: paramiko.PKey) -> bool:
        """Whether the host may show `key`, if it is not revoked."""
        return key in (self.keys or self.plain)

    def removal(self) -> str:
        """How to remove the accepted keys, in words that follow "before you"."""
        if not self.lines:
            return "remove the old key from ssh.host_keys in the inventory"
        commands = [f"ssh-keygen -R {shlex.quote(name)} -f {shlex.quote(str(file))}" for file, name in self.lines]
        return f"remove the old line with {' and '.join(dict.fromkeys(commands))}"

    def revocation(self, key: paramiko.PKey) -> str:
        """Why no host may show `key`; empty if it is not revoked."""
        if key.asbytes() in self.revoked:
            return "known_hosts marks it as revoked"
        return _revoked_by(self.revoked_in, key) if self.revoked_in else ""

    def transport(self, sock: socket.socket, **options: Any) -> paramiko.Transport:
        """A transport that prefers host keys of the known types."""
        made = Transport(sock, **options)
        known = {key.get_name() for key in self.keys}
        security = made.get_security_options()
        security.key_types = sorted(
            security.key_types, key=lambda kind: re.sub("^rsa-sha2-.*", "ssh-rsa", kind) not in known
        )
        return made


def set_host_key_policy(connection: Connection, known_hosts: str | None, pinned: list[str]) -> None:
    """Refuse unknown, changed and revoked host keys on `connection` and on every gateway before it.

    `known_hosts` is a file from the inventory, read in addition to the user's and the system's own. If the inventory
    pins keys ("TYPE BASE64"), the last machine may show no other key.
    """
    hop: object = connection
    while isinstance(hop, Connection):
        trusted_keys = trusted_keys_of(hop, known_hosts, pinned if hop is connection else [])
        hop.client.set_missing_host_key_policy(trusted_keys)
        hop.connect_kwargs["transport_factory"] = trusted_keys.transport
        hop = hop.gateway


def trusted_keys_of(connection: Connection, known_hosts: str | None, pinned: list[str]) -> TrustedKeys:
    """The keys that the machine of `connection` may show; parameters as for `set_host_key_policy`."""
    settings = connection.settings
    files = [*settings.global_known_hosts, *settings.user_known_hosts, *([Path(known_hosts)] if known_hosts else [])]
    trusted_keys = _read_trusted_keys(files, names_of(connection), _plain_names(connection))
    if pinned:
        keys = [key for key in map(pinned_key, pinned) if key]
        trusted_keys.keys = [key for key in keys if key.asbytes() not in trusted_keys.revoked]
        trusted_keys.plain, trusted_keys.lines = [], []
    trusted_keys.revoked_in = settings.revoked_host_keys
    return trusted_keys


def pinned_key(text: str) -> paramiko.PKey | None:
    """The key in "TYPE BASE64"; None if it cannot be read."""
    kind, _, rest = text.partition(" ")
    return _key(kind, rest.split(" ")[0])


def names_of(connection: Connection) -> set[str]:
    """The names of the host in known_hosts: HostKeyAlias, or its own name, with the port if that is not 22.

    An IP address is also included in its shortest form.
    """
    if connection.settings.host_key_alias:
        return {connection.settings.host_key_alias.lower()}
    names, port = _bare_names(connection), int(connection.port)
    return names if port == 22 else {f"[{name}]:{port}" for name in names}


def _plain_names(connection: Connection) -> set[str]:
    """The names without a port, which ssh uses if the name with the port is unknown."""
    if connection.settings.host_key_alias or int(connection.port) == 22:
        return set()
    return _bare_names(connection)


def _bare_names(connection: Connection) -> set[str]:
    names = {str(connection.host).lower()}
    with contextlib.suppress(ValueError):
        names.add(ipaddress.ip_address(connection.host).compressed)
    return names


def _read_trusted_keys(files: list[Path], names: set[str], plain: set[str]) -> TrustedKeys:
    trusted_keys = TrustedKeys()
    for source, words in ((file, line.split()) for file in files for line in _lines(file)):
        if len(words) > 3 and words[0] == "@revoked":
            trusted_keys.revoked.update(_blobs(*words[2:4]))  # under any name: the key has leaked
        elif len(words) > 3 and words[0] == "@cert-authority" and _matches(words[1], names):
            trusted_keys.authority = source
        elif len(words) > 2 and words[0][0] not in "#@":
            if _matches(words[0], names):
                if key := _key(words[1], words[2]):
                    trusted_keys.keys.append(key)
                    trusted_keys.lines.append(
                        (source, next(one for one in sorted(names) if _matches(words[0], {one})))
                    )
            elif plain and _matches(words[0], plain):
                trusted_keys.plain += filter(None, [_key(words[1], words[2])])
    trusted_keys.keys = [key for key in trusted_keys.keys if key.asbytes() not in trusted_keys.revoked]
    return trusted_keys


def _matches(patterns: str, names: set[str]) -> bool:
    """Whether the first word of a line matches one of `names`; a negated pattern that matches excludes the line."""
    if patterns.startswith("|1|"):
        return any(_is_hash_of(name, patterns) for name in names)
    found = False
    for pattern in patterns.lower().split(","):
        expression = re.escape(pattern.removeprefix("!")).replace(r"\*", ".*").replace(r"\?", ".")
        if any(re.fullmatch(expression, name) for name in names):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _is_hash_of(name: str, hashed: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in hashed.split("|")[2:])
    except ValueError:
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), digest)


def _key(kind: str, text: str) -> paramiko.PKey | None:
    try:
        return paramiko.PKey.from_type_string(kind, base64.b64decode(text, validate=True))
    except Exception:  # noqa: BLE001 - each type of key fails in its own ways; ignore such a line
        return None


def _revoked_by(file: str, key: paramiko.PKey) -> str:
    """Why the file revokes `key`; empty if it does not. A file that cannot be read revokes every key, as in ssh."""
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        return f"RevokedHostKeys {file} cannot be read ({error.strerror}), so no key is accepted"
    line = f"{key.get_name()} {key.get_base64()}"
    if not content.startswith(KRL):
        words = (text.split()[:2] for text in content.decode("utf-8-sig", errors="replace").split("\n"))
        return f"RevokedHostKeys {file} has it" if line.split() in words else ""
    with tempfile.NamedTemporaryFile("w", prefix="poms-ops-key-", suffix=".pub") as public:
        public.write(f"{line}\n")
        public.flush()
        command = ["ssh-keygen", "-Qf", file, public.name]
        try:
            done = subprocess.run(command, capture_output=True, timeout=10, check=False)  # noqa: S603 - see above
        except (OSError, subprocess.TimeoutExpired):
            return f"RevokedHostKeys {file} is a KRL, and ssh-keygen, which has to read it, does not start"
    return f"RevokedHostKeys {file} has it" if done.returncode else ""


def _blobs(kind: str, text: str) -> Iterator[bytes]:
    """The bytes of the key as they are in the file, and in paramiko's form if it can read the key."""
    try:
        yield base64.b64decode(text, validate=True)
    except ValueError:
        return
    key = _key(kind, text)
    if key is not None:
        yield key.asbytes()


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8-sig", errors="replace").split("\n")
    except OSError:
        return []
