"""What every verb that changes files does with its plan: show it, ask, carry it out, report."""

import functools
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING

from ops.deploy.plan import CREATE, EDITED, REMOVE, TAKE_OVER, UPDATE, Plan, make_plan
from ops.deploy.releases import Release, need_state_dir, new_release, read_contents
from ops.deploy.snapshot import Snapshot, probe
from ops.errors import WAIT, BadInput, HostError, LockHeld, OperatorError
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host
from ops.secrets.masking import conceal_words
from ops.secrets.redaction import values
from ops.services import survival
from ops.services.supervisord import need_service, need_socket, service_lines
from ops.services.supervisord_state import Supervisord
from ops.ssh.session import Remote
from ops.ui import console
from tasks._confirm import Agreement
from tasks._plan_view import show_plans

if TYPE_CHECKING:
    from ops.deploy.transaction import Outcome

LEAST_FREE = 1024  # kB
DONE = {
    CREATE: "created",
    UPDATE: "updated",
    TAKE_OVER: "taken over",
    EDITED: "overwritten, the edit is kept",
    REMOVE: "removed, the old one is kept",
}
_one_at_a_time = Lock()  # hosts that are changed side by side still show their plans one after the other


@dataclass(frozen=True)
class Consent:
    """What the operator has agreed to on the command line: no question, hand edits overwritten, things removed.

    Without `yes` the `agreement` is asked for.
    """

    yes: bool = False
    force: bool = False
    remove: bool = False
    agreement: Agreement = field(default_factory=Agreement)


def carry_out_plan(remote: Remote, plan: Plan, release: Release, consent: Consent) -> str:
    """Show the plan and, once it is confirmed, change the host; how it went.

    Raises HostError if it was not wanted or failed.
    """
    refusal = _refusal(plan, release, consent)
    with _one_at_a_time:
        if refusal or consent.yes:
            show_plans([plan], consent.agreement.shown)
        else:
            consent.agreement.ask(plan)
    if refusal:
        raise refusal
    for change in plan.changed:  # old secrets may turn up in what the host's tools say
        for part in values(change.before, change.hiding):
            conceal_words(part, change.after)
    outcome = _carry_out(remote, plan, release)
    with _one_at_a_time:
        _report(plan, outcome)
    need_service(plan.host, outcome.service, f"release {outcome.release} is deployed")
    return f"committed: release {outcome.release}"


def look_and_mend(remote: Remote, wanted: list[RenderedFile], *, elsewhere_is_left: bool = False) -> Snapshot:
    """`look`, after what a deploy that died left half-done was put back.

    `elsewhere_is_left`: releases in a former state_dir are to be left there, and a new history begins.
    """
    snapshot = look(remote, wanted, elsewhere_is_left=elsewhere_is_left)
    if not snapshot.unfinished:
        return snapshot
    mend_unfinished(remote, snapshot)
    return look(remote, wanted, elsewhere_is_left=elsewhere_is_left)


def look(remote: Remote, wanted: list[RenderedFile], *, elsewhere_is_left: bool = False) -> Snapshot:
    """Probe a host that is to be changed. Raises HostError where that would not go well; nothing is touched."""
    host = remote.host
    snapshot = probe(remote, wanted, more=service_lines(host))
    if not elsewhere_is_left:
        need_state_dir(host, snapshot.elsewhere)
    if snapshot.lock:
        raise LockHeld(host.name, f"another deploy is at work: {snapshot.lock}", left="everything", next_step=WAIT)
    if snapshot.free_kilobytes is not None and snapshot.free_kilobytes < LEAST_FREE:
        raise HostError(
            host.name,
            f"only {snapshot.free_kilobytes} kB are free in {host.home}",
            left="everything",
            next_step="make room: what is there is kept before it is changed",
        )
    need_socket(host, Supervisord(snapshot.supervisord, snapshot.supervisord_pid, snapshot.supervisord_detail))
    return snapshot


def mend_unfinished(remote: Remote, snapshot: Snapshot) -> None:
    """Let the host put back what a deploy that died left, and make up for the reloads that are owed."""
    if snapshot.unfinished:
        console.say(
            f"{remote.host.name}: an earlier deploy died half-way ({snapshot.unfinished}): mending that first"
        )
    if snapshot.release:  # what is put back is that one's, and is judged by its values
        contents = read_contents(remote, [snapshot.release]).get(snapshot.release)
        remote = replace(remote, host=(contents and contents.host) or remote.host)
    plan = make_plan(remote.host, [], snapshot)
    if "supervisord start" not in snapshot.owed and plan.supervisord == "start":
        plan = replace(plan, supervisord="")  # it may be down on purpose
    _carry_out(remote, plan, new_release(remote.who, "recovery"))


def _refusal(plan: Plan, release: Release, consent: Consent) -> OperatorError | None:
    """Why this is not done whatever the operator says, if it is not."""
    try:
        _refuse_hand_edits(plan, consent.force)
        if release.purpose == "deploy":  # a way back is judged by what was deployed then
            _refuse_missing(plan)
        _refuse_removals(plan, consent.remove)
        _refuse_open_secrets(plan)
        _refuse_start(plan)
    except OperatorError as refusal:
        return refusal
    return None


def _refuse_hand_edits(plan: Plan, force: bool) -> None:
    if plan.refused and not force:
        raise HostError(
            plan.host.name,
            "edited on the host since the last deploy: " + ", ".join(c.wanted.path for c in plan.refused),
            left="everything",
            outcome="edited by hand",
            next_step="keep the edit (fab adopt FILE says how), or overwrite it with --force",
        )


def _refuse_missing(plan: Plan) -> None:
    for path, name in plan.missing:
        raise BadInput(
            f"{plan.host.name}: no template makes {path} any more, and program {name} still reads it (its "
            "command, or reads). Put the template back, or take the file out of the program. Nothing was touched."
        )


def _refuse_removals(plan: Plan, remove: bool) -> None:
    if plan.unplanned and not remove:
        raise HostError(
            plan.host.name,
            "this would take away what is there now and was not deployed from here: "
            + ", ".join(removal.describe() for removal in plan.unplanned),
            left="everything",
            outcome="would remove what runs",
            next_step="add what is to stay to the inventory or the templates, or take it away with --remove",
        )


def _refuse_open_secrets(plan: Plan) -> None:
    if plan.exposed:
        raise HostError(
            plan.host.name,
            "others could read the secrets in " + ", ".join(c.wanted.path for c in plan.exposed),
            left="everything",
            outcome="its secrets would lie open",
            next_step="have the folder made writable for the account, or chmod 600 the file there by its owner",
        )


def _refuse_start(plan: Plan) -> None:
    refused = survival.refusal(plan.host, plan.start) if plan.supervisord == "start" else None
    if refused:
        raise HostError(
            plan.host.name,
            refused[0],
            left="everything",
            next_step=refused[1],
            outcome="supervisord would not stay",
        )


def _carry_out(remote: Remote, plan: Plan, release: Release) -> "Outcome":
    from ops.deploy.transaction import carry_out  # a deploy that finds nothing to do needs none of it

    return carry_out(remote, plan, release, functools.partial(_step, plan.host))


def _step(host: Host, text: str) -> None:
    console.say(f"{host.name}: {text}", "dim")


def _report(plan: Plan, outcome: "Outcome") -> None:
    done = {change.wanted.path: DONE.get(change.kind, change.kind) for change in plan.changed}
    if plan.apache:
        done["Apache"] = f"{plan.apache} done, answering"
    for name, did, state in outcome.programs:
        done[name] = ", ".join(word for word in (done.get(name, ""), did, state) if word)
    done |= {f"{removal.kind} {removal.name}": "removed" for removal in plan.removals}
    done |= {proof.partition(": ")[2]: proof.partition(":")[0] for proof in outcome.proofs}
    for what in outcome.unvalidated:
        console.say(f"{plan.host.name}: not validated: {what}", "yellow")
    if done:
        console.table(("what", "done"), list(done.items()))
    console.say(f"{plan.host.name}: release {outcome.release} deployed", "green")
