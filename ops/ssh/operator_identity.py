"""The operator's identity: the key or ticket that the host accepted, since a team shares one account there."""

import getpass
import socket

import fabric
import paramiko

from ops.ssh.agent_keys import public_half
from ops.ssh.key_certificate import read_certificate


def who(connection: fabric.Connection) -> str:
    """`principal NAME@REALM`, `certificate KEY-ID …` or `key SHA256:… COMMENT` of an open connection.

    `local USER@MACHINE` if the host accepted none of these.
    """
    principal = getattr(connection.transport, "principal", "")
    if principal:
        return f"principal {_one_line(principal)}"
    key = getattr(connection.transport, "accepted", None)
    if isinstance(key, paramiko.PKey):
        return _certificate(key) or f"key {key.fingerprint} {_comment(key, connection)}".rstrip()
    return f"local {local_user()}"


def lock_owner(who: str) -> str:
    """The lock owner, as the next operator reads it: the accepted identity, and user and machine on this side."""
    return who if who.startswith("local ") else f"{who} ({local_user()})"


def local_user() -> str:
    """User and machine on the operator's side."""
    return _one_line(f"{getpass.getuser()}@{socket.gethostname()}")  # the user may come from LOGNAME


def _certificate(key: paramiko.PKey) -> str:
    """Key id, serial number and CA of the key's certificate; the key itself changes with each certificate."""
    blob = key.public_blob.key_blob if key.public_blob else getattr(key, "blob", b"")
    certificate = read_certificate(blob)
    if certificate is None:
        return ""
    serial = f"serial {certificate.serial}, " if certificate.serial else ""
    return f"certificate {_one_line(certificate.key_id)} ({serial}CA {certificate.authority})"


def _comment(key: paramiko.PKey, connection: fabric.Connection) -> str:
    """The key's comment from the agent or from the `.pub` file beside the key; empty if there is none."""
    if isinstance(key, paramiko.AgentKey):
        return _one_line(key.comment)
    login = connection.connect_kwargs.get("auth_strategy")
    halves = map(public_half, (*getattr(login, "files", ()), *getattr(login, "usual", ())))
    return _one_line(next((comment for blob, comment in halves if blob == key.asbytes()), ""))


def _one_line(comment: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in comment).split())[:100]
