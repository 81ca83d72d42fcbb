"""How to keep a hand edit on a host: what it changed in effect, as values of the inventory or lines of a template.

The file as rendered and the one on the host are read as `fab import` reads a host; what differs is the change.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cache

from ops.errors import BadInput
from ops.importing.adopt_templates import Sources, origin, sources_of, tree_with, with_lines
from ops.importing.adopt_values import Value, changed_values, with_values
from ops.importing.imported import NotImported
from ops.importing.line_edits import Hunk, hunks, is_nearer, lines_of
from ops.importing.one_file import FileReading, Parse, read_file
from ops.importing.settings import ORDER, Difference, compare
from ops.rendering.rendered_file import RenderedFile
from ops.rendering.renderer import render, render_again
from ops.rendering.template_tree import TemplateTree, tree_of
from ops.schema import Host
from ops.secrets.sources import described

TOO_DIFFERENT = "more than half of the file differs"
NOTHING_SAYS_SO = "no key of the inventory stands for it, and no template line produces it without other changes"


@dataclass(frozen=True)
class Unsolved:
    """A difference without a solution, the origin of its lines if known, and the reason."""

    hunk: Hunk
    where: str
    why: str


@dataclass(frozen=True)
class Advice:
    """The values, and templates with their texts before and after; `also`: other files of this host that change.

    `text_only`: differences that then remain, without an effect: comments, blanks, the order of lines. `notes`: why
    a part of the edit is not converted.
    """

    values: list[Value] = field(default_factory=list)
    templates: dict[str, tuple[str, str]] = field(default_factory=dict)
    unsolved: list[Unsolved] = field(default_factory=list)
    also: list[str] = field(default_factory=list)
    text_only: list[Hunk] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Edit:
    """The file as rendered and as it is on the host, both read; what renders it, and what reads supervisord's."""

    host: Host
    file: RenderedFile
    tree: TemplateTree
    parse: Parse
    ours: FileReading
    theirs: FileReading

    def rendered(self, host: Host, sources: Sources) -> list[str]:
        """The lines of the file with other values and templates; none if it has another path then, or no text."""
        with tree_with(sources, self.tree) as tree:
            try:
                made = render_again(host, self.file, tree)
            except BadInput:
                return []
        return lines_of(made.content.decode()) if made.path == self.file.path else []

    def read(self, lines: list[str]) -> FileReading:
        """What the file's readers make of these lines."""
        return read_file(self.host, self.file, "".join(lines), self.parse)

    def left(self, reading: FileReading) -> set[Difference]:
        """The settings in which it differs from the host's; of an order only that it differs."""
        found = compare(reading.settings, self.theirs.settings)[1]
        return {replace(one, first=(), second=()) if one.name == ORDER else one for one in found}

    def sets(self, host: Host, sources: Sources) -> bool:
        """Whether fewer settings differ with the values of `host`, and each of these as before."""
        lines = self.rendered(host, sources)
        return bool(lines) and self.left(self.read(lines)) < self.left(self.ours)


def advise(host: Host, file: RenderedFile, goal: str, parse: Parse, tree: TemplateTree | None = None) -> Advice:
    """The advice that turns `file`, as rendered for `host`, into `goal`. `parse`: for a supervisord.conf."""
    tree, text = tree or tree_of(host), file.content.decode()
    differences = hunks(lines_of(text), lines_of(goal))
    if 2 * sum(len(hunk.old) for hunk in differences) > len(lines_of(text)):
        return Advice(unsolved=[Unsolved(hunk, "", TOO_DIFFERENT) for hunk in differences])
    if not differences:
        return Advice()
    parse, sources = cache(parse), sources_of(file.template, tree)
    edit = _Edit(host, file, tree, parse, *(read_file(host, file, one, parse) for one in (text, goal)))
    becomes, values, notes = _with_values(edit, sources)
    lines = edit.rendered(becomes, sources)
    lines, patched = _with_lines(edit, becomes, sources, lines, lines_of(goal))
    rest = hunks(lines, lines_of(goal))
    effective = _effective(edit, lines, goal, rest)
    keys = {line.partition("=")[0].strip() for hunk in rest if hunk not in effective for line in hunk.old}
    return Advice(
        [replace(one, elsewhere=one.key_path[-1] in keys) for one in values],
        {name: ("".join(old), "".join(patched[name])) for name, old in sources.items() if old != patched[name]},
        [_unsolved(edit, hunk, origin(hunk, lines, patched, tree)) for hunk in effective],
        _also(edit, becomes, patched),
        [hunk for hunk in rest if hunk not in effective],
        notes,
    )


def _with_values(edit: _Edit, sources: Sources) -> tuple[Host, list[Value], list[str]]:
    """The host with the values that the edit changed, these, and what is left out.

    Rendered once with all of them; if that changes something else, too, each is judged by itself.
    """
    if problem := edit.theirs.problem or edit.ours.problem:
        return edit.host, [], [problem]
    notes = [_in_words(one) for one in edit.theirs.found.left_out if one not in edit.ours.found.left_out]
    found = changed_values(edit.host, edit.ours.found.data, edit.theirs.found.data)
    becomes, values, refused = with_values(edit.host, found)
    if values and not edit.sets(becomes, sources):
        alone = [one for one in values if edit.sets(with_values(edit.host, [one])[0], sources)]
        becomes, values, _ = with_values(edit.host, alone)
    return becomes, values, [*notes, *(f"the inventory refuses a value: {rule}" for rule in refused)]


def _with_lines(
    edit: _Edit, host: Host, sources: Sources, lines: list[str], goal: list[str]
) -> tuple[list[str], Sources]:
    """The file's lines, and the templates, with the template lines that the edit changed.

    Only templates that a change may be proposed for: a site that has its own leaves the toolkit's alone.
    """
    left = edit.left(edit.read(lines))

    def render_lines(changed: Sources) -> list[str]:
        made = edit.rendered(host, sources | changed)
        nearer = is_nearer(lines, made, goal) and edit.left(edit.read(made)) <= left
        return made if nearer else []

    own = {name: old for name, old in sources.items() if edit.tree.is_own(name) or not edit.tree.own}
    lines, changed = with_lines(own, lines, goal, render_lines)
    return lines, sources | changed


def _effective(edit: _Edit, lines: list[str], goal: str, rest: list[Hunk]) -> list[Hunk]:
    """The differences that have an effect: none if both texts mean the same; else not comments and moved lines."""
    if not rest or edit.read(lines).equals(edit.theirs):
        return []
    if not edit.theirs.settings:
        return rest
    counts = [Counter(line.strip() for line in text) for text in (lines, lines_of(goal))]
    changed = {line for line in counts[0] | counts[1] if counts[0][line] != counts[1][line]}
    return [one for one in rest if any(_counts(line.strip(), changed) for line in (*one.old, *one.new))] or rest


def _counts(line: str, changed: set[str]) -> bool:
    return line[:1] not in ("", "#", ";") and line in changed


def _in_words(one: NotImported) -> str:
    return f"{one.what}: {one.advice}"


def _unsolved(edit: _Edit, hunk: Hunk, where: str) -> Unsolved:
    text = lines_of(edit.file.content.decode())
    secret = {text[one.line - 1] for one in edit.file.masked_parts}
    if secret & set(hunk.old):
        sources = [f"secrets.{name} ({described(edit.host.secrets[name])})" for name in edit.file.secrets]
        return Unsolved(
            hunk, "", f"a secret was changed there; store the new value in the source of {' or '.join(sources)}"
        )
    return Unsolved(hunk, where, NOTHING_SAYS_SO)


def _also(edit: _Edit, host: Host, sources: Sources) -> list[str]:
    """The other files of the host that change with these values and templates."""
    with tree_with(sources, edit.tree) as tree:
        before, after = (
            {made.path: made.content for made in render(*one) if made.path != edit.file.path}
            for one in ((edit.host, edit.tree), (host, tree))
        )
    return sorted(path for path in before | after if before.get(path) != after.get(path))
