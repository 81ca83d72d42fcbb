"""Who is at work on a host: told by what the host let in, for all of a team share one account there."""

import getpass
import socket

import fabric
import paramiko

from ops.ssh.agent_keys import public_half
from ops.ssh.key_certificate import read_certificate


def who(connection: fabric.Connection) -> str:
    """`principal NAME@REALM`, `certificate KEY-ID …` or `key SHA256:… COMMENT` of an open connection.

    Where the host let in none of these, `local USER@MACHINE`.
    """
    principal = getattr(connection.transport, "principal", "")
    if principal:
        return f"principal {_one_line(principal)}"
    key = getattr(connection.transport, "accepted", None)
    if isinstance(key, paramiko.PKey):
        return _certificate(key) or f"key {key.fingerprint} {_comment(key, connection)}".rstrip()
    return f"local {local_user()}"


def holder(who: str) -> str:
    """Who holds a host's lock, as the next operator reads it: whom the host let in, and who that is here."""
    return who if who.startswith("local ") else f"{who} ({local_user()})"


def local_user() -> str:
    """User and machine of the operator's own side, as other operators know them."""
    return _one_line(f"{getpass.getuser()}@{socket.gethostname()}")  # the first may be LOGNAME


def _certificate(key: paramiko.PKey) -> str:
    """What the authority that signed the key says; its key changes with each certificate, and says nothing."""
    blob = key.public_blob.key_blob if key.public_blob else getattr(key, "blob", b"")
    certificate = read_certificate(blob)
    if certificate is None:
        return ""
    serial = f"serial {certificate.serial}, " if certificate.serial else ""
    return f"certificate {_one_line(certificate.key_id)} ({serial}CA {certificate.authority})"


def _comment(key: paramiko.PKey, connection: fabric.Connection) -> str:
    """What the agent, or the public half beside the key's file, says of the key; empty where neither does."""
    if isinstance(key, paramiko.AgentKey):
        return _one_line(key.comment)
    login = connection.connect_kwargs.get("auth_strategy")
    halves = map(public_half, (*getattr(login, "files", ()), *getattr(login, "usual", ())))
    return _one_line(next((comment for blob, comment in halves if blob == key.asbytes()), ""))


def _one_line(comment: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in comment).split())[:100]
