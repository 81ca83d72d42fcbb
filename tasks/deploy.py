"""`deploy` and `diff`: bring a host to what the inventory and the templates say, or show what that would change."""

import functools
from typing import Any

from ops import console
from ops.connection import Remote, connect
from ops.errors import BadInput, HostError
from ops.fleet import ask_all, change_in_turn
from ops.plan import CREATE, UNCHANGED, FileChange, Plan, make_plan
from ops.releases import new_release
from ops.schema import Host
from ops.snapshot import probe
from ops.templates import RenderedFile, render
from ops.transaction import Outcome, carry_out
from tasks._verb import NEEDS_ATTENTION, chosen, print_json, show_error, verb


@verb(
    help={
        "yes": "Do not ask for confirmation; without a terminal this is required.",
        "force": "Overwrite files that were edited on the host since the last deploy (they are kept in the release).",
    }
)
def deploy(context: Any, yes: bool = False, force: bool = False) -> None:
    """Bring a host to what the inventory and the templates say; a second run changes nothing.

    Shows the changes and asks, writes the files as a whole, tests Apache's configuration, and reloads or restarts
    only what changed. Whatever fails puts everything back. Without -H: the default host of the inventory.
    """
    hosts = chosen(everywhere=False)
    rendered = {host.name: render(host) for host in hosts}
    if not yes and not console.is_terminal():
        raise BadInput(
            "There is no terminal to ask on: read 'fab diff', then deploy with --yes. Nothing was touched."
        )
    change_in_turn(hosts, lambda host: _deploy_one(context.config, host, rendered[host.name], yes, force))


def _deploy_one(config: Any, host: Host, wanted: list[RenderedFile], yes: bool, force: bool) -> None:
    with connect(host, config) as remote:
        plan = _plan(remote, wanted)
        if plan.is_empty:
            console.say(f"{host.name}: nothing to do; all {len(wanted)} files are as wanted.", "green")
            return
        _show(plan)
        _refuse_hand_edits(plan, force)
        if not yes and not console.confirm(f"Deploy this to {host.name}?"):
            raise HostError(host.name, "not deployed: you said no", left="everything")
        outcome = carry_out(remote, plan, new_release(), functools.partial(_step, host))
    _report(plan, outcome)


@verb(help={"json": "Print one JSON document: per host, each file, what would become of it, and what is reloaded."})
def diff(context: Any, json: bool = False) -> int:
    """Show what a deploy would change, and touch nothing. Exit code 2 if there is a difference.

    Without -H: all hosts of the inventory.
    """
    hosts = chosen(everywhere=True)
    rendered = {host.name: render(host) for host in hosts}

    def ask(host: Host) -> Plan:
        with connect(host, context.config) as remote:
            return _plan(remote, rendered[host.name])

    answers = ask_all(hosts, ask)
    if json:
        print_json({a.host.name: _facts(a.result) if a.result else {"error": str(a.error)} for a in answers})
    for answer in answers:
        if answer.error:
            show_error(answer.error)
        elif answer.result and not json:
            _show(answer.result)
    if any(answer.error for answer in answers):
        return 1
    return NEEDS_ATTENTION if any(answer.result and not answer.result.is_empty for answer in answers) else 0


def _plan(remote: Remote, wanted: list[RenderedFile]) -> Plan:
    return make_plan(remote.host, wanted, probe(remote, wanted))


def _show(plan: Plan) -> None:
    if plan.is_empty:
        console.say(f"{plan.host.name}: no difference", "green")
        return
    for change in plan.changed:
        before = (change.found.content or b"").decode(errors="replace")
        if change.found.digest == change.wanted.digest:
            before = change.wanted.content.decode()
        console.diff(change.wanted.path, before, change.wanted.content.decode(), f"  ({_words(change)})")
    for service in plan.services():
        console.say(f"{plan.host.name}: then {service}", "yellow")


def _words(change: FileChange) -> str:
    if change.kind != CREATE and change.found.mode and change.found.mode != change.wanted.mode:
        return f"{change.kind}, mode {change.found.mode} to {change.wanted.mode}"
    return change.kind


def _refuse_hand_edits(plan: Plan, force: bool) -> None:
    if plan.refused and not force:
        raise HostError(
            plan.host.name,
            "edited on the host since the last deploy: " + ", ".join(c.wanted.path for c in plan.refused),
            left="everything",
            next_step="take the edit into the template or the inventory, or overwrite it with --force",
        )


def _step(host: Host, text: str) -> None:
    console.say(f"{host.name}: {text}", "dim")


def _report(plan: Plan, outcome: Outcome) -> None:
    rows = [(change.wanted.path, change.kind) for change in plan.changed]
    rows += [("Apache", f"{plan.apache} done, answering")] if plan.apache else []
    for name, did, state in outcome.programs:
        rows.append((name, did or state))
    console.table(("what", "done"), rows)
    console.say(f"{plan.host.name}: release {outcome.release} deployed", "green")


def _facts(plan: Plan) -> dict[str, object]:
    files = [{"path": c.wanted.path, "change": c.kind, "template": c.wanted.template} for c in plan.changes]
    return {
        "differs": not plan.is_empty,
        "files": files,
        "unchanged": sum(change.kind == UNCHANGED for change in plan.changes),
        "then": plan.services(),
    }
