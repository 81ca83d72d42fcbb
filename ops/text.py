"""Text for people: control characters written out, and spans of time in words."""

import unicodedata

_CONTROL = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")


def escape_control_chars(text: str) -> str:
    """`text` with every control character but line break and tab written out, so no terminal obeys it."""
    if text.isprintable():  # which is most of what there is, and much faster
        return text
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in _CONTROL else _escaped(char) for char in text
    )


def _escaped(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"


def age(seconds: float) -> str:
    """A time span as the eye takes it in: "40 s", "12 min", "5 h", "3 d"."""
    for unit, length, below in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < below:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"
