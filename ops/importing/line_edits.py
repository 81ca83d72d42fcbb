"""Line edits: the differences between two texts, and applying them to a third one."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Hunk:
    """Lines `first` to `last` (from 0, without the last) of a text, `old`, which another text replaces by `new`."""

    first: int
    last: int
    old: tuple[str, ...]
    new: tuple[str, ...]


def lines_of(text: str) -> list[str]:
    """The lines, each with its line break; the last may have none."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def hunks(text: Sequence[str], goal: Sequence[str]) -> list[Hunk]:
    """The replacements that turn `text` into `goal`."""
    found = difflib.SequenceMatcher(None, text, goal, autojunk=False).get_opcodes()
    return [
        Hunk(first, last, tuple(text[first:last]), tuple(goal[start:end]))
        for kind, first, last, start, end in found
        if kind != "equal"
    ]


def is_nearer(text: Sequence[str], made: Sequence[str], goal: Sequence[str]) -> bool:
    """Whether `made` differs less from `goal` than `text` does, and in nothing new."""
    before, after = hunks(text, goal), hunks(made, goal)
    sizes = [sum(len(hunk.old) + len(hunk.new) for hunk in found) for found in (after, before)]
    return sizes[0] < sizes[1] and all(any(_is_part(hunk, one) for one in before) for hunk in after)


def _is_part(hunk: Hunk, other: Hunk) -> bool:
    return _is_run(hunk.old, other.old) and _is_run(hunk.new, other.new)


def _is_run(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    return any(whole[start : start + len(part)] == part for start in range(len(whole) - len(part) + 1))


def carry_over(base: Sequence[str], edited: Sequence[str], to: Sequence[str]) -> tuple[list[str], list[Hunk]]:
    """Apply the edit from `base` to `edited` to `to`. Return the result, and the hunks that conflict with `to`."""
    result, clashes = list(to), []
    same, places = _places(base, to)
    singles = [single for hunk in hunks(base, edited) for single in _singles(hunk)]
    for hunk in reversed(singles):
        at = [places.get(number) for number in range(hunk.first - 1, hunk.last + 1)]
        before, behind = at[0], at[-1]
        lines = at[1:-1] or at  # an insertion goes between the same two lines
        start = lines[0]
        if before is not None and behind is not None and tuple(to[before + 1 : behind]) == hunk.new:
            continue  # `to` has it already
        if start is None or lines != list(range(start, start + len(lines))):
            clashes.append(hunk)
        elif all(number in same for number in range(hunk.first, hunk.last)):
            start += not hunk.old
            result[start : start + len(hunk.old)] = hunk.new
        elif tuple(to[start : start + len(lines)]) != hunk.new:
            clashes.append(hunk)
    return result, clashes[::-1]


def _singles(hunk: Hunk) -> list[Hunk]:
    """The hunk line by line, if it has as many new lines as old ones."""
    if len(hunk.old) != len(hunk.new):
        return [hunk]
    pairs = enumerate(zip(hunk.old, hunk.new, strict=True), hunk.first)
    return [Hunk(number, number + 1, (old,), (new,)) for number, (old, new) in pairs]


def _places(base: Sequence[str], to: Sequence[str]) -> tuple[set[int], dict[int, int]]:
    """The lines of `base` that `to` has as they are; and for each, or one that is changed there, its line in `to`."""
    same, places = set(), {-1: -1, len(base): len(to)}
    for kind, first, last, start, end in difflib.SequenceMatcher(None, base, to, autojunk=False).get_opcodes():
        if kind == "equal" or last - first == end - start:
            places |= {first + n: start + n for n in range(last - first)}
            same |= set(range(first, last)) if kind == "equal" else set()
    return same, places
