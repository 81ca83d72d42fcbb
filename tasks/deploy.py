"""`deploy` and `diff`: bring a host to what the inventory and the templates say, or show what that would change."""

from typing import Any

from ops import console
from ops.connection import Lines, Remote
from ops.errors import HostError
from ops.files import RenderedFile
from ops.fleet import AT_ONCE
from ops.plan import UNCHANGED, Plan, make_plan
from ops.releases import is_behind, new_release
from ops.schema import Host
from ops.snapshot import probe
from tasks._change import ROLLING_HELP, carry_out_plan, change_rolling, look_and_mend, show_plan
from tasks._look import PARALLEL_HELP, ask_hosts, code_of, rendered
from tasks._verb import chosen, print_json, verb


@verb(help=ROLLING_HELP)
def deploy(context: Any, yes: bool = False, force: bool = False, parallel: int = 1) -> int:
    """Bring a host to what the inventory and the templates say; a second run changes nothing.

    Shows the changes and asks, proves the new files as a whole, puts them in place, and reloads or restarts only what
    changed. Whatever fails puts everything back. Of several hosts the first goes alone, and the first failure stops
    the rest. Without -H: the default host of the inventory.
    """
    hosts = chosen(everywhere=False)
    with Lines(context.config, ahead=hosts[:1]) as lines:
        files = rendered(hosts)

        def change(host: Host) -> str:
            return _deploy_one(lines, host, files[host.name], yes, force)

        return change_rolling(hosts, change, yes=yes, parallel=parallel)


def _deploy_one(lines: Lines, host: Host, wanted: list[RenderedFile], yes: bool, force: bool) -> str:
    with lines.connect(host) as remote:
        snapshot = look_and_mend(remote, wanted)
        plan = make_plan(host, wanted, snapshot)
        if plan.is_empty:
            console.say(f"{host.name}: nothing to do; all {len(wanted)} files are as wanted.", "green")
            return "nothing to do"
        if is_behind(snapshot.commit) and not force:
            raise HostError(
                host.name,
                f"it runs release {snapshot.release} from commit {str(snapshot.commit)[:12]}, which is not in this "
                "checkout: a deploy would undo a colleague's work",
                left="everything",
                outcome="runs what this checkout lacks",
                next_step="fetch and merge that commit, or overwrite it with --force",
            )
        return carry_out_plan(remote, plan, new_release(remote.who), yes=yes, force=force)


@verb(
    help={
        "json": "Print one JSON document: per host, each file, what would become of it, and what is reloaded.",
        **PARALLEL_HELP,
    }
)
def diff(context: Any, json: bool = False, parallel: int = AT_ONCE) -> int:
    """Show what a deploy would change, and touch nothing. Exit code 2 if there is a difference.

    Without -H: all hosts of the inventory.
    """
    files: dict[str, list[RenderedFile]] = {}

    def prepare(hosts: list[Host]) -> None:
        files.update(rendered(hosts))

    def ask(remote: Remote) -> Plan:
        host = remote.host
        snapshot = probe(remote, files[host.name])
        if snapshot.lock:
            console.say(f"{host.name}: a deploy is at work: {snapshot.lock}", "yellow", err=True)
        if snapshot.unfinished:
            said = f"a deploy died half-way ({snapshot.unfinished}); the next one, or fab recover, puts it back first"
            console.say(f"{host.name}: {said}", "yellow", err=True)
        return make_plan(host, files[host.name], snapshot)

    answers = ask_hosts(context, parallel, ask, prepare)
    if json:
        print_json({a.host.name: _facts(a.result) if a.result else {"error": str(a.error)} for a in answers})
    for answer in answers:
        if answer.result and not json:
            show_plan(answer.result)
    return code_of(answers, attention=any(a.result and not a.result.is_empty for a in answers))


def _facts(plan: Plan) -> dict[str, object]:
    files = [{"path": c.wanted.path, "change": c.kind, "template": c.wanted.template} for c in plan.changes]
    return {
        "differs": not plan.is_empty,
        "files": files,
        "unchanged": sum(change.kind == UNCHANGED for change in plan.changes),
        "then": plan.services(),
    }
