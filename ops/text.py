"""Text for the operator: escaped control characters, time spans, the nearest of several names."""

import difflib
import unicodedata
from collections.abc import Iterable

CLEARLY = 0.1  # lead in similarity that makes the nearest name the only candidate
_CONTROL = ("Cc", "Cf", "Co", "Cs", "Zl", "Zp")


def escape_control_chars(text: str) -> str:
    """`text` with every control character but line break and tab escaped, so that no terminal interprets it."""
    if text.isprintable():  # the common case, and much faster
        return text
    return "".join(
        char if char in "\n\t" or unicodedata.category(char) not in _CONTROL else _escaped(char) for char in text
    )


def _escaped(char: str) -> str:
    return f"\\x{ord(char):02x}" if ord(char) < 256 else f"\\u{ord(char):04x}"


def age(seconds: float) -> str:
    """A time span in its largest fitting unit: "40 s", "12 min", "5 h", "3 d"."""
    for unit, length, below in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < below:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def closest(word: str, known: Iterable[str], *, most: int = 3, cutoff: float = 0.6) -> list[str]:
    """At most `most` names of `known` that are similar to `word`; case does not count, and - equals _.

    Names that begin with `word` come first; a name that is clearly the nearest is the only one.
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
    """The end of a sentence about an unknown `word`: the nearest of `known`, or else all of them."""
    names = list(known)
    if near := closest(word, names, cutoff=0.5):
        return f"; nearest: {', '.join(near)}"
    return f"; known: {', '.join(sorted(names))}" if names else ""
