"""Lines of uWSGI's and supervisord's files that say the same: in another order, or with other blanks."""

from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher

from ops.importing.line_edits import lines_of

Meaning = tuple[str, str, str]  # section, key, value


@dataclass(frozen=True)
class Texts:
    """The lines of a file, those to reach, and the keys of lines that are at another place in the latter."""

    lines: list[str]
    goal: list[str]
    moved: frozenset[str] = frozenset()


def is_comment(line: str) -> bool:
    """Whether a line has no effect; for Apache's files, too."""
    return line.strip()[:1] in ("", "#", ";")


def same_lines_in_place(text: str, goal: str) -> Texts:
    """Both texts; a line that both have at different places of a section is in the second where the first has it."""
    ours, theirs = _with_meanings(text), _with_meanings(goal)
    changes = SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    changed = [one for one in changes if one[0] != "equal"]
    old = Counter(meaning for _, first, last, _, _ in changed for _, meaning in ours[first:last])
    new = Counter(meaning for _, _, _, first, last in changed for _, meaning in theirs[first:last])
    moved = {meaning: count for meaning, count in (old & new).items() if meaning}
    left, added = dict(moved), dict(moved)
    made: list[str] = []
    for kind, first, last, start, end in changes:
        made += [line for line, meaning in ours[first:last] if kind == "equal" or _is_taken(left, meaning)]
        made += [line for line, meaning in theirs[start:end] if kind != "equal" and not _is_taken(added, meaning)]
    return Texts([line for line, _ in ours], made, frozenset(key for _, key, _ in moved))


def _is_taken(left: dict[Meaning, int], meaning: Meaning | None) -> bool:
    """Whether the line is one of those that are left, of which it is then taken."""
    if meaning is None or not left.get(meaning):
        return False
    left[meaning] -= 1
    return True


def _with_meanings(text: str) -> list[tuple[str, Meaning | None]]:
    """Each line with its meaning; a comment has none."""
    found: list[tuple[str, Meaning | None]] = []
    section = ""
    for line in lines_of(text):
        key, _, value = (part.strip() for part in line.partition("="))
        section = key if key.startswith("[") else section
        found.append((line, None if is_comment(line) else (section, key, value)))
    return found
