"""A host's logs as one compressed file on the operator's machine."""

import contextlib
import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ops.agent.log_bundle_messages import LogBundlePart, LogBundleRequest
from ops.agent.logs_messages import LogDamage, LogState
from ops.errors import HostError, read_answer
from ops.logs.catalog import Log, Moment
from ops.logs.stream import STATES, ask_reader, damage, log_of
from ops.ssh.session import Remote

SILENCE = 60.0  # seconds without data from the host after which the connection is dead
MEGABYTE = 1_000_000
_PART = re.compile(r"\.[A-Za-z0-9._-]+-logs-[0-9]{8}T[0-9]{6}Z\.tar\.gz\.part")
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Wanted:
    """The logs to fetch, with rotated files that have lines `since` (None: all).

    The bundle goes into `folder`; `limit` is its largest size in megabytes.
    """

    logs: list[Log]
    since: Moment | None
    folder: Path
    limit: int


@dataclass
class Bundle:
    """A fetched bundle: its path, its size in bytes, and the logs `missing` from it.

    `damaged` describes the damaged compressed files in it.
    """

    path: Path
    size: int = 0
    missing: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def fetch(remote: Remote, wanted: Wanted, progress: Progress) -> Bundle:
    """Fetch the logs as a tar.gz, mode 0600, which gets its name when it is complete.

    `progress` gets the bytes packed and the bytes in all, before compression. Raises Unreachable, and HostError where
    the host cannot read them, the file cannot be written or the bundle is too large; no file is left then.
    """
    name = f"{remote.host.name}-logs-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.tar.gz"
    bundle = Bundle(wanted.folder / name)
    part = wanted.folder / f".{name}.part"
    try:
        _remove_left_over(wanted.folder)
        descriptor = _begin(part)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for data in _pieces(remote, wanted, bundle, progress):
                    bundle.size += file.write(data)
                    if bundle.size > wanted.limit * MEGABYTE:
                        raise HostError(
                            remote.host.name,
                            f"its logs are larger than {wanted.limit} MB, compressed; nothing was kept",
                            next_step="name fewer with --programs or a later time with --since, or raise --limit",
                        )
            part.rename(bundle.path)
        finally:
            with contextlib.suppress(FileNotFoundError):
                part.unlink()
    except OSError as error:
        raise HostError(remote.host.name, f"cannot write {bundle.path}: {error.strerror}; nothing was kept") from None
    return bundle


def _begin(part: Path) -> int:
    """Create the file, locked as long as this process lives, and return its descriptor. Raises OSError."""
    while True:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with contextlib.suppress(OSError):  # a file system without locks: then no process removes the file
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # another process removed it before it was locked


def _remove_left_over(folder: Path) -> None:
    """Remove partial bundles that no process writes any more: a killed process has lost its lock."""
    for path in folder.iterdir():
        if not _PART.fullmatch(path.name):
            continue
        with contextlib.suppress(OSError), path.open("rb") as file:  # another account's, or locked
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _pieces(remote: Remote, wanted: Wanted, bundle: Bundle, progress: Progress) -> Iterator[bytes]:
    """The archive in pieces, as they arrive."""
    request = LogBundleRequest(logs=[log.requested() for log in wanted.logs], since=wanted.since)
    with read_answer(remote.host.name, "logs"):
        for message in ask_reader(remote, request, SILENCE):
            match message:
                case LogBundlePart():
                    progress(message.done, message.total)
                    yield message.content
                case LogDamage():
                    bundle.damaged.append(damage(log_of(wanted.logs, message.log), message))
                case LogState():
                    log, text = log_of(wanted.logs, message.log), STATES[message.state]
                    if log.asked or message.state == "unreadable":
                        bundle.missing.append(text.format(log.path))
                case _:
                    raise ValueError(f"unexpected {type(message).__name__}")
