"""Files that are on the disk before the next step begins, and copies of files."""

import contextlib
import hashlib
import os
import stat

ABSENT = "absent"


def digest_of(path: str) -> str:
    """The SHA-256 of a file in hex; ABSENT if there is none, "" if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            for part in iter(lambda: file.read(1 << 20), b""):
                digest.update(part)
    except OSError:
        return "" if os.path.exists(path) else ABSENT
    return digest.hexdigest()


def write(path: str, content: bytes) -> None:
    """Write a file, and wait until it is on the disk. Raises OSError."""
    with open(path, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def append(path: str, text: str) -> None:
    """Add text to a file, and wait until it is on the disk. Raises OSError."""
    with open(path, "a", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def replace(path: str, content: bytes) -> None:
    """Write a file so that it is never seen half-written. Raises OSError."""
    write(f"{path}.new", content)
    os.rename(f"{path}.new", path)


def mark(path: str) -> None:
    """Make an empty file, the sign of something. Raises OSError."""
    with open(path, "ab"):
        pass


def copy(source: str, target: str) -> None:
    """Copy a file with its mode and time, and wait until it is on the disk. Raises OSError."""
    with open(source, "rb") as file:
        found = os.fstat(file.fileno())
        with contextlib.suppress(FileNotFoundError):
            os.remove(target)
        made = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(made, "wb") as out:
            for part in iter(lambda: file.read(1 << 20), b""):
                out.write(part)
            out.flush()
            os.fchmod(made, stat.S_IMODE(found.st_mode))
            os.utime(made, ns=(found.st_atime_ns, found.st_mtime_ns))
            os.fsync(made)


def sync_folder(path: str) -> None:
    """Wait until the names in a folder are on the disk; some file systems have no call for that."""
    with contextlib.suppress(OSError):
        folder = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def remove(path: str) -> None:
    """Remove a file, if it is there. Raises OSError."""
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


def remove_tree(path: str) -> None:
    """Remove a folder with all that is in it, or a file; what cannot be removed stays."""
    if os.path.islink(path) or not os.path.isdir(path):
        with contextlib.suppress(OSError):
            os.remove(path)
        return
    with contextlib.suppress(OSError):
        for name in os.listdir(path):
            remove_tree(os.path.join(path, name))
        os.rmdir(path)
