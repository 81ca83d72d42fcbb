"""Lines of text with their line breaks, what differs between two texts, and edits carried over to another."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Hunk:
    """Lines `first` to `last` (from 0, without the last) of a text, `old`, in whose place another has `new`."""

    first: int
    last: int
    old: tuple[str, ...]
    new: tuple[str, ...]


def lines_of(text: str) -> list[str]:
    """The lines, each with its line break; only the last may have none."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def hunks(text: Sequence[str], goal: Sequence[str]) -> list[Hunk]:
    """What has to be replaced in `text` so that it is `goal`."""
    found = difflib.SequenceMatcher(None, text, goal, autojunk=False).get_opcodes()
    return [
        Hunk(first, last, tuple(text[first:last]), tuple(goal[start:end]))
        for kind, first, last, start, end in found
        if kind != "equal"
    ]


def carry_over(base: Sequence[str], edited: Sequence[str], to: Sequence[str]) -> tuple[list[str], list[Hunk]]:
    """The edit that made `edited` of `base`, made to `to`; and what of it meets a difference of `to`'s own."""
    result, clashes = list(to), []
    places = _places(base, to)
    for hunk in reversed(hunks(base, edited)):
        at = _at(hunk, places)
        if at is not None:
            result[at : at + len(hunk.old)] = hunk.new
        elif not _has(to, hunk, places):
            clashes.append(hunk)
    return result, clashes[::-1]


def _places(base: Sequence[str], to: Sequence[str]) -> dict[int, int]:
    """Line of `base`: line of `to` that is the same; the ends of both, too."""
    blocks = difflib.SequenceMatcher(None, base, to, autojunk=False).get_matching_blocks()
    same = {block.a + n: block.b + n for block in blocks for n in range(block.size)}
    return same | {-1: -1, len(base): len(to)}


def _at(hunk: Hunk, places: dict[int, int]) -> int | None:
    """Where in the other text the old lines stand, between the same neighbours."""
    wanted = [places.get(number) for number in range(hunk.first - 1, hunk.last + 1)]
    start = wanted[0]
    if start is None or wanted != list(range(start, start + len(wanted))):
        return None
    return start + 1


def _has(to: Sequence[str], hunk: Hunk, places: dict[int, int]) -> bool:
    """Whether the other text has the new lines already, between the same neighbours."""
    before, behind = places.get(hunk.first - 1), places.get(hunk.last)
    return before is not None and behind is not None and tuple(to[before + 1 : behind]) == hunk.new
