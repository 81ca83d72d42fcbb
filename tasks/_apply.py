"""The steps of every task that changes files: show the plan, ask, apply it, report."""

import functools
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING

from ops.deploy import bake
from ops.deploy.file_changes import CREATE, EDITED_BY_HAND, REMOVE, TAKE_OVER, UPDATE
from ops.deploy.plan import Plan, make_plan
from ops.deploy.releases import Release, need_state_dir, new_release, read_contents
from ops.deploy.snapshot import Snapshot, probe
from ops.deploy.version_change import need_installed
from ops.errors import WAIT, BadInput, HostError, LockHeld, OperatorError
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host
from ops.secrets.masking import add_secret_words
from ops.secrets.redaction import values
from ops.services import supervisord_survival
from ops.services.supervisord import need_service, need_socket
from ops.ssh.session import Remote
from ops.ui import colours, console
from tasks._bake import tell_bake
from tasks._confirm import Agreement
from tasks._plan_view import show_plans

if TYPE_CHECKING:
    from ops.deploy.transaction import Outcome

MIN_FREE_KB = 1024  # kB
DONE = {
    CREATE: "created",
    UPDATE: "updated",
    TAKE_OVER: "taken over",
    EDITED_BY_HAND: "overwritten, the edit is backed up",
    REMOVE: "removed, the old file is backed up",
}
_one_at_a_time = Lock()  # hosts that change in parallel print their plans one after the other


@dataclass(frozen=True)
class Consent:
    """What the operator allows on the command line: `--yes`, `--force`, `--remove`.

    Without `yes`, the `agreement` asks.
    """

    yes: bool = False
    force: bool = False
    remove: bool = False
    agreement: Agreement = field(default_factory=Agreement)


def carry_out_plan(remote: Remote, plan: Plan, release: Release, consent: Consent) -> str:
    """Show the plan, ask, and change the host. Return the outcome in a few words.

    Raises HostError if the operator said no, or if the change failed.
    """
    refusal = _refusal(plan, release, consent)
    with _one_at_a_time:
        if refusal or consent.yes:
            show_plans([plan], consent.agreement.shown)
        else:
            consent.agreement.ask(plan)
    if refusal:
        raise refusal
    for change in plan.changed:  # the output of the host's tools may contain old secrets
        for part in values(change.before, change.masked_parts):
            add_secret_words(part, change.after)
    outcome = _carry_out(remote, plan, release)
    with _one_at_a_time:
        _report(plan, outcome)
    need_service(plan.host, outcome.services, f"release {outcome.release} is deployed")
    return f"committed: release {outcome.release}"


def collect_and_recover(remote: Remote, wanted: list[RenderedFile], *, elsewhere_is_left: bool = False) -> Snapshot:
    """`collect`, after rolling back a deploy that died on this host.

    `elsewhere_is_left`: leave the releases in a former state_dir there, and begin a new history.
    """
    snapshot = collect(remote, wanted, elsewhere_is_left=elsewhere_is_left)
    if snapshot.unfinished:
        recover_unfinished(remote, snapshot)
        snapshot = collect(remote, wanted, elsewhere_is_left=elsewhere_is_left)
    need_installed(remote.host, snapshot.software)
    return snapshot


def collect(remote: Remote, wanted: list[RenderedFile], *, elsewhere_is_left: bool = False) -> Snapshot:
    """Take a snapshot of a host before a change. Raises HostError if the change cannot start. Changes nothing."""
    host = remote.host
    snapshot = probe(remote, wanted, service=True)
    if not elsewhere_is_left:
        need_state_dir(host, snapshot.elsewhere)
    if snapshot.bake and snapshot.lock:
        raise LockHeld(
            host.name,
            f"{bake.under_way(snapshot.bake)}, by {snapshot.lock}",
            left="everything",
            next_step=f"wait for its end; if the release is bad, fab -H {host.name} rollback goes back at once",
        )
    tell_bake(host, snapshot)
    if snapshot.lock:
        raise LockHeld(host.name, f"another deploy is running: {snapshot.lock}", left="everything", next_step=WAIT)
    if snapshot.free_kilobytes is not None and snapshot.free_kilobytes < MIN_FREE_KB:
        raise HostError(
            host.name,
            f"only {snapshot.free_kilobytes} kB are free in {host.home}; a deploy backs up the files that it changes",
            left="everything",
            next_step=f"make room (at least {MIN_FREE_KB} kB), then deploy again",
        )
    need_socket(host, snapshot.supervisord_state())
    return snapshot


def recover_unfinished(remote: Remote, snapshot: Snapshot) -> None:
    """Have the host roll back a deploy that died, and do the pending reloads."""
    if snapshot.unfinished:
        console.say(
            f"{remote.host.name}: an earlier deploy did not finish ({snapshot.unfinished}): rolling it back first"
        )
    if snapshot.release:  # the files are those of this release: check them with its values
        contents = read_contents(remote, [snapshot.release]).get(snapshot.release)
        remote = replace(remote, host=(contents and contents.host) or remote.host)
    plan = make_plan(remote.host, [], snapshot)
    if "supervisord start" not in snapshot.owed and plan.supervisord == "start":
        plan = replace(plan, supervisord="")  # somebody may have stopped it on purpose
    _carry_out(remote, plan, new_release(remote.who, "recovery"))


def _refusal(plan: Plan, release: Release, consent: Consent) -> OperatorError | None:
    """The reason to refuse this plan, if there is one."""
    try:
        _refuse_hand_edits(plan, consent.force)
        if release.purpose == "deploy":  # a rollback has the templates of its own time
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
            f"{plan.host.name}: the template of {path} is gone, and program {name} still uses the file (in its "
            "command or reads). Restore the template, or remove the file from the program. Nothing was touched."
        )


def _refuse_removals(plan: Plan, remove: bool) -> None:
    if plan.unplanned and not remove:
        raise HostError(
            plan.host.name,
            "this would remove things that poms-ops did not deploy: "
            + ", ".join(removal.describe() for removal in plan.unplanned),
            left="everything",
            outcome="needs --remove",
            next_step="to keep them, add them to the inventory or the templates; to remove them, add --remove",
        )


def _refuse_open_secrets(plan: Plan) -> None:
    if plan.exposed:
        raise HostError(
            plan.host.name,
            "other accounts could read the secrets in " + ", ".join(c.wanted.path for c in plan.exposed),
            left="everything",
            outcome="secrets would be readable",
            next_step="make the folder writable for the account, or have the file's owner run chmod 600 on it",
        )


def _refuse_start(plan: Plan) -> None:
    refused = supervisord_survival.refusal(plan.host, plan.start) if plan.supervisord == "start" else None
    if refused:
        raise HostError(
            plan.host.name,
            refused[0],
            left="everything",
            next_step=refused[1],
            outcome="supervisord would be killed",
        )


def _carry_out(remote: Remote, plan: Plan, release: Release) -> "Outcome":
    from ops.deploy.transaction import carry_out  # imported late: a deploy with nothing to do does not need it

    return carry_out(remote, plan, release, functools.partial(_step, plan.host))


def _step(host: Host, text: str) -> None:
    console.say(f"{host.name}: {text}", "dim")


def _report(plan: Plan, outcome: "Outcome") -> None:
    done = {change.wanted.path: DONE.get(change.kind, change.kind) for change in plan.changed}
    if plan.apache:
        done["Apache"] = f"{plan.apache} done, Apache answers"
    for name, did, state in outcome.programs:
        done[name] = ", ".join(word for word in (done.get(name, ""), did, state) if word)
    done |= {f"{removal.kind} {removal.name}": "removed" for removal in plan.removals}
    done |= {validation.partition(": ")[2]: validation.partition(":")[0] for validation in outcome.validations}
    for what in outcome.unvalidated:
        console.say(f"{plan.host.name}: not validated: {what}", colours.WARNING)
    if done:
        console.table(("what", "done"), list(done.items()))
    console.say(f"{plan.host.name}: release {outcome.release} deployed", colours.OK)
