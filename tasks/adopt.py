"""`adopt`: how to change the inventory or a template so that a hand edit on a host stays."""

from dataclasses import dataclass, field, replace
from typing import Any

from ops.deploy.drift import BOTH, MODE, SAME, TEMPLATE, find_drift
from ops.deploy.file_changes import masked_parts_of
from ops.deploy.releases import read_files
from ops.deploy.snapshot import Snapshot, probe
from ops.errors import BadInput, HostError, read_answer
from ops.importing.adopt import Advice, Unsolved, advise
from ops.importing.advice import assignment, inventory_lines, patch, table_of
from ops.importing.line_edits import Hunk, carry_over, lines_of
from ops.importing.reading import read_supervisord_conf
from ops.inventory.loader import Inventory
from ops.rendering.rendered_file import RenderedFile
from ops.rendering.renderer import render
from ops.rollout import AT_ONCE, HostResult
from ops.schema import Host
from ops.secrets.masking import Masker
from ops.secrets.redaction import shown_lines, values
from ops.ssh.session import Remote
from ops.text import did_you_mean
from ops.ui import colours, console
from tasks._query import ask_hosts, code_of, nothing
from tasks._task import chosen, inventory, print_json, task

NOTHING = {
    SAME: "it is up to date; there is nothing to adopt",
    TEMPLATE: "it was not edited on the host: the inventory or the template has changed since the last deploy",
    MODE: "only its mode was changed; adopt does not cover modes, a deploy sets them",
}
CLASH = "the inventory or the template has changed the same lines since the last deploy"


@dataclass(frozen=True)
class Found:
    """The advice for one host, or why there is `nothing` to do; `masker` masks possible secrets of that file."""

    file: RenderedFile
    nothing: str = ""
    advice: Advice = field(default_factory=Advice)
    masker: Masker = field(default_factory=Masker)


@task(
    help={
        "file": "The path of a managed file on the host.",
        "json": "Print one JSON document: per host, values, patch, and the lines that adopt cannot convert.",
    }
)
def adopt(context: Any, file: str, json: bool = False) -> int:
    """Show how to change the inventory or a template so that a hand edit on the host stays.

    Changes nothing. Exit code 2 if it cannot convert a part of the edit. Without -H: all hosts.
    """
    known = inventory()
    wanted = {host.name: _wanted(host, file) for host in chosen(everywhere=True)}

    def ask(remote: Remote) -> Found:
        one = wanted[remote.host.name]
        return _found(remote, one, probe(remote, [one]))

    def show(answers: list[HostResult[Found]]) -> None:
        for answer in answers:
            if answer.result:
                _show(answer.host, answer.result, known)

    answers = ask_hosts(context, AT_ONCE, ask, nothing if json else show)
    if json:
        print_json({answer.host.name: _facts(answer, known) for answer in answers})
    return code_of(answers, attention=any(answer.result and answer.result.advice.unsolved for answer in answers))


def _wanted(host: Host, path: str) -> RenderedFile:
    files = {file.path: file for file in render(host)}
    if path not in files:
        raise BadInput(f"{path} is not managed on {host.name}{did_you_mean(path, files)}.")
    return files[path]


def _found(remote: Remote, file: RenderedFile, snapshot: Snapshot) -> Found:
    host, there = remote.host, snapshot.files[file.path]
    state = find_drift([file], snapshot)[0].state
    if state in NOTHING:
        return Found(file, NOTHING[state])
    if there.content is None:
        raise HostError(
            host.name, f"{file.path} cannot be adopted: {state}", left="everything (this task only reads)"
        )
    try:
        goal = there.content.decode()
    except UnicodeDecodeError:
        raise HostError(
            host.name, f"{file.path} is not UTF-8 text: a template cannot produce it", left="everything"
        ) from None
    masker, text = Masker(), file.content.decode()
    public = "\n".join(line.shown for line in shown_lines(text, file.masked_parts))
    for part in values(goal, masked_parts_of(file, there, snapshot)) + values(text, file.masked_parts):
        masker.add_secret_words(part, public)
    clashes: list[Unsolved] = []
    if state == BOTH:  # the wanted file has changed, too: carry only the edit over
        base = {one.path: one.content for one in read_files(remote, str(snapshot.release))}[file.path]
        lines, both = carry_over(lines_of(base.decode()), lines_of(goal), lines_of(text))
        goal, clashes = "".join(lines), [Unsolved(hunk, "", CLASH) for hunk in both]
    with read_answer(host.name, "reading"):
        advice = advise(
            host, file, goal, lambda text: read_supervisord_conf(remote, replace(file, content=text.encode()))
        )
    advice.unsolved.extend(clashes)
    return Found(file, "", advice, masker)


def _show(host: Host, found: Found, known: Inventory) -> None:
    where = f"{host.name}: {found.file.path}"
    if found.nothing:
        console.say(f"{where}: {found.nothing}.", colours.OK)
        return
    advice, masked = found.advice, found.masker.masked
    if advice.values:
        console.say(f"{where}: in {known.path.name}", "bold")
    for table, settings in inventory_lines(host, advice.values, known.data, masked):
        console.say(f"  [{table}]")
        for line in settings:
            console.say(f"  {line}", colours.OK)
    if advice.templates:
        console.say(f"{where}: in the templates, for all hosts (a patch for 'git apply')", "bold")
        for line in masked(patch(advice)).splitlines():
            console.say(line, console.STYLES.get(line[:1], ""))
    for path in advice.also:
        console.say(f"{host.name}: this changes {path}, too.", colours.WARNING)
    for unsolved in advice.unsolved:
        console.say(
            f"{where}: cannot convert{f' ({unsolved.where})' if unsolved.where else ''}: {unsolved.why}",
            colours.ERROR,
        )
        _show_lines(unsolved.hunk, found)
    for note in advice.notes:
        console.say(f"{where}: {masked(note)}", colours.WARNING)
    if advice.text_only:
        console.say(f"{where}: without an effect, and not kept", colours.WARNING)
    for hunk in advice.text_only:
        _show_lines(hunk, found)


def _show_lines(hunk: Hunk, found: Found) -> None:
    for mark, lines in (("-", hunk.old), ("+", hunk.new)):
        for line in lines:
            console.say(f"  {mark}{found.masker.masked(line.rstrip(chr(10)))}", console.STYLES[mark])


def _facts(answer: HostResult[Found], known: Inventory) -> dict[str, object]:
    if not answer.result:
        return {"error": str(answer.error)}
    found, host = answer.result, answer.host
    advice, masked = found.advice, found.masker.masked
    return {
        "nothing": found.nothing,
        "values": [
            {
                "table": table_of(host, value, known.data),
                "line": masked(assignment(value)),
                "elsewhere": value.elsewhere,
            }
            for value in advice.values
        ],
        "patch": masked(patch(advice)),
        "also": advice.also,
        "untold": [
            {
                "old": masked("".join(unsolved.hunk.old)),
                "new": masked("".join(unsolved.hunk.new)),
                "where": unsolved.where,
                "why": unsolved.why,
            }
            for unsolved in advice.unsolved
        ],
        "text_only": [
            {"old": masked("".join(hunk.old)), "new": masked("".join(hunk.new))} for hunk in advice.text_only
        ],
        "notes": [masked(note) for note in advice.notes],
    }
