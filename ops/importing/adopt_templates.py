"""The template lines that produce a line of a file, and edits of them that may reproduce a hand edit."""

import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ops.importing.line_edits import Hunk, hunks, is_nearer, lines_of
from ops.rendering.template_tree import TemplateTree

Sources = dict[str, list[str]]  # the lines of templates, by name
Render = Callable[[Sources], list[str]]
_TAG = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})")
_FOR, _ENDFOR = re.compile(r"\{%[-+]?\s*for\b"), re.compile(r"\{%[-+]?\s*endfor\b")
_OPENS = re.compile(r"\{[{%#]")


@dataclass(frozen=True)
class Edit:
    """Replace lines `first` to `last` (from 0, without the last) of template `name` by `new`."""

    name: str
    first: int
    last: int
    new: tuple[str, ...]

    def made(self, sources: Sources) -> Sources:
        """The templates with this edit."""
        lines = sources[self.name]
        return sources | {self.name: [*lines[: self.first], *self.new, *lines[self.last :]]}


def sources_of(template: str, tree: TemplateTree) -> Sources:
    """The template, then all that it includes, extends or imports."""
    return {name: lines_of(file.read_text(encoding="utf-8-sig")) for name, file in tree.parts_of(template)}


def with_lines(sources: Sources, lines: list[str], goal: list[str], render: Render) -> tuple[list[str], Sources]:
    """Edit `sources`, which give a file `lines`, where that makes it more like its `goal`: the new lines and sources.

    `render` gives the lines of edited sources; none if these are not to be proposed.
    """
    failed = set[Hunk]()
    while hunk := next((one for one in hunks(lines, goal) if one not in failed), None):
        failed.add(hunk)
        for edit in edits(hunk, lines, sources):
            changed = edit.made(sources)
            if is_nearer(lines, made := render(changed), goal):
                lines, sources, failed = made, changed, set()
                break
    return lines, sources


def edits(hunk: Hunk, text: list[str], sources: Sources) -> Iterator[Edit]:
    """Edits of `sources` that may give their output, `text`, the new lines of `hunk`.

    Edits outside loops come first: a line inside a loop may also fit while the loop runs only once.
    """
    yield from sorted(_edits(hunk, text, sources), key=lambda edit: _loops(sources[edit.name][: edit.first]))


def _edits(hunk: Hunk, text: list[str], sources: Sources) -> Iterator[Edit]:
    for name, lines in sources.items():
        if hunk.old:
            yield from _replacing(name, lines, hunk)
        else:
            new = tuple(_jinja_escape(line) for line in hunk.new)
            for number, line in enumerate(lines):
                if hunk.first and _makes(line, text[hunk.first - 1]):
                    yield Edit(name, number + 1, number + 1, new)
                if hunk.first < len(text) and _makes(line, text[hunk.first]):
                    yield Edit(name, number, number, new)


def origin(hunk: Hunk, text: list[str], sources: Sources, tree: TemplateTree) -> str:
    """The template lines that produce the old lines, or the line before the new ones; empty if unknown."""
    at = hunk.first if hunk.old else hunk.first - 1
    if not 0 <= at < len(text):
        return ""
    places = [
        (len(_TAG.sub("", line).strip()), name, number)
        for name, lines in sources.items()
        for number, line in enumerate(lines, 1)
        if _TAG.sub("", line).strip() and _makes(line, text[at])
    ]
    most = max((literal for literal, _, _ in places), default=0)
    return " or ".join(f"{tree.shown(name)}, line {number}" for literal, name, number in places if literal == most)


@contextmanager
def tree_with(sources: Sources, tree: TemplateTree) -> Iterator[TemplateTree]:
    """The tree with `sources`: a temporary copy if they differ from its own files."""
    files = {name: tree.file_of(name) for name in sources}
    changed = {
        name: file
        for name, file in files.items()
        if file and "".join(sources[name]) != file.read_text(encoding="utf-8-sig")
    }
    if not changed:
        yield tree
        return
    with tempfile.TemporaryDirectory(prefix="poms-ops-") as folder:
        copies = [Path(folder) / str(number) for number, _ in enumerate(tree.folders)]
        for original, copy in zip(tree.folders, copies, strict=True):
            shutil.copytree(original, copy)
            for name, file in changed.items():
                if file.is_relative_to(original):
                    (copy / file.relative_to(original)).write_text("".join(sources[name]), encoding="utf-8")
        yield TemplateTree(toolkit=copies[-1], own=copies[0] if tree.own else None)


def _loops(lines: list[str]) -> int:
    """The number of loops that are open after these lines."""
    tags = [tag for line in lines for tag in _TAG.findall(line)]
    return sum(bool(_FOR.match(tag)) - bool(_ENDFOR.match(tag)) for tag in tags)


def _replacing(name: str, lines: list[str], hunk: Hunk) -> Iterator[Edit]:
    """Edits of consecutive lines that produce the old ones: whole lines, or the text around their tags."""
    count = len(hunk.old)
    for start in range(len(lines) - count + 1):
        here = lines[start : start + count]
        if not all(_makes(line, old) for line, old in zip(here, hunk.old, strict=True)):
            continue
        if not hunk.new or here == list(hunk.old):
            yield Edit(name, start, start + count, tuple(_jinja_escape(line) for line in hunk.new))
        elif len(hunk.new) == count:
            new = [_with_tags(*lines) for lines in zip(here, hunk.old, hunk.new, strict=True)]
            if all(new):
                yield Edit(name, start, start + count, tuple(new))


def _makes(line: str, written: str) -> bool:
    """Whether the template line can produce `written`, if its tags may produce anything."""
    return line == written or (bool(_TAG.search(line)) and _pattern(line).fullmatch(written) is not None)


def _pattern(line: str) -> re.Pattern[str]:
    parts = _TAG.split(line)
    return re.compile("".join("(.*?)" if number % 2 else re.escape(part) for number, part in enumerate(parts)))


def _with_tags(line: str, old: str, new: str) -> str:
    """The template line that produces `new` with the same tags; empty if `new` lacks the output of a tag."""
    written = _pattern(line).fullmatch(old)
    if not written:
        return ""
    made, rest = "", new
    for tag, text in zip(_TAG.split(line)[1::2], written.groups(), strict=True):
        before, found, rest = rest.partition(text) if text else ("", "", rest)
        if text and not found:
            return ""
        made += _jinja_escape(before) + tag
    return made + _jinja_escape(rest)


def _jinja_escape(line: str) -> str:
    """The template text that produces exactly this line."""
    if not _OPENS.search(line):
        return line
    text = line.removesuffix("\n")
    return f"{{% raw %}}{text}{{% endraw +%}}{line[len(text) :]}"  # the + keeps the line break
