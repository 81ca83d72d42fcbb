"""The SSH keys of a lab: the operator's key and the host keys."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def ensure_key(path: Path) -> str:
    """The public half, as a line for authorized_keys or known_hosts; the key is made if there is none yet."""
    public = path.with_name(path.name + ".pub")
    if not public.exists():  # written last
        key = Ed25519PrivateKey.generate()
        form, nothing = serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.touch(0o600)
        path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, nothing))
        line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        public.write_bytes(line + b"\n")
    return public.read_text().strip()
