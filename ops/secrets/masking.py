"""Masking the values of secrets in all output of fab, in whatever spelling.

All output passes through `masked` (ops/ui/console.py). It knows only the values that were read in this run;
ops/secrets/redaction.py also hides the secrets of a file by their place.
"""

import base64
import html
import json
import re
import shlex
import urllib.parse
from collections.abc import Iterator

MARK = "***"
SHORT = 6  # characters: a shorter value is masked only as a whole word, since any text may contain it by chance
MIN_LENGTH = 8  # characters of base64: a shorter text is not specific enough to mask
WRAPS = (64, 76)  # columns at which tools break lines of base64


class Masker:
    """The texts to mask, and the expression that finds them."""

    def __init__(self) -> None:
        self._texts: set[str] = set()
        self._pattern = re.compile(r"(?!)")

    def add_secret(self, value: str) -> None:
        """Mask `value` from now on, also quoted, escaped, line by line, or in base64."""
        texts = {value, *spellings(value)} - {""}
        if texts <= self._texts:
            return
        self._texts |= texts
        by_length = sorted(self._texts, key=len, reverse=True)
        self._pattern = re.compile("|".join(_expression(text) for text in by_length))

    def add_secret_words(self, text: str, public: str, minimum: int = 1) -> None:
        """The same for `text` and each word of it with at least `minimum` characters that is not in `public`."""
        for word in {text, *re.split(r"[\s\"'=,]+", text)}:
            if len(word) >= minimum and word not in public:
                self.add_secret(word)

    def masked(self, text: str) -> str:
        """`text` with all of these masked."""
        return self._pattern.sub(MARK, text)


_this_run = Masker()


def add_secret(value: str) -> None:
    """Never print `value` in this run."""
    _this_run.add_secret(value)


def add_secret_words(text: str, public: str) -> None:
    """Never print `text`, nor a longer word of it that is not in `public`: a secret as a template wrote it."""
    _this_run.add_secret_words(text, public, MIN_LENGTH)


def masked(text: str) -> str:
    """`text` with the values of secrets masked."""
    return _this_run.masked(text)


def masked_document(document: object) -> object:
    """The same for each text in a JSON document."""
    if isinstance(document, dict):
        return {masked_document(key): masked_document(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [masked_document(item) for item in document]
    return masked(document) if isinstance(document, str) else document


def spellings(value: str) -> Iterator[str]:
    """Other forms in which tools print a value."""
    yield from _escaped(value)
    yield from _base64(value.encode())
    lines = [line.strip() for line in value.split("\n")]
    if len(lines) > 1:
        for line in lines:
            if len(re.findall(r"\w", line)) > 2:  # a line with only a bracket is no secret
                yield line
                yield from _escaped(line)


def _escaped(value: str) -> Iterator[str]:
    backslashes = value.replace("\\", "\\\\")
    yield from (ascii(value)[1:-1], repr(value.encode())[2:-1], value.encode("unicode_escape").decode())
    yield from (repr(value)[1:-1], json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
    yield from (backslashes, backslashes.replace('"', '\\"'), backslashes.replace("'", "\\'"))
    yield from (shlex.quote(value), value.replace("'", "'\\''"), html.escape(value), html.escape(value, quote=False))
    yield from (value.replace("%", "%%"), value.replace("%", "%%%%"))
    yield from (urllib.parse.quote(value), urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value))


def _base64(value: bytes) -> Iterator[str]:
    """Base64 of the value alone, with a line break, and inside a longer text at each of the three offsets."""
    found = {base64.b64encode(value).decode(), base64.b64encode(value + b"\n").decode()}
    for offset in range(3):
        whole = (offset + len(value)) * 8 // 6  # characters that do not depend on what follows the value
        text = base64.b64encode(b"\0" * offset + value).decode()[(offset * 8 + 5) // 6 : whole]
        found |= {text[start : start + wrap] for wrap in WRAPS for start in range(0, len(text), wrap)} | {text}
    for text in found:
        if len(text) >= MIN_LENGTH or text.endswith("="):
            yield text
            yield text.translate(str.maketrans("+/", "-_"))


def _expression(text: str) -> str:
    escaped = re.escape(text)
    return escaped if len(text) >= SHORT else rf"(?<!\w){escaped}(?!\w)"
