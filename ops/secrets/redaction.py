"""Which parts of a file's lines are secret: by their place, so that unknown old values are hidden too.

A template is rendered twice, with the secrets and with placeholders for them. The text that both have in common is
public, the rest is hidden. Each release records the hidden places, without the text there.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ops.secrets.masking import MARK

OPEN, CLOSE = "⟦", "⟧"  # round a placeholder; seldom in a configuration file
_PASSWORD = re.compile(r"\s*password\s*[=:]\s*")
_KEY = re.compile(r".*[\s=:]")  # the part of an unknown line that may be shown


@dataclass(frozen=True)
class Hidden:
    """One line, counted from 1, with a secret; `before` and `after` count the public characters around it."""

    line: int
    before: int = 0
    after: int = 0


MaskedParts = tuple[Hidden, ...]


@dataclass(frozen=True)
class Line:
    """One line: its text, for comparison, and the masked text to show."""

    text: str
    shown: str


def placeholder(name: str) -> str:
    """The text in place of a secret's value."""
    return f"{OPEN}secret {name}{CLOSE}"


def split(text: str) -> list[str]:
    """The lines of `text` without their line breaks; a missing line break at the end makes no difference."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def shown_lines(text: str, masked_parts: MaskedParts) -> list[Line]:
    """The lines of a file with its secrets hidden. A missing line break at the end makes a difference."""
    hidden = {one.line: one for one in masked_parts}
    lines = [Line(line, _shown(line, hidden.get(number))) for number, line in enumerate(split(text), 1)]
    if text and not text.endswith("\n"):
        lines[-1] = Line(f"{lines[-1].text}\n", f"{lines[-1].shown}  (no line break at the end)")
    return lines


def values(text: str, masked_parts: MaskedParts) -> list[str]:
    """The hidden parts of the text."""
    lines = split(text)
    return [_cut(lines[one.line - 1], one)[1] for one in masked_parts if one.line <= len(lines)]


def find(text: str, public: str) -> MaskedParts:
    """Where `text`, rendered with the secrets, differs from `public`, rendered with placeholders."""
    lines, known = split(text), split(public)
    found = []
    for kind, first, last, start, end in comparison(known, lines).get_opcodes():
        if kind != "equal":
            edges = [_edges(line) for line in known[first:last]]
            edges += [(before, "") for before, _ in edges]  # the first line of a value with several lines
            found += [_fitting(number, lines[number - 1], edges) for number in range(start + 1, end + 1)]
    return tuple(found)


def whole(text: str) -> MaskedParts:
    """A hiding of the whole text."""
    return tuple(Hidden(number) for number in range(1, len(split(text)) + 1))


def find_in_unknown(text: str, like: str, masked_parts: MaskedParts) -> MaskedParts:
    """Where `text`, of unknown origin, may have secrets: in each line that is not known to be public.

    `like` is the file that is deployed at the same path, with its hiding; its public lines are known. Of any other
    line only the beginning is shown that it shares with a line of `like`, up to what looks like the value.
    """
    hidden = {one.line: one for one in masked_parts}
    numbered = list(enumerate(split(like), 1))
    public = {line for number, line in numbered if number not in hidden}
    edges = [_cut(line, hidden[number])[::2] for number, line in numbered if number in hidden]
    found = []
    for number, line in enumerate(split(text), 1):
        if line in public or not line.strip():
            continue
        fitting = _fitting(number, line, [edge for edge in edges if edge[0].strip()])
        found.append(fitting if fitting.before else Hidden(number, _shared_key(line, public)))
    return tuple(found)


def socket_passwords(text: str) -> MaskedParts:
    """Where a supervisord.conf has the password of its socket: the site's own file may have one."""
    found = ((number, _PASSWORD.match(line)) for number, line in enumerate(split(text), 1))
    return tuple(Hidden(number, len(key[0])) for number, key in found if key)


def recorded(masked_parts: MaskedParts) -> str:
    """The text for the record on the host: LINE:BEFORE:AFTER, separated by commas."""
    return ",".join(f"{one.line}:{one.before}:{one.after}" for one in masked_parts)


def from_record(text: str) -> MaskedParts:
    """The hiding in a text from `recorded`. Raises ValueError for any other text."""
    found = []
    for item in text.split(","):
        line, before, after = (int(number) for number in item.split(":"))
        found.append(Hidden(line, before, after))
    return tuple(found)


def comparison(before: Sequence[str], after: Sequence[str]) -> difflib.SequenceMatcher[str]:
    """difflib's comparison of two lists of lines, without its heuristic that ignores frequent lines."""
    return difflib.SequenceMatcher(None, before, after, autojunk=False)


def _edges(line: str) -> tuple[str, str]:
    """The text before the first and after the last placeholder; empty if a filter has changed them."""
    if OPEN in line and CLOSE in line:
        return line[: line.index(OPEN)], line[line.rindex(CLOSE) + 1 :]
    return "", ""


def _fitting(number: int, line: str, edges: Iterable[tuple[str, str]]) -> Hidden:
    """The line hidden except for the longest of `edges` that matches it."""
    best = Hidden(number)
    for before, after in edges:
        fits = line.startswith(before) and line.endswith(after) and len(before) + len(after) <= len(line)
        if fits and len(before) + len(after) > best.before + best.after:
            best = Hidden(number, len(before), len(after))
    return best


def _shared_key(line: str, public: set[str]) -> int:
    longest = 0
    for other in public:
        same = next((n for n, pair in enumerate(zip(line, other, strict=False)) if pair[0] != pair[1]), None)
        shared = line[: min(len(line), len(other)) if same is None else same]
        key = _KEY.match(shared)
        longest = max(longest, len(key[0]) if key else 0)
    return longest if line[:longest].strip() else 0


def _cut(line: str, hidden: Hidden) -> tuple[str, str, str]:
    end = max(len(line) - hidden.after, hidden.before)
    return line[: hidden.before], line[hidden.before : end], line[end:]


def _shown(line: str, hidden: Hidden | None) -> str:
    if hidden is None:
        return line
    before, _, after = _cut(line, hidden)
    return f"{before}{MARK}{after}"
