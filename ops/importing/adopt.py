"""How to keep a hand edit on a host: what it changed in effect, as values of the inventory or lines of a template.

The file as rendered and the one on the host are read as `fab import` reads a host; what differs is the change.
"""

from dataclasses import dataclass, field, replace
from functools import cache

from ops.errors import BadInput
from ops.importing.adopt_lines import Texts, is_comment, same_lines_in_place
from ops.importing.adopt_templates import Sources, origin, sources_of, tree_with, with_lines
from ops.importing.adopt_values import Value, changed_values, with_values
from ops.importing.imported import NotImported
from ops.importing.line_edits import Hunk, hunks, lines_of
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

    def rendered(self, host: Host) -> RenderedFile | None:
        """The file with another host's values; None if it cannot be rendered, or has another path."""
        try:
            made = render_again(host, self.file, self.tree)
        except BadInput:
            return None
        return made if made.path == self.file.path else None

    def is_nearer(self, made: RenderedFile | None) -> bool:
        """Whether fewer settings differ, and each that does as before."""
        if made is None:
            return False
        before, after = (self._differences(one) for one in (self.ours, self.read(made)))
        return after < before

    def read(self, file: RenderedFile) -> FileReading:
        """What its readers make of a file."""
        return read_file(self.host, self.file, file.content.decode(), self.parse)

    def texts(self, text: str, goal: str) -> Texts:
        """The lines of both; in a file where no order of lines counts, without those that only moved."""
        in_order = self.file.service == "apache" or not self.ours.settings
        return Texts(lines_of(text), lines_of(goal)) if in_order else same_lines_in_place(text, goal)

    def _differences(self, reading: FileReading) -> set[Difference]:
        """The settings in which it differs from the host's; of an order only that it differs."""
        found = compare(reading.settings, self.theirs.settings)[1]
        return {replace(one, first=(), second=()) if one.name == ORDER else one for one in found}


def advise(host: Host, file: RenderedFile, goal: str, parse: Parse, tree: TemplateTree | None = None) -> Advice:
    """The advice that turns `file`, as rendered for `host`, into `goal`. `parse`: for a supervisord.conf."""
    tree, text = tree or tree_of(host), file.content.decode()
    differences = hunks(lines_of(text), lines_of(goal))
    if 2 * sum(len(hunk.old) for hunk in differences) > len(lines_of(text)):
        return Advice(unsolved=[Unsolved(hunk, "", TOO_DIFFERENT) for hunk in differences])
    if not differences:
        return Advice()
    parse = cache(parse)
    ours, theirs = (read_file(host, file, one, parse) for one in (text, goal))
    edit = _Edit(host, file, tree, parse, ours, theirs)
    made, values, becomes, notes = _with_values(edit)
    texts = edit.texts(made.content.decode(), goal)
    sources = sources_of(file.template, tree)
    lines, patched = with_lines(becomes, file, tree, sources, texts)
    values = [replace(one, elsewhere=one.key_path[-1] in texts.moved) for one in values]
    advice = Advice(values, _changed(sources, patched), [], _also(edit, becomes, patched), [], notes)
    _sort_the_rest(edit, Texts(lines, texts.goal, texts.moved), goal, patched, advice)
    return advice


def _with_values(edit: _Edit) -> tuple[RenderedFile, list[Value], Host, list[str]]:
    """The file with the values that the edit changed, the values, the host with them, and what is left out.

    Rendered once with all of them; if that changes something else, too, each is judged by itself.
    """
    if problem := edit.theirs.problem or edit.ours.problem:
        return edit.file, [], edit.host, [problem]
    notes = [_in_words(one) for one in edit.theirs.found.left_out if one not in edit.ours.found.left_out]
    found = changed_values(edit.host, edit.ours.found.data, edit.theirs.found.data)
    becomes, values, refused = with_values(edit.host, found)
    notes += [f"the inventory refuses a value: {rule}" for rule in refused]
    if not values:
        return edit.file, [], edit.host, notes
    made = edit.rendered(becomes)
    if not edit.is_nearer(made):
        alone = [one for one in values if edit.is_nearer(edit.rendered(with_values(edit.host, [one])[0]))]
        becomes, values, _ = with_values(edit.host, alone if len(alone) < len(values) else [])
        made = edit.rendered(becomes)
    return (made, values, becomes, notes) if made and values else (edit.file, [], edit.host, notes)


def _in_words(one: NotImported) -> str:
    return f"{one.what}: {one.advice}"


def _sort_the_rest(edit: _Edit, texts: Texts, goal: str, sources: Sources, advice: Advice) -> None:
    """Add what still differs to the advice: as text only, or as unsolved."""
    lines, wanted = texts.lines, lines_of(goal)
    whole = replace(edit.file, content="".join(lines).encode())
    if lines == wanted or edit.read(whole).equals(edit.theirs):
        advice.text_only.extend(hunks(lines, wanted))
        return
    text = lines_of(edit.file.content.decode())
    secret = {text[one.line - 1] for one in edit.file.masked_parts}
    for hunk in hunks(lines, texts.goal) or hunks(lines, wanted):
        if edit.ours.settings and all(is_comment(line) for line in (*hunk.old, *hunk.new)):
            advice.text_only.append(hunk)
        else:
            advice.unsolved.append(_unsolved(edit, hunk, secret, origin(hunk, lines, sources, edit.tree)))


def _unsolved(edit: _Edit, hunk: Hunk, secret: set[str], where: str) -> Unsolved:
    if secret & set(hunk.old):
        sources = [f"secrets.{name} ({described(edit.host.secrets[name])})" for name in edit.file.secrets]
        return Unsolved(
            hunk, "", f"a secret was changed there; store the new value in the source of {' or '.join(sources)}"
        )
    return Unsolved(hunk, where, NOTHING_SAYS_SO)


def _changed(before: Sources, after: Sources) -> dict[str, tuple[str, str]]:
    """The templates that differ, with both texts."""
    return {name: ("".join(old), "".join(after[name])) for name, old in before.items() if old != after[name]}


def _also(edit: _Edit, host: Host, sources: Sources) -> list[str]:
    """The other files of the host that change with these values and templates."""
    with tree_with(sources, edit.tree) as tree:
        if (host, tree) == (edit.host, edit.tree):
            return []
        before, after = (
            {made.path: made.content for made in render(*one) if made.path != edit.file.path}
            for one in ((edit.host, edit.tree), (host, tree))
        )
    return sorted(path for path in before | after if before.get(path) != after.get(path))
