"""`diff`: what a deploy would change."""

from dataclasses import replace
from typing import Any

from ops.deploy.file_changes import UNCHANGED
from ops.deploy.plan import Plan, make_plan
from ops.deploy.snapshot import probe
from ops.rendering.rendered_file import RenderedFile
from ops.rollout import AT_ONCE, HostResult
from ops.schema import Host
from ops.services.restart_cost import LOST
from ops.ssh.session import Remote
from ops.ui import colours, console
from tasks._bake import tell_bake
from tasks._plan_view import Seen, show_plans
from tasks._query import PARALLEL_HELP, ask_hosts, by_host, code_of, nothing, rendered
from tasks._release import NoSuchReleaseError, need_name, none_has, target_of
from tasks._task import print_json, task


@task(
    help={
        "to": "Compare with a release and not with the inventory: what fab rollback --to=ID would change.",
        "json": "Print one JSON document: per host, each file, its change, and what is reloaded.",
        **PARALLEL_HELP,
    }
)
def diff(context: Any, to: str = "", json: bool = False, parallel: int = AT_ONCE) -> int:
    """Show what a deploy (or with --to a rollback) would change. Changes nothing. Exit code 2 for a difference.

    Without -H: all hosts of the inventory; with --to, those that have the release.
    """
    files: dict[str, list[RenderedFile]] = {}
    seen: Seen = {}
    if to:
        need_name(to)

    def prepare(hosts: list[Host]) -> None:
        if not to:
            files.update(rendered(hosts))
            from ops.deploy.undeclared_doors import refuse_undeclared_ports  # imported while connections open
            from tasks._templates import warn_of_what_is_not_rendered

            for host in hosts:
                refuse_undeclared_ports(host, files[host.name])
            warn_of_what_is_not_rendered(hosts)

    def ask(remote: Remote) -> Plan | None:
        host = remote.host
        wanted = files.get(host.name, [])
        if to:
            try:
                contents = target_of(remote, to)
            except NoSuchReleaseError:
                return None
            host, wanted = contents.host or host, contents.files
        snapshot = probe(replace(remote, host=host), wanted)
        if snapshot.elsewhere:
            said = f"its releases are in {snapshot.elsewhere}, and the inventory's state_dir is {host.state_dir}"
            console.say(f"{host.name}: {said}; a deploy says what to do", colours.WARNING, err=True)
        tell_bake(host, snapshot)
        if snapshot.lock and not snapshot.bake:
            console.say(f"{host.name}: a deploy is running: {snapshot.lock}", colours.WARNING, err=True)
        if snapshot.unfinished:
            said = (
                f"a deploy did not finish ({snapshot.unfinished}); the next one (or fab recover) rolls it back first"
            )
            console.say(f"{host.name}: {said}", colours.WARNING, err=True)
        return replace(make_plan(host, wanted, snapshot), bake=0 if to else host.deploy.bake_seconds)

    def show(answers: list[HostResult[Plan | None]]) -> None:
        show_plans([answer.result for answer in answers if answer.result], seen)

    answers = ask_hosts(context, parallel, ask, nothing if json else show, prepare)
    if json:
        told = [answer for answer in answers if answer.result or answer.error]
        print_json(by_host(told, lambda answer: answer.result and _facts(answer.result)))
    if not any(answer.result or answer.error for answer in answers):
        raise none_has(to)
    return code_of(answers, attention=any(a.result and not a.result.is_empty for a in answers))


def _facts(plan: Plan) -> dict[str, object]:
    files = [{"path": c.wanted.path, "change": c.kind, "template": c.wanted.template} for c in plan.changes]
    return {
        "differs": not plan.is_empty,
        "files": files,
        "unchanged": sum(change.kind == UNCHANGED for change in plan.changes),
        "then": plan.services(),
        "apache_restart": (plan.restart_cost or LOST).facts() if plan.apache == "restart" else None,
        "removes": [
            {"kind": one.kind, "name": one.name, "where": one.where, "planned": one.planned} for one in plan.removals
        ],
    }
