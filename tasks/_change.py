"""What every verb that changes files does with its plan: show it, ask, carry it out, report."""

import functools

from ops import console
from ops.connection import Remote
from ops.errors import HostError
from ops.plan import CREATE, FileChange, Plan
from ops.releases import Release
from ops.schema import Host
from ops.transaction import Outcome, carry_out


def carry_out_plan(remote: Remote, plan: Plan, release: Release, *, yes: bool, force: bool) -> None:
    """Show the plan and, once it is confirmed, change the host. Raises HostError if it was not wanted or failed."""
    show_plan(plan)
    _refuse_hand_edits(plan, force)
    if not yes and not console.confirm(f"Do this to {plan.host.name}?"):
        raise HostError(plan.host.name, "not done: you said no", left="everything")
    outcome = carry_out(remote, plan, release, functools.partial(_step, plan.host))
    _report(plan, outcome)


def show_plan(plan: Plan) -> None:
    """Print each file's difference, and what happens to services."""
    if plan.is_empty:
        console.say(f"{plan.host.name}: no difference", "green")
        return
    for change in plan.changed:
        before = (change.found.content or b"").decode(errors="replace")
        if change.found.digest == change.wanted.digest:
            before = change.wanted.content.decode(errors="replace")
        after = change.wanted.content.decode(errors="replace")
        console.diff(change.wanted.path, before, after, f"  ({_words(change)})")
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
    rows += [(name, did or state) for name, did, state in outcome.programs]
    console.table(("what", "done"), rows)
    console.say(f"{plan.host.name}: release {outcome.release} deployed", "green")
