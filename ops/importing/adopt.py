"""How to keep a hand edit on a host: inventory values or template lines that produce the edited file.

Works by trial: a value or line is reported only if the file, rendered with it, is closer to the file on the host, and
nothing else in it changes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from ops.errors import BadInput
from ops.importing.adopt_templates import Sources, edits, origin, sources_of, tree_with
from ops.importing.adopt_values import KeyPath, candidates, value_at, with_value
from ops.importing.line_edits import Hunk, carry_over, hunks, lines_of
from ops.rendering.rendered_file import RenderedFile
from ops.rendering.renderer import render, render_again
from ops.rendering.template_tree import TemplateTree, tree_of
from ops.schema import Host
from ops.secrets.sources import described

TRIES = 400  # values or lines to try per difference; most differences need fewer than ten
TOO_DIFFERENT = "more than half of the file differs"


@dataclass(frozen=True)
class Value:
    """A value for the inventory. `elsewhere`: it writes a hand-added line, but at another place of the file."""

    key_path: KeyPath
    before: Any
    after: Any
    elsewhere: bool = False


@dataclass(frozen=True)
class Unsolved:
    """A difference without a solution, the origin of its lines if known, and the reason."""

    hunk: Hunk
    where: str
    why: str


@dataclass(frozen=True)
class Advice:
    """The values, and templates with their texts before and after; `also`: other files of this host that change."""

    values: list[Value] = field(default_factory=list)
    templates: dict[str, tuple[str, str]] = field(default_factory=dict)
    unsolved: list[Unsolved] = field(default_factory=list)
    also: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _State:
    """A step of the search: with this host and these templates, the file has the lines `text`; `goal` is wanted."""

    file: RenderedFile
    tree: TemplateTree
    host: Host
    sources: Sources
    text: list[str]
    goal: list[str]
    values: tuple[Value, ...] = ()

    def rendered(self) -> "_State | None":
        """The same with its rendered text; None if it cannot be rendered, or has another path."""
        with tree_with(self.sources, self.tree) as tree:
            try:
                made = render_again(self.host, self.file, tree)
            except BadInput:
                return None
        return replace(self, text=lines_of(made.content.decode())) if made.path == self.file.path else None

    def editable(self) -> Sources:
        """The templates that a change may be proposed for: a site that has its own leaves the toolkit's alone."""
        return {name: lines for name, lines in self.sources.items() if self.tree.is_own(name) or not self.tree.own}

    def others(self) -> dict[str, bytes]:
        """The other files of the host."""
        with tree_with(self.sources, self.tree) as tree:
            return {made.path: made.content for made in render(self.host, tree) if made.path != self.file.path}


def advise(host: Host, file: RenderedFile, goal: str, tree: TemplateTree | None = None) -> Advice:
    """The advice that turns `file`, as rendered for `host`, into `goal`."""
    tree, text = tree or tree_of(host), lines_of(file.content.decode())
    secret = {text[one.line - 1] for one in file.masked_parts}
    begin = _State(file, tree, host, sources_of(file.template, tree), text, lines_of(goal))
    open_ones = hunks(text, begin.goal)
    if 2 * sum(len(hunk.old) for hunk in open_ones) > len(text):
        return Advice(unsolved=[Unsolved(hunk, "", TOO_DIFFERENT) for hunk in open_ones])
    end = _solve(_solve(begin, _with_values), _with_lines)
    changed = {
        name: ("".join(lines), "".join(end.sources[name]))
        for name, lines in begin.sources.items()
        if lines != end.sources[name]
    }
    unsolved = [_unsolved(end, hunk, secret) for hunk in hunks(end.text, end.goal)]
    return Advice(list(end.values), changed, unsolved, _also(begin, end))


def _solve(state: _State, tries: Callable[[_State, Hunk], Iterator[_State]]) -> _State:
    """`state` with every difference solved that `tries` can solve.

    Of several solutions by the one that leaves the least, and of those by the one that changes the fewest files.
    """
    failed: set[Hunk] = set()
    while True:
        hunk = next((one for one in hunks(state.text, state.goal) if one not in failed), None)
        if hunk is None:
            return state
        found = list(islice(tries(state, hunk), 20))
        if found:
            state, failed = (
                min(found, key=lambda way: (way.goal != state.goal, _size(way), len(_also(state, way)))),
                set(),
            )
        else:
            failed.add(hunk)


def _with_values(state: _State, hunk: Hunk) -> Iterator[_State]:
    for key_path, value in islice(candidates(state.host, hunk), TRIES):
        host = with_value(state.host, (key_path, value))
        way = replace(state, host=host).rendered() if host else None
        if way is None or host is None:
            continue
        moved = None if _is_nearer(state, way) else _with_line_elsewhere(state, way, hunk)
        if moved or _is_nearer(state, way):
            told = Value(key_path, value_at(state.host, key_path), value, elsewhere=moved is not None)
            # This value replaces an earlier one of the same place.
            kept = tuple(old for old in state.values if old.key_path != key_path)
            before = next((old.before for old in state.values if old.key_path == key_path), told.before)
            yield replace(moved or way, values=(*kept, replace(told, before=before)))


def _with_lines(state: _State, hunk: Hunk) -> Iterator[_State]:
    for edit in islice(edits(hunk, state.text, state.editable()), TRIES):
        way = replace(state, sources=edit.made(state.sources)).rendered()
        if way and _is_nearer(state, way):
            yield way


def _is_nearer(state: _State, way: _State) -> bool:
    """Whether less differs, and nothing new."""
    before, after = hunks(state.text, state.goal), hunks(way.text, way.goal)
    return _size(way) < _size(state) and all(any(_is_part(hunk, other) for other in before) for hunk in after)


def _size(state: _State) -> int:
    """How many lines differ."""
    return sum(len(hunk.old) + len(hunk.new) for hunk in hunks(state.text, state.goal))


def _is_part(hunk: Hunk, other: Hunk) -> bool:
    return _is_run(hunk.old, other.old) and _is_run(hunk.new, other.new)


def _is_run(part: tuple[str, ...], whole: tuple[str, ...]) -> bool:
    return any(whole[start : start + len(part)] == part for start in range(len(whole) - len(part) + 1))


def _with_line_elsewhere(state: _State, way: _State, hunk: Hunk) -> _State | None:
    """If `way` writes the added line at another place of the file: the state with that place in its goal."""
    changed = hunks(state.text, way.text)
    added = [line for one in changed for line in one.new]
    if hunk.old or any(one.old for one in changed) or len(added) != 1 or added[0] not in hunk.new:
        return None
    at = state.goal.index(added[0])
    goal, clashes = carry_over(state.text, way.text, [*state.goal[:at], *state.goal[at + 1 :]])
    moved = replace(way, goal=goal)
    if clashes or _section(state.goal, at) != _section(way.text, changed[0].first):
        return None
    return moved if _is_nearer(state, moved) else None


def _section(lines: list[str], number: int) -> str:
    """The last section header, such as `[uwsgi]`, before line `number`."""
    return next((line for line in reversed(lines[:number]) if line.startswith("[")), "")


def _also(begin: _State, end: _State) -> list[str]:
    if (begin.host, begin.sources) == (end.host, end.sources):
        return []
    before, after = begin.others(), end.others()
    return sorted(path for path in before | after if before.get(path) != after.get(path))


def _unsolved(state: _State, hunk: Hunk, secret: set[str]) -> Unsolved:
    if secret & set(hunk.old):
        sources = [f"secrets.{name} ({described(state.host.secrets[name])})" for name in state.file.secrets]
        return Unsolved(
            hunk, "", f"a secret was changed there; store the new value in the source of {' or '.join(sources)}"
        )
    why = "no inventory value or template line produces this without other changes"
    return Unsolved(hunk, origin(hunk, state.text, state.sources, state.tree), why)
