"""Text for people: control characters escaped, times in words, and the nearest of several names."""

import difflib
import unicodedata
from collections.abc import Iterable

CLEARLY = 0.1  # by which a name is much nearer than the next
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


def closest(word: str, known: Iterable[str], *, most: int = 3, cutoff: float = 0.6) -> list[str]:
    """At most `most` of `known` that are near to `word`, whatever its case, and with - for _.

    Those that it begins go before others, and one that is much nearer than the others stands alone.
    """
    names = {name.lower().replace("_", "-"): name for name in known}
    plain = word.lower().replace("_", "-")
    begun = [name for name in names if plain and name.startswith(plain)]
    if plain in names or begun:
        return [names[name] for name in ([plain] if plain in names else begun[:most])]
    near = difflib.get_close_matches(plain, names, n=most, cutoff=cutoff)
    nearness = [difflib.SequenceMatcher(None, name, plain).ratio() for name in near]
    if len(near) > 1 and nearness[0] - nearness[1] > CLEARLY:
        del near[1:]
    return [names[name] for name in near]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The nearest of `known`, or else all of them, for the end of a sentence about `word`."""
    names = list(known)
    if near := closest(word, names, cutoff=0.5):
        return f"; nearest: {', '.join(near)}"
    return f"; known: {', '.join(sorted(names))}" if names else ""
