"""`drift`: which managed files differ on the hosts, and why."""

from typing import Any

from ops.deploy.drift import SAME, find_drift, managed_directories, unmanaged
from ops.deploy.snapshot import Snapshot, probe
from ops.monitoring.versions import assess_versions
from ops.rendering.rendered_file import RenderedFile
from ops.rollout import AT_ONCE, HostResult
from ops.schema import Host
from ops.ssh.session import Remote
from ops.ui import console
from tasks._bake import tell_bake
from tasks._query import PARALLEL_HELP, ask_hosts, code_of, nothing, rendered
from tasks._task import print_json, task


@task(
    help={
        "json": "Print one JSON document: per host, each file's state, the unmanaged files, and what differs of "
        "the app's version.",
        **PARALLEL_HELP,
    }
)
def drift(context: Any, json: bool = False, parallel: int = AT_ONCE) -> int:
    """Show for each managed file whether it was edited on the host or its template changed. For scripts and cron.

    Exit code 2 if a managed file or the app's version differs. Unmanaged files in the managed directories are listed
    and do not affect the exit code. Without -H: all hosts of the inventory.
    """
    wanted: dict[str, list[RenderedFile]] = {}

    def prepare(hosts: list[Host]) -> None:
        wanted.update(rendered(hosts))

    def ask(remote: Remote) -> Snapshot:
        snapshot = probe(remote, wanted[remote.host.name], managed_directories(remote.host))
        tell_bake(remote.host, snapshot)
        return snapshot

    def facts(answer: HostResult[Snapshot]) -> dict[str, Any]:
        if answer.result is None:
            return {"error": str(answer.error)}
        files = wanted[answer.host.name]
        states = {found.path: found.state for found in find_drift(files, answer.result)}
        found = [one.found for one in assess_versions(answer.host, answer.result.software)]
        return {"files": states, "unmanaged": unmanaged(answer.host, files, answer.result), "versions": found}

    def show(answers: list[HostResult[Snapshot]]) -> None:
        rows = [row for answer in answers for row in _rows(answer.host.name, facts(answer))]
        if rows:
            console.table(("host", "file", "state"), rows)

    answers = ask_hosts(context, parallel, ask, nothing if json else show, prepare)
    report = {answer.host.name: facts(answer) for answer in answers}
    if json:
        print_json(report)
    differs = any(
        facts.get("versions") or any(state != SAME for state in facts.get("files", {}).values())
        for facts in report.values()
    )
    return code_of(answers, attention=differs)


def _rows(name: str, facts: dict[str, Any]) -> list[tuple[str, str, str]]:
    files = [(name, path, state if state == SAME else f"!{state}") for path, state in facts.get("files", {}).items()]
    files += [(name, path, "unmanaged") for path in facts.get("unmanaged", [])]
    return files + [(name, "the app's version", f"!{found}") for found in facts.get("versions", [])]
