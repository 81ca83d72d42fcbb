"""Who is at work on a host: told by what the host let in, for all of a team share one account there."""

import base64
import getpass
import os
import socket
from pathlib import Path

import fabric
import paramiko

USUAL_KEYS = ("~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519")


def who(connection: fabric.Connection) -> str:
    """`principal NAME@REALM` or `key SHA256:… COMMENT` of an open connection; else `local USER@MACHINE`."""
    principal = getattr(connection.transport, "principal", "")
    if principal:
        return f"principal {_one_line(principal)}"
    key = getattr(connection.transport, "accepted", None)
    if isinstance(key, paramiko.PKey):
        return f"key {key.fingerprint} {_comment(key, connection)}".rstrip()
    return f"local {local_user()}"


def local_user() -> str:
    """User and machine of the operator's own side, as other operators know them."""
    return _one_line(f"{getpass.getuser()}@{socket.gethostname()}")  # the first may be LOGNAME


def _comment(key: paramiko.PKey, connection: fabric.Connection) -> str:
    """What the agent, or the public half beside the key's file, says of the key; empty where neither does."""
    if isinstance(key, paramiko.AgentKey):
        return _one_line(key.comment)
    files = connection.connect_kwargs.get("key_filename") or []
    for name in [*([files] if isinstance(files, str) else files), *USUAL_KEYS]:
        path = Path(os.path.expanduser(name.removesuffix("-cert.pub") + ".pub"))  # noqa: PTH111 - Path's raises
        try:
            words = path.read_text(encoding="utf-8").split(maxsplit=2)
            if len(words) == 3 and base64.b64decode(words[1]) == key.asbytes():
                return _one_line(words[2])
        except (OSError, ValueError):
            continue
    return ""


def _one_line(comment: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in comment).split())[:100]
