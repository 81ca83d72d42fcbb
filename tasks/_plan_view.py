"""A plan on the screen: the files, the number of changed lines, the reloads, and the diffs (equal ones once)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ops.deploy.file_changes import CREATE, REFUSED, REMOVE, FileChange
from ops.deploy.plan import Plan
from ops.secrets.masking import MARK
from ops.secrets.redaction import Line, shown_lines
from ops.ui import colours, console, pager

Key = TypeVar("Key")


@dataclass(frozen=True)
class Diff:
    """The diff of one file as it is shown: secrets are masked."""

    path: str
    what: str
    lines: tuple[str, ...]


Seen = dict[Diff, str]  # the diffs shown in this run, each with the host that it was shown for


def show_plans(plans: Sequence[Plan], seen: Seen) -> None:
    """Print each file's diff and what happens to services; what is equal on several hosts, once."""
    console.print_lines(diffs(plans, seen))
    console.print_lines(_services(plans))
    if same := [plan.host.name for plan in plans if plan.is_empty]:
        console.say(f"{', '.join(same)}: no difference", colours.OK)


def review(plan: Plan, seen: Seen, agreed: str = "") -> None:
    """Print the list of files, what happens to services, and the diffs (in a pager if they are long).

    If `agreed` names a host for which the operator agreed to the same changes, the diffs are left out.
    """
    name = plan.host.name
    if plan.changed:
        console.table((name, "lines", "file"), [_row(change) for change in plan.changed])
    console.print_lines(_services([plan]))
    if agreed:
        console.say(f"{name}: the same changes as on {agreed}, which you confirmed for all hosts", "bold")
    else:
        pager.show(diffs([plan], seen))


def diffs(plans: Iterable[Plan], seen: Seen) -> list[tuple[str, str]]:
    """The lines of the diffs, each (text, style); only the heading of a diff that is in `seen`."""
    found = [(_diff(change), plan.host.name) for plan in plans for change in plan.changed]
    shown = []
    for one, names in _together(found).items():
        title = f"{', '.join(names)}: {one.path}  ({one.what})"
        if one in seen:
            shown.append((f"{title}: as shown for {seen[one]}", "bold"))
            continue
        seen[one] = names[0]
        shown += [(title, "bold"), *console.styled_diff(one.lines)]
    return shown


def fingerprint(plan: Plan) -> tuple[object, ...]:
    """Equal for two plans that make the same changes: files, lines with their secrets, reloads."""
    files = [(change.wanted.path, _kind_and_mode(change), *_lines(change, hidden=False)) for change in plan.changed]
    services = [common for common, _ in _services_of(plan)]
    return (*files, *services, *plan.reload_lines(), *(removal.describe() for removal in plan.removals))


def _services(plans: Iterable[Plan]) -> list[tuple[str, str]]:
    found = [(service, plan.host.name) for plan in plans for service in _services_of(plan)]
    own = {common: text for (common, text), _ in found}
    groups = _together((common, name) for (common, _), name in found)
    return [
        (f"{', '.join(names)}: then {own[common] if len(names) == 1 else common}", colours.WARNING)
        for common, names in groups.items()
    ]


def _services_of(plan: Plan) -> list[tuple[str, str]]:
    """What happens to each service: without the host's memory numbers, which differ on every host, and with them."""
    pairs = zip(replace(plan, memory={}).services(), plan.services(), strict=True)
    return [(common if own.startswith(common) else own, own) for common, own in pairs]


def _together(found: Iterable[tuple[Key, str]]) -> dict[Key, list[str]]:
    """The names that belong to each key, in their order."""
    groups: dict[Key, list[str]] = {}
    for key, name in found:
        names = groups.setdefault(key, [])
        if name not in names:
            names.append(name)
    return groups


def _row(change: FileChange) -> tuple[str, str, str]:
    lines = _lines(change)
    added, removed = (sum(line.startswith(mark) for line in lines) for mark in "+-")
    return f"{'!' if change.kind in REFUSED else ''}{_what(change)}", f"+{added} -{removed}", change.wanted.path


def _diff(change: FileChange) -> Diff:
    return Diff(change.wanted.path, _what(change), tuple(_lines(change)))


def _lines(change: FileChange, *, hidden: bool = True) -> list[str]:
    before = shown_lines(change.before, change.masked_parts)
    after = shown_lines(change.after, change.wanted.masked_parts)
    if not hidden:
        before, after = ([Line(line.text, line.text) for line in lines] for lines in (before, after))
    return list(console.diff_lines(before, after))


def _what(change: FileChange) -> str:
    words = _kind_and_mode(change)
    return f"{words}; {MARK} masks possible secrets" if change.masked_parts or change.wanted.masked_parts else words


def _kind_and_mode(change: FileChange) -> str:
    if change.gone:
        return "no longer managed: remove" if change.kind == REMOVE else f"no longer managed, {change.kind}: remove"
    if change.exposes:
        return f"{change.kind}, mode {change.found.mode} lets others read its secrets"
    if change.kind != CREATE and change.found.mode and change.found.mode != change.wanted.mode:
        return f"{change.kind}, mode {change.found.mode} to {change.wanted.mode}"
    return change.kind
