"""The keys of the operator's SSH agent, and the public halves of key files."""

import base64
import socket
from pathlib import Path
from typing import Any

import paramiko
from paramiko.agent import AgentSSH

from ops.paths import expand_home
from ops.ssh.key_certificate import read_certificate

USUAL_KEYS = ("~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519")


def public_half(file: str) -> tuple[bytes, str]:
    """Key and comment of the `.pub` file beside `file` (or of `file` itself); both empty if there is none."""
    path = expand_home(file.removesuffix("-cert.pub").removesuffix(".pub") + ".pub")
    try:
        words = Path(path).read_text(encoding="utf-8").split(maxsplit=2)
        return base64.b64decode(words[1]), words[2] if len(words) == 3 else ""
    except (OSError, ValueError, IndexError):
        return b"", ""


class Agent:
    """An open connection to the agent that listens on `path`; without keys if nothing listens there.

    paramiko's own agent always uses the socket of SSH_AUTH_SOCK, and signs for certificates with the wrong name.
    """

    def __init__(self, path: str) -> None:
        agent: Any = AgentSSH()  # not all of it is in paramiko's stubs
        self._agent = agent
        self.keys: tuple[Any, ...] = ()  # paramiko's AgentKey
        if not path:
            return
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.connect(path)
            agent._connect(sock)
        except (OSError, paramiko.SSHException):  # nothing listens there, or it is no agent
            sock.close()
            return
        self.keys = agent.get_keys()
        for key in self.keys:
            if read_certificate(key.blob):
                key.inner_key = None  # then paramiko names and uses the whole certificate

    def close(self) -> None:
        """Close the connection to the agent."""
        self._agent._close()
