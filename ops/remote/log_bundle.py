# log_bundle.py: whole logs as one tar.gz, which is never written to the host's disk. A part of log_reader.py.
import base64
import gzip
import io
import os
import stat
import tarfile

PIECE = 48 * 1024  # bytes of the archive in a fact
STEP = 4 * 1024 * 1024  # bytes read between two words on how far it is


class Pieces(io.RawIOBase):
    """A file to write to: what is written goes out as facts."""

    def writable(self):
        return True

    def write(self, data):
        say("data", base64.b64encode(memoryview(data).tobytes()))
        return len(data)


def bundle(logs, since):
    """All files of the logs as a tar.gz; those that hold older lines than `since` from there on."""
    chosen = []
    for log in logs:
        for file in log.chain():
            if since is None or file.modified >= since:
                if since is None or file.compressed or file.time_before(file.size()) is None or file.go_to(since):
                    chosen.append((file, os.fstat(file.raw.fileno()).st_size - file.offset))
    say("total", sum(size for _, size in chosen))
    pieces = io.BufferedWriter(Pieces(), PIECE)
    packed = gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=pieces)
    archive = tarfile.open(fileobj=packed, mode="w|", bufsize=BLOCK, format=tarfile.GNU_FORMAT)
    done = 0
    for file, size in chosen:
        if file.packed:
            file.size()  # says what is wrong with it; it is packed as it is
        name = file.path.lstrip(b"/")
        entry = tarfile.TarInfo(name if str is bytes else os.fsdecode(name))
        entry.size, entry.mtime, entry.mode = size, int(file.modified), stat.S_IMODE(file.status.st_mode)
        archive.addfile(entry, Counted(file, size, done))
        done += size
        say("done", done)
    archive.close()
    packed.close()
    pieces.flush()


class Counted(object):
    """A file to read from: `size` bytes from the offset on, and zeros where it has been cut meanwhile."""

    def __init__(self, file, size, done):
        self.raw, self.left, self.done, self.size = file.raw, size, done, size
        self.raw.seek(file.offset)
        self.told = 0

    def read(self, count):
        beat()
        data = self.raw.read(min(count, self.left))
        data += b"\0" * (min(count, self.left) - len(data))
        self.left -= len(data)
        if self.size - self.left - self.told > STEP:
            self.told = self.size - self.left
            say("done", self.done + self.told)
        return data
