"""Shells that a host may have, and commands that stand in for its own."""

from pathlib import Path

SHELLS = {"dash": ["dash"], "bash": ["bash"], "busybox": ["busybox", "sh"]}


def executable(path: Path, text: str) -> Path:
    """Write a command that stands in for one of the host's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path
