"""Writing a file completely or not at all."""

from pathlib import Path


def put(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write the file, and make its folders; only the accounts that `mode` allows can ever read the content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    new.touch(0o600)
    new.write_bytes(content)
    new.chmod(mode)
    new.replace(path)
