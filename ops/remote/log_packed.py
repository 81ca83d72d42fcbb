# log_packed.py: the readable text of a compressed file. A part of log_reader.py.
import os
import re
import subprocess
import zlib

try:
    import bz2
except ImportError:  # a Python that was built without it
    bz2 = None
try:
    import lzma
except ImportError:  # the same, or Python 2
    lzma = None

PACKED = re.compile(br"\.(gz|xz|bz2|zst|lzma|lz4|lzo|Z|zip)$")
FED = 128  # bytes that are unpacked at once: their text is lost where the first fault is among them
BROKEN = (EOFError, IOError, ValueError, zlib.error) + ((lzma.LZMAError,) if lzma else ())
TOOLS = {b"xz": "xz", b"bz2": "bzip2", b"zst": "zstd"}  # where Python cannot do it


class Spoiled(Exception):
    """What was read ends before the file's own end: "torn" in the midst, or "broken"."""


class Packed(object):
    """The text of a compressed file, to be read from any offset; back to an earlier one it is unpacked anew.

    `spoiled` is called with "torn" or "broken" where the text ends before its time, once.
    """

    def __init__(self, raw, pieces, spoiled):
        self.raw, self.pieces, self.spoiled = raw, pieces, spoiled
        self.start, self.text, self.coming = 0, bytearray(), None

    def read(self, offset, size):
        if self.coming is None or offset < self.start:
            self.start, self.text, self.coming = 0, bytearray(), self.pieces(self.raw)
        while len(self.text) < offset - self.start + size:
            beat()
            try:
                piece = next(self.coming, None)
            except Spoiled as fault:
                piece = None
                self.spoiled(str(fault))
                self.spoiled = lambda _: None
            if piece is None:
                break
            self.text += piece
            spare = min(offset - TAIL - self.start, len(self.text))
            if spare > BLOCK:
                del self.text[:spare]
                self.start += spare
        begin = offset - self.start
        return bytes(self.text[begin : begin + size])


def unpacking(kind):
    """What gives the pieces of a file's text, or None where nothing here can read that kind."""
    makers = {b"gz": lambda: zlib.decompressobj(31)}
    if bz2:
        makers[b"bz2"] = bz2.BZ2Decompressor
    if lzma:
        makers[b"xz"] = makers[b"lzma"] = lzma.LZMADecompressor
    tool = TOOLS.get(kind)
    if kind in makers:
        return lambda raw: pieces_here(raw, makers[kind])
    folders = os.environ.get("PATH", "").split(":")
    if tool and any(os.access(os.path.join(folder, tool), os.X_OK) for folder in folders):
        return lambda raw: pieces_of_tool(raw, [tool, "-d", "-c"])
    return None


def pieces_here(raw, make):
    """By Python, of one compressed text or several behind each other."""
    unpacker, begun, place = make(), False, 0
    while True:
        raw.seek(place)
        block = raw.read(BLOCK)
        place += len(block)
        data, at = b"", 0
        while data or at < len(block):
            if not data:
                data, at = block[at : at + FED], at + FED
            if not begun:
                data = data.lstrip(b"\0")  # what fills up a tape's block, or an .xz
            if not data:
                continue
            try:
                text = unpacker.decompress(data)
            except EOFError:  # Python 2's bz2, which ended with the piece before
                unpacker, begun = make(), False
                continue
            except BROKEN:
                raise Spoiled("broken")
            begun, data = True, unpacker.unused_data
            if getattr(unpacker, "eof", bool(data)):
                unpacker, begun = make(), False
            yield text
        if not block:
            break
    if not place or begun and not over(unpacker):
        raise Spoiled("torn")


def over(unpacker):
    """Whether the text is whole: of a Python without `eof` one that takes nothing more."""
    try:
        unpacker.decompress(b"\0")
    except EOFError:
        return True
    except BROKEN:
        return False
    return bool(unpacker.unused_data)


def pieces_of_tool(raw, command):
    """By a tool of the host."""
    raw.seek(0)
    with open(os.devnull, "w") as nothing:
        running = subprocess.Popen(command, stdin=raw, stdout=subprocess.PIPE, stderr=nothing)
    try:
        for text in iter(lambda: os.read(running.stdout.fileno(), BLOCK), b""):
            yield text
    finally:
        running.stdout.close()  # which ends it, where it was not read to its end
        ended = running.wait()
    if ended or not os.fstat(raw.fileno()).st_size:
        raise Spoiled("broken")
