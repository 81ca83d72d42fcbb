"""`drift` and `adopt`: what differs on the hosts and why, and how to keep what somebody changed there."""

import difflib
from typing import Any

from ops import console
from ops.connection import connect
from ops.drift import SAME, find_drift, places, unmanaged
from ops.errors import BadInput
from ops.fleet import ask_all
from ops.hiding import shown_lines
from ops.plan import FileChange, hiding_there
from ops.schema import Host
from ops.snapshot import Snapshot, probe
from ops.templates import render
from tasks._verb import NEEDS_ATTENTION, chosen, print_json, show_error, verb


@verb(help={"json": "Print one JSON document: per host, each file's state, and the files that nobody manages."})
def drift(context: Any, json: bool = False) -> int:
    """Tell for each managed file whether it was edited on the host or its template changed. For scripts and cron.

    Exit code 0: as wanted; 2: something differs; 1: a host could not be asked. Files in our places that nobody
    manages are listed and change no exit code. Without -H: all hosts of the inventory.
    """
    hosts = chosen(everywhere=True)
    rendered = {host.name: render(host) for host in hosts}

    def ask(host: Host) -> Snapshot:
        with connect(host, context.config) as remote:
            return probe(remote, rendered[host.name], places(host))

    report: dict[str, Any] = {}
    answers = ask_all(hosts, ask)
    for answer in answers:
        name = answer.host.name
        if answer.result is None:
            report[name] = {"error": str(answer.error)}
            continue
        files = {found.path: found.state for found in find_drift(rendered[name], answer.result)}
        report[name] = {"files": files, "unmanaged": unmanaged(answer.host, rendered[name], answer.result)}
    if json:
        print_json(report)
    else:
        console.table(("host", "file", "state"), [row for name in report for row in _rows(name, report[name])])
    for answer in answers:
        if answer.error:
            show_error(answer.error)
    if any(answer.error for answer in answers):
        return 1
    differs = any(state != SAME for facts in report.values() for state in facts["files"].values())
    return NEEDS_ATTENTION if differs else 0


@verb(help={"file": "The path of a managed file on the host."})
def adopt(context: Any, file: str) -> int:
    """Show what to put into the template or the inventory so that a file stays as it is on the host.

    Without -H: all hosts of the inventory.
    """
    hosts = chosen(everywhere=True)
    rendered = {host.name: {made.path: made for made in render(host)} for host in hosts}
    for host in hosts:
        if file not in rendered[host.name]:
            near = difflib.get_close_matches(file, rendered[host.name], n=1, cutoff=0.4)
            raise BadInput(f"{file} is not managed on {host.name}{'; nearest: ' + near[0] if near else ''}.")

    def ask(host: Host) -> Snapshot:
        with connect(host, context.config) as remote:
            return probe(remote, [rendered[host.name][file]])

    answers = ask_all(hosts, ask)
    for answer in answers:
        if answer.error:
            show_error(answer.error)
        if answer.result is None:
            continue
        made, found = rendered[answer.host.name][file], answer.result.files[file]
        if found.content is None:
            console.say(f"{answer.host.name}: {file} is as wanted; there is nothing to adopt.", "green")
            continue
        title = (
            f"{answer.host.name}: {file}: change templates/{made.template}, or the values it takes, so that it says"
        )
        change = FileChange(made, found, "", hiding=hiding_there(made, found, answer.result))
        console.diff(title, shown_lines(change.after, made.hiding), shown_lines(change.before, change.hiding))
    return 1 if any(answer.error for answer in answers) else 0


def _rows(name: str, facts: dict[str, Any]) -> list[tuple[str, str, str]]:
    files = [(name, path, state if state == SAME else f"!{state}") for path, state in facts.get("files", {}).items()]
    return files + [(name, path, "nobody manages it") for path in facts.get("unmanaged", [])]
