"""Writing a file whole or not at all."""

from pathlib import Path


def put(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Write the file, and its folders; at no moment can anybody read it whom `mode` does not let in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    new.touch(0o600)
    new.write_bytes(content)
    new.chmod(mode)
    new.replace(path)
