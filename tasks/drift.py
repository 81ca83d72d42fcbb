"""`drift`: what differs on the hosts, and why."""

from typing import Any

from ops import console
from ops.connection import Remote
from ops.drift import SAME, find_drift, places, unmanaged
from ops.files import RenderedFile
from ops.fleet import AT_ONCE
from ops.schema import Host
from ops.snapshot import Snapshot, probe
from tasks._look import PARALLEL_HELP, ask_hosts, code_of, rendered
from tasks._verb import print_json, verb


@verb(
    help={
        "json": "Print one JSON document: per host, each file's state, and the files that nobody manages.",
        **PARALLEL_HELP,
    }
)
def drift(context: Any, json: bool = False, parallel: int = AT_ONCE) -> int:
    """Tell for each managed file whether it was edited on the host or its template changed. For scripts and cron.

    Exit code 0: as wanted; 2: something differs; 1: a host could not be asked. Files in our places that nobody
    manages are listed and change no exit code. Without -H: all hosts of the inventory.
    """
    wanted: dict[str, list[RenderedFile]] = {}

    def prepare(hosts: list[Host]) -> None:
        wanted.update(rendered(hosts))

    def ask(remote: Remote) -> Snapshot:
        return probe(remote, wanted[remote.host.name], places(remote.host))

    report: dict[str, Any] = {}
    answers = ask_hosts(context, parallel, ask, prepare)
    for answer in answers:
        name = answer.host.name
        if answer.result is None:
            report[name] = {"error": str(answer.error)}
            continue
        files = {found.path: found.state for found in find_drift(wanted[name], answer.result)}
        report[name] = {"files": files, "unmanaged": unmanaged(answer.host, wanted[name], answer.result)}
    if json:
        print_json(report)
    else:
        console.table(("host", "file", "state"), [row for name in report for row in _rows(name, report[name])])
    differs = any(state != SAME for facts in report.values() for state in facts.get("files", {}).values())
    return code_of(answers, attention=differs)


def _rows(name: str, facts: dict[str, Any]) -> list[tuple[str, str, str]]:
    files = [(name, path, state if state == SAME else f"!{state}") for path, state in facts.get("files", {}).items()]
    return files + [(name, path, "nobody manages it") for path in facts.get("unmanaged", [])]
