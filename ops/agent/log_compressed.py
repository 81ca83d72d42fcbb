"""The text of a compressed log file, and how much of it can be read."""

import os
import re
import zlib

from ops.agent.alive import show_alive
from ops.agent.processes import output_from_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    Decompress = Callable[[int], Iterator[bytes]]  # of the file of a descriptor

try:
    import bz2
except ImportError:  # a Python that was built without it
    bz2 = None  # type: ignore[assignment] # its users ask for that
try:
    import lzma
except ImportError:
    lzma = None  # type: ignore[assignment] # its users ask for that

COMPRESSED = re.compile(rb"\.(gz|xz|bz2|zst|lzma|lz4|lzo|Z|zip)$")
BLOCK = 256 * 1024  # bytes read at a time
BEFORE = 64  # bytes before an offset that stay readable: a position is recognized by them
FED = 128  # bytes that are decompressed at once: their text is lost if the first fault is among them
TOOLS = {b"xz": "xz", b"bz2": "bzip2", b"zst": "zstd"}  # if Python cannot decompress it
FAULTS = (EOFError, OSError, ValueError, zlib.error, *((lzma.LZMAError,) if lzma else ()))


class Damaged(Exception):
    """The text ends before the file's own end: "torn" (it is cut off) or "broken"."""


class CompressedText:
    """The text of a file, which can be read from any offset; for an earlier one it is decompressed from its start.

    `on_damage` is called once with "torn" or "broken" if the text is not complete.
    """

    def __init__(self, descriptor: int, decompress: "Decompress", on_damage: "Callable[[str], None]") -> None:
        self.on_damage = on_damage
        self._descriptor, self._decompress = descriptor, decompress
        self._start, self._text = 0, bytearray()  # the part of the text that is kept
        self._coming: Iterator[bytes] | None = None

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes of the text from `offset` on."""
        if self._coming is None or offset < self._start:
            self._start, self._text, self._coming = 0, bytearray(), self._decompress(self._descriptor)
        while len(self._text) < offset - self._start + size:
            show_alive()
            piece = self._next(self._coming)
            if piece is None:
                break
            self._text += piece
            spare = min(offset - BEFORE - self._start, len(self._text))
            if spare > BLOCK:
                del self._text[:spare]
                self._start += spare
        begin = offset - self._start
        return bytes(self._text[begin : begin + size])

    def _next(self, coming: "Iterator[bytes]") -> "bytes | None":
        try:
            return next(coming, None)
        except Damaged as fault:
            self.on_damage(str(fault))
            self.on_damage = lambda _: None
            return None


def decompression(kind: bytes) -> "Decompress | None":
    """What decompresses files of a kind (`COMPRESSED`), in pieces; None if nothing on this host can."""
    makers: dict[bytes, Callable[[], Any]] = {b"gz": lambda: zlib.decompressobj(31)}
    if bz2:
        makers[b"bz2"] = bz2.BZ2Decompressor
    if lzma:
        makers[b"xz"] = makers[b"lzma"] = lzma.LZMADecompressor
    if kind in makers:
        return lambda descriptor: _by_python(descriptor, makers[kind])
    tool = TOOLS.get(kind)
    folders = os.environ.get("PATH", "").split(":")
    if tool and any(os.access(os.path.join(folder, tool), os.X_OK) for folder in folders):
        return lambda descriptor: _by_tool(descriptor, [tool, "-d", "-c"])
    return None


def _by_python(descriptor: int, make: "Callable[[], Any]") -> "Iterator[bytes]":
    """One compressed text, or several in a row."""
    decompressor, begun, place = make(), False, 0
    while True:
        block = os.pread(descriptor, BLOCK, place)
        place += len(block)
        for start in range(0, len(block), FED):
            data = block[start : start + FED]
            while data:
                if not begun:
                    data = data.lstrip(b"\0")  # it fills the block of a tape, or an .xz
                    if not data:
                        break
                try:
                    text = decompressor.decompress(data)
                except FAULTS:
                    raise Damaged("broken") from None
                begun, data = True, decompressor.unused_data
                if decompressor.eof:
                    decompressor, begun = make(), False
                yield text
        if not block:
            break
    if begun or not place:
        raise Damaged("torn")


def _by_tool(descriptor: int, words: "list[str]") -> "Iterator[bytes]":
    os.lseek(descriptor, 0, os.SEEK_SET)
    code = yield from output_from_file(words, descriptor)
    if code or not os.fstat(descriptor).st_size:
        raise Damaged("broken")
