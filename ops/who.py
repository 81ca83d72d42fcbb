"""Who is at work on a host: told by what the host let in, for all of a team share one account there."""

import base64
import getpass
import os
import socket
from pathlib import Path
from threading import Event

import fabric
import paramiko

USUAL_KEYS = ("~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519")


class Transport(paramiko.Transport):
    """A connection that remembers whom the host let in."""

    accepted: paramiko.PKey | None = None
    principal = ""  # or the Kerberos principal that it let in (ops/gssapi_auth.py)

    def auth_publickey(self, username: str, key: paramiko.PKey, event: Event | None = None) -> list[str]:
        """Offer `key`; remembered where that does not raise."""
        further = super().auth_publickey(username, key, event)
        self.accepted = key
        return further

    def start_command(self, channel: paramiko.Channel, command: str) -> None:
        """Run `command` without waiting to hear that it was begun, as RFC 4254, 6.5 allows: a round trip less.

        A host that refuses ends the channel without an answer.
        """
        message = paramiko.Message()
        message.add_byte(paramiko.common.cMSG_CHANNEL_REQUEST)
        message.add_int(channel.remote_chanid)
        message.add_string("exec")
        message.add_boolean(False)
        message.add_string(command)
        self._send_user_message(message)  # type: ignore[attr-defined] # the stubs leave it out


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
