"""Whole logs as one tar.gz, which is never written to the host's disk."""

import os
import stat
import tarfile
import zlib

from ops.agent.log_bundle_messages import LogBundlePart
from ops.agent.log_compressed import BLOCK
from ops.agent.log_output import Output
from ops.agent.log_request import asked_logs, moment
from ops.agent.log_search import go_to_time
from ops.agent.operator_watch import end_all, watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.log_bundle_messages import LogBundleRequest
    from ops.agent.log_files import LogFile
    from ops.agent.messages import Message

PART = 48 * 1024  # bytes of the archive that make a message
STEP = 4 * 1024 * 1024  # bytes read, after which there is a message in any case


def answer(request: "LogBundleRequest") -> "Iterator[Message]":
    """All files of the logs, or those with lines since a time, from there on."""
    watch(end_all)
    output = Output()
    since = moment(request.since, float("inf"))
    logs = asked_logs(request.logs, output)
    chosen = [file for log in logs for file in log.chain() if since is None or _has_lines_since(file, since)]
    for file in chosen:
        if file.compressed:
            file.size()  # tells what is wrong with it; it is packed as it is
    yield from output.taken()
    yield from _parts(chosen)


def _has_lines_since(file: "LogFile", since: float) -> bool:
    """Whether it has, or may have; then its offset is that of the first."""
    if file.modified < since:
        return False
    return file.is_compressed or not file.has_times() or go_to_time(file, since)


def _parts(files: "list[LogFile]") -> "Iterator[LogBundlePart]":
    sizes = [os.fstat(file.descriptor).st_size - file.offset for file in files]
    packer = zlib.compressobj(6, zlib.DEFLATED, 31)
    packed, read, told = bytearray(), 0, 0
    for data in _archive(files, sizes):
        packed += packer.compress(data)
        read += len(data)
        if len(packed) >= PART or read - told >= STEP:
            yield LogBundlePart(content=bytes(packed), done=min(read, sum(sizes)), total=sum(sizes))
            packed.clear()
            told = read
    packed += packer.flush()
    yield LogBundlePart(content=bytes(packed), done=sum(sizes), total=sum(sizes))


def _archive(files: "list[LogFile]", sizes: "list[int]") -> "Iterator[bytes]":
    """The bytes of a tar file. A file that becomes shorter while it is read is filled with zeros."""
    for file, size in zip(files, sizes):
        entry = tarfile.TarInfo(os.fsdecode(file.path).lstrip("/"))
        entry.size, entry.mtime, entry.mode = size, int(file.modified), stat.S_IMODE(file.status.st_mode)
        yield entry.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
        end = file.offset + size
        for place in range(file.offset, end, BLOCK):
            wanted = min(BLOCK, end - place)
            yield os.pread(file.descriptor, wanted, place).ljust(wanted, b"\0")
        padding = -size % tarfile.BLOCKSIZE
        yield b"\0" * padding
    yield b"\0" * tarfile.RECORDSIZE
