"""Which host keys are believed: those in known_hosts, and no others.

Source: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". Fabric's own default accepts any key.
"""

from pathlib import Path

import fabric
import paramiko
from paramiko.hostkeys import HostKeyEntry

SYSTEM_FILE = Path("/etc/ssh/ssh_known_hosts")
USER_FILE = Path("~/.ssh/known_hosts")


def believe_known_hosts_only(connection: fabric.Connection, known_hosts: str | None) -> None:
    """Refuse unknown and changed host keys on `connection` and on every gateway before it.

    `known_hosts` is a file from the inventory, read besides the user's and the system's own.
    """
    hop: object = connection
    while isinstance(hop, fabric.Connection):
        files = [SYSTEM_FILE, *_user_files(hop), *([Path(known_hosts)] if known_hosts else [])]
        _load(hop.client, files)
        hop.client.set_missing_host_key_policy(paramiko.RejectPolicy())
        hop = hop.gateway


def _user_files(connection: fabric.Connection) -> list[Path]:
    """`UserKnownHostsFile` of ssh_config, which Fabric itself does not heed, or OpenSSH's default."""
    named = str(connection.ssh_config.get("userknownhostsfile", "")).split()
    return [Path(name).expanduser() for name in named or [str(USER_FILE)] if name != "none"]


def _load(client: paramiko.SSHClient, files: list[Path]) -> None:
    lines = [line.strip() for file in files if file.is_file() for line in _lines(file)]
    revoked = {tuple(line.split()[2:4]) for line in lines if line.startswith("@revoked")}
    keys = client.get_host_keys()
    for line in lines:
        # paramiko stumbles over marked lines; it cannot check certificates, and a revoked key is left out everywhere.
        if not line or line.startswith(("#", "@")) or tuple(line.split()[1:3]) in revoked:
            continue
        try:
            entry = HostKeyEntry.from_line(" ".join(line.split()))
        except paramiko.hostkeys.InvalidHostKey:
            continue
        if entry is not None and entry.key is not None:
            for name in entry.hostnames:
                keys.add(name, entry.key.get_name(), entry.key)


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
