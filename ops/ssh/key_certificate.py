"""Certificates of SSH keys: their owner and their end.

Source: PROTOCOL.certkeys of OpenSSH. The host checks them; here they are only read.
"""

import base64
import hashlib
from pathlib import Path

from msgspec import Struct
from paramiko import Message
from paramiko.pkey import PublicBlob

SUFFIX = "-cert-v01@openssh.com"
FOREVER = (1 << 64) - 1
_FIELDS = {  # strings of the key itself, between the nonce and the serial number
    "ssh-rsa": 2,
    "ssh-ed25519": 1,
    "ecdsa-sha2-nistp256": 2,
    "ecdsa-sha2-nistp384": 2,
    "ecdsa-sha2-nistp521": 2,
    "sk-ssh-ed25519@openssh.com": 2,
    "sk-ecdsa-sha2-nistp256@openssh.com": 3,
}


class KeyCertificate(Struct, frozen=True):
    """One certificate: `blob` is the whole, `key` its public key, both in SSH's wire format."""

    blob: PublicBlob
    key: bytes
    serial: int
    key_id: str
    ends: int  # seconds since the epoch; FOREVER: never
    authority: str  # SHA256:… of the key that signed it


def read_certificate(blob: bytes) -> KeyCertificate | None:
    """The certificate in `blob`; None if it is no certificate, or of an unknown type."""
    try:
        message = Message(blob)
        kind = message.get_text()
        plain = _plain(kind)
        if plain not in _FIELDS:
            return None
        message.get_string()  # the nonce
        key = Message()
        key.add_string(plain)
        for _ in range(_FIELDS[plain]):
            key.add_string(message.get_string())
        serial = message.get_int64()
        message.get_int()  # a user's or a host's
        key_id = message.get_string().decode(errors="replace")
        message.get_string()  # principals
        message.get_int64()  # not before
        ends = message.get_int64()
        for _ in range(3):  # critical options, extensions, reserved
            message.get_string()
        digest = base64.b64encode(hashlib.sha256(message.get_string()).digest()).decode().rstrip("=")
    except ValueError:  # only text can fail: paramiko reads missing bytes as zeros
        return None
    return KeyCertificate(PublicBlob(kind, blob), key.asbytes(), serial, key_id, ends, f"SHA256:{digest}")


def certificate_in(file: str) -> KeyCertificate | None:
    """The certificate in a file such as id_ed25519-cert.pub; None if there is none."""
    try:
        return read_certificate(base64.b64decode(Path(file).read_text(encoding="utf-8").split(maxsplit=2)[1]))
    except (OSError, ValueError, IndexError):
        return None


def _plain(kind: str) -> str:
    if not kind.endswith(SUFFIX):
        return ""
    name = kind.removesuffix(SUFFIX)
    return f"{name}@openssh.com" if name.startswith("sk-") else name
