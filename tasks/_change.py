"""What every verb that changes files does with its plan: show it, ask, carry it out, report."""

import functools
from dataclasses import replace

from ops import console
from ops.connection import Remote
from ops.errors import HostError, LockHeld
from ops.plan import CREATE, EDITED, TAKE_OVER, UPDATE, FileChange, Plan, make_plan
from ops.programs import need_socket
from ops.releases import Release, new_release
from ops.schema import Host
from ops.snapshot import Snapshot, probe
from ops.templates import RenderedFile
from ops.transaction import WAIT, Outcome, carry_out

LEAST_FREE = 1024  # kB
DONE = {CREATE: "created", UPDATE: "updated", TAKE_OVER: "taken over", EDITED: "overwritten, the edit is kept"}


def carry_out_plan(remote: Remote, plan: Plan, release: Release, *, yes: bool, force: bool) -> None:
    """Show the plan and, once it is confirmed, change the host. Raises HostError if it was not wanted or failed."""
    show_plan(plan)
    _refuse_hand_edits(plan, force)
    if not yes and not console.confirm(f"Do this to {plan.host.name}?"):
        raise HostError(plan.host.name, "not done: you said no", left="everything")
    outcome = carry_out(remote, plan, release, functools.partial(_step, plan.host))
    _report(plan, outcome)


def look_and_mend(remote: Remote, wanted: list[RenderedFile]) -> Snapshot:
    """`look`, after what a deploy that died left half-done was put back."""
    snapshot = look(remote, wanted)
    if not snapshot.unfinished:
        return snapshot
    mend_unfinished(remote, snapshot)
    return look(remote, wanted)


def look(remote: Remote, wanted: list[RenderedFile]) -> Snapshot:
    """Probe a host that is to be changed. Raises HostError where that would not go well; nothing is touched."""
    snapshot = probe(remote, wanted)
    host = remote.host
    if snapshot.lock:
        raise LockHeld(host.name, f"another deploy is at work: {snapshot.lock}", left="everything", next_step=WAIT)
    if snapshot.free_kilobytes < LEAST_FREE:
        raise HostError(
            host.name,
            f"only {snapshot.free_kilobytes} kB are free in {host.home}",
            left="everything",
            next_step="make room: what is there is kept before it is changed",
        )
    need_socket(host, snapshot.supervisord, snapshot.supervisord_pid)
    return snapshot


def mend_unfinished(remote: Remote, snapshot: Snapshot) -> None:
    """Let the host put back what a deploy that died left, and make up for the reloads that are owed."""
    if snapshot.unfinished:
        console.say(
            f"{remote.host.name}: an earlier deploy died half-way ({snapshot.unfinished}): mending that first"
        )
    plan = make_plan(remote.host, [], snapshot)
    if "supervisord start" not in snapshot.owed and plan.supervisord == "start":
        plan = replace(plan, supervisord="")  # it may be down on purpose
    carry_out(remote, plan, new_release("recovery"), functools.partial(_step, remote.host))


def show_plan(plan: Plan) -> None:
    """Print each file's difference, and what happens to services."""
    for path in plan.left_behind:
        console.say(f"{plan.host.name}: no longer managed, left where it is: {path}", "yellow")
    if plan.is_empty:
        console.say(f"{plan.host.name}: no difference", "green")
        return
    for change in plan.changed:
        before = (change.found.content or b"").decode(errors="replace")
        if change.found.digest == change.wanted.digest:
            before = change.wanted.content.decode(errors="replace")
        after = change.wanted.content.decode(errors="replace")
        console.diff(f"{plan.host.name}: {change.wanted.path}", before, after, f"  ({_words(change)})")
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
    done = {change.wanted.path: DONE.get(change.kind, change.kind) for change in plan.changed}
    if plan.apache:
        done["Apache"] = f"{plan.apache} done, answering"
    for name, did, state in outcome.programs:
        done[name] = ", ".join(word for word in (done.get(name, ""), did, state) if word)
    if done:
        console.table(("what", "done"), list(done.items()))
    console.say(f"{plan.host.name}: release {outcome.release} deployed", "green")
