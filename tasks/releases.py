"""`releases`, `rollback`, `recover`: what was deployed, and the way back."""

import functools
import re
from typing import Any

from ops import console
from ops.connection import Remote, connect
from ops.errors import BadInput, HostError
from ops.fleet import AT_ONCE, Answer, change_in_turn
from ops.plan import make_plan
from ops.programs import need_service
from ops.releases import PastRelease, new_release, read_files, read_releases
from ops.schema import Host
from tasks._change import Consent, carry_out_plan, look, look_and_mend, mend_unfinished
from tasks._look import PARALLEL_HELP, ask_hosts, code_of, nothing
from tasks._rolling import ROLLING_HELP, change_rolling
from tasks._verb import chosen, print_json, verb


@verb(help={"json": "Print one JSON document: per host, a list of releases, the oldest first.", **PARALLEL_HELP})
def releases(context: Any, json: bool = False, parallel: int = AT_ONCE) -> int:
    """Show what was deployed: when, by whom, from which commit, what changed, how it ended.

    Without -H: all hosts of the inventory.
    """
    answers = ask_hosts(context, parallel, read_releases, nothing if json else _show)
    if json:
        print_json({a.host.name: [vars(r) for r in a.result or []] for a in answers if not a.error})
    return code_of(answers)


def _show(answers: list[Answer[list[PastRelease]]]) -> None:
    rows = [(answer.host.name, *_row(release)) for answer in answers for release in answer.result or []]
    if any(answer.error is None for answer in answers):
        console.table(("host", "release", "by", "from", "took", "ended", "changed"), rows)


@verb(
    help={
        "to": "The release to go back to (see fab releases); without it the one before the running one.",
        **ROLLING_HELP,
    }
)
def rollback(
    context: Any, to: str = "", yes: bool = False, force: bool = False, remove: bool = False, parallel: int = 1
) -> int:
    """Bring a host back to an earlier release, with the same proof and checks as a deploy.

    Without -H: the default host of the inventory.
    """
    if to and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", to):
        raise BadInput(f"--to={to!r} is no name of a release; fab releases lists them. Nothing was connected to.")
    change = functools.partial(_roll_back, context.config, to, Consent(yes, force, remove))
    return change_rolling(chosen(everywhere=False), change, yes=yes, parallel=parallel)


def _roll_back(config: Any, to: str, consent: Consent, host: Host) -> str:
    with connect(host, config) as remote:
        name = to or _one_before(remote)
        files = read_files(remote, name)
        snapshot = look_and_mend(remote, files)
        plan = make_plan(host, files, snapshot)
        if plan.is_empty:
            need_service(host, snapshot.service, f"nothing to do, for the files are those of release {name}")
            console.say(f"{host.name}: nothing to do; the files are those of release {name}.", "green")
            return "nothing to do"
        return carry_out_plan(remote, plan, new_release(remote.who, f"rollback to {name},"), consent)


def _one_before(remote: Remote) -> str:
    """The last kept release that is older than the running one."""
    found = [release for release in read_releases(remote) if release.committed]
    older = found[: next((n for n, release in enumerate(found) if release.current), 0)]
    if not older:
        raise HostError(remote.host.name, "there is no release before the running one", left="everything")
    return older[-1].name


@verb()
def recover(context: Any) -> None:
    """Put back what a deploy that was killed left half-done. Without -H: the default host.

    The next deploy does the same by itself, before anything else.
    """

    def mend(host: Host) -> None:
        with connect(host, context.config) as remote:
            snapshot = look(remote, [])
            if not snapshot.unfinished and not snapshot.owed and not snapshot.staged:
                console.say(f"{host.name}: nothing is half-done.", "green")
                return
            mend_unfinished(remote, snapshot)

    change_in_turn(chosen(everywhere=False), mend)


def _row(release: PastRelease) -> tuple[str, ...]:
    facts = release.facts
    begun, ended = (
        int(facts[key]) if re.fullmatch("[0-9]{1,12}", facts.get(key, "")) else None for key in ("begun", "at")
    )
    source = facts.get("commit", "")[:9] + ("" if facts.get("tree") == "clean" else "+changes")
    changed = ", ".join(text.split(" ", 1)[1].rpartition("/")[2] for text in release.changed) or "nothing"
    state = facts.get("ended", "?")
    shown = "running" if release.current else state.partition(" ")[0]
    took = f"{ended - begun} s" if begun and ended else ""
    why = "" if release.committed else f" ({state})"
    return (
        release.name,
        _short(facts.get("by", "?")),
        source,
        took,
        shown if release.committed else f"!{shown}",
        changed + why,
    )


def _short(who: str) -> str:
    """`who` for a table: the comment of a key says who it is, the beginning of its fingerprint which one.

    A certificate's key id says it all.
    """
    kind, _, rest = who.partition(" ")
    if kind == "certificate":
        return who.rpartition(" (")[0] or who
    fingerprint, _, comment = rest.partition(" ")
    return f"key {fingerprint[:19]}… {comment}".rstrip() if kind == "key" else who
