"""The keys of the operator's SSH agent, in the order in which OpenSSH offers them."""

import base64
import os
from collections.abc import Sequence
from pathlib import Path

import fabric
import paramiko

USUAL_KEYS = ("~/.ssh/id_rsa", "~/.ssh/id_ecdsa", "~/.ssh/id_ed25519")


def key_files(connection: fabric.Connection) -> list[str]:
    """The files that -i, ssh_config and the inventory name for this login, then those that are tried anyway."""
    named = connection.connect_kwargs.get("key_filename") or []
    return [*([named] if isinstance(named, str) else named), *USUAL_KEYS]


def public_half(file: str) -> tuple[bytes, str]:
    """Key and comment of the `.pub` file beside `file`, which may be it; both empty where there is none."""
    path = os.path.expanduser(file.removesuffix("-cert.pub").removesuffix(".pub") + ".pub")  # noqa: PTH111 - Path's raises
    try:
        words = Path(path).read_text(encoding="utf-8").split(maxsplit=2)
        return base64.b64decode(words[1]), words[2] if len(words) == 3 else ""
    except (OSError, ValueError, IndexError):
        return b"", ""


class AgentInOrder:
    """What paramiko's client asks an agent: first come the keys that `files` name, and with `only` no others.

    A host hangs up after a few keys that it does not know (MaxAuthTries, six by default).
    """

    def __init__(self, files: Sequence[str], *, only: bool) -> None:
        self._files = files
        self._only = only
        self._agent: paramiko.Agent | None = None

    def get_keys(self) -> tuple[paramiko.AgentKey, ...]:
        """Those to offer; the agent is asked now, and not for a login that needs none of them."""
        self._agent = self._agent or paramiko.Agent()
        keys = self._agent.get_keys()
        named = [blob for blob, _ in map(public_half, self._files) if blob]
        first = sorted((key for key in keys if key.asbytes() in named), key=lambda key: named.index(key.asbytes()))
        return (*first, *(key for key in keys if key not in first and not self._only))

    def close(self) -> None:
        """Leave the agent."""
        if self._agent:
            self._agent.close()
