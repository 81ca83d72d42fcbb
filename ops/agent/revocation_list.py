"""A certificate revocation list without its entries: it may have megabytes of them, and only its dates matter.

Source: RFC 5280, section 5.1; the encoding is DER (X.690).
"""

import binascii

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

SEQUENCE, BIT_STRING = 0x30, 0x03
TIMES = (0x17, 0x18)  # UTCTime, GeneralizedTime
BEGIN, END = b"-----BEGIN X509 CRL-----", b"-----END X509 CRL-----"


def without_entries(content: bytes) -> bytes:
    """The list in DER with its version, issuer and dates; its signature is empty. Raises ValueError if it is none.

    `content` is a file's, in PEM or DER.
    """
    if BEGIN in content:
        content = binascii.a2b_base64(content.partition(BEGIN)[2].partition(END)[0])
    body = _first(content)
    signed = _first(body)
    kept, algorithm, dated = b"", b"", False
    for tag, whole in _elements(signed):
        if dated and tag not in TIMES:  # the entries, or what extends the list
            break
        if tag == SEQUENCE and not algorithm:
            algorithm = whole
        dated = dated or tag in TIMES
        kept += whole
    if not dated:
        raise ValueError("it has no date")
    return _encoded(SEQUENCE, _encoded(SEQUENCE, kept) + algorithm + _encoded(BIT_STRING, b"\0"))


def _first(data: bytes) -> bytes:
    """The content of the sequence that `data` begins with."""
    start, end = _bounds(data, 0)
    if data[0] != SEQUENCE:
        raise ValueError("it is no sequence")
    return data[start:end]


def _elements(data: bytes) -> "Iterator[tuple[int, bytes]]":
    """The tag and the whole of each element."""
    at = 0
    while at < len(data):
        _, end = _bounds(data, at)
        yield data[at], data[at:end]
        at = end


def _bounds(data: bytes, at: int) -> "tuple[int, int]":
    """Where the content of the element at `at` begins and ends."""
    if len(data) < at + 2:
        raise ValueError("it ends too early")
    length, start = data[at + 1], at + 2
    if length >= 0x80:
        count = length & 0x7F
        length, start = int.from_bytes(data[start : start + count], "big"), start + count
    if start + length > len(data):
        raise ValueError("it ends too early")
    return start, start + length


def _encoded(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
