"""`releases`, `rollback`, `recover`: list releases and roll back."""

import functools
import re
from dataclasses import replace
from typing import Any

from ops.deploy import bake
from ops.deploy.plan import make_plan
from ops.deploy.release_history import rolled_back_from
from ops.deploy.releases import COMMITTED, ORIGINAL, PastRelease, new_release, read_releases, rollback_to
from ops.deploy.snapshot import probe
from ops.errors import HostError
from ops.rollout import AT_ONCE, HostResult, apply_serially
from ops.schema import Host
from ops.services.supervisord import need_service
from ops.ssh.session import Remote, connect
from ops.ui import colours, console
from tasks import _release
from tasks._apply import Consent, carry_out_plan, collect, collect_and_recover, recover_unfinished
from tasks._confirm import Agreement
from tasks._query import PARALLEL_HELP, ask_hosts, by_host, code_of, nothing
from tasks._release import Shown, need_name, target_of
from tasks._rollout import ROLLING_HELP, change_rolling
from tasks._task import chosen, print_json, task


@task(
    word="release",
    help={
        "release": "Show one release: its files, its diff to the one before, and its backups: fab releases ID.",
        "json": "Print one JSON document: per host, a list of releases, the oldest first; with ID, all of that one.",
        **PARALLEL_HELP,
    },
)
def releases(context: Any, release: str = "", json: bool = False, parallel: int = AT_ONCE) -> int:
    """Show the releases: when, who, from which commit, what changed, how each ended.

    Without -H: all hosts of the inventory.
    """
    if release:
        return _show_one(context, need_name(release), json, parallel)
    answers = ask_hosts(context, parallel, read_releases, nothing if json else _show)
    if json:
        print_json(by_host(answers, lambda answer: _listed(answer.result or [])))
    return code_of(answers)


def _show_one(context: Any, name: str, json: bool, parallel: int) -> int:
    def show(answers: list[HostResult[Shown | None]]) -> None:
        for answer in answers:
            if answer.result:
                _release.show(answer.result)

    def ask(remote: Remote) -> Shown | None:
        return _release.read_release(remote, name)

    answers = ask_hosts(context, parallel, ask, nothing if json else show)
    if json:
        told = [answer for answer in answers if answer.result or answer.error]
        print_json(by_host(told, lambda answer: answer.result and _release.facts(answer.result)))
    if not any(answer.result or answer.error for answer in answers):
        raise _release.none_has(name)
    return code_of(answers)


def _listed(past: list[PastRelease]) -> list[dict[str, Any]]:
    left = rolled_back_from(past)
    return [{**vars(one), "rolled_back_from": one.name in left} for one in past]


def _show(answers: list[HostResult[list[PastRelease]]]) -> None:
    rows = []
    for answer in answers:
        left = rolled_back_from(answer.result or [])
        rows += [(answer.host.name, *_row(one, left=one.name in left)) for one in answer.result or []]
    if rows:
        titles = ("host", "release", "version", "by", "from", "took", "ended", "changed")
        versioned = any(row[2] for row in rows)
        columns = [number for number, title in enumerate(titles) if title != "version" or versioned]
        console.table([titles[n] for n in columns], [tuple(row[n] for n in columns) for row in rows])
    if none := [answer.host.name for answer in answers if answer.error is None and not answer.result]:
        console.say(f"{', '.join(none)}: nothing was deployed yet")


@task(
    word="to",
    help={
        "to": "The release to roll back to (see fab releases); without it, the last one before the running one "
        "that was live and was not rolled back; original: the host before its first deploy.",
        **ROLLING_HELP,
    },
)
def rollback(
    context: Any, to: str = "", yes: bool = False, force: bool = False, remove: bool = False, parallel: int = 1
) -> int:
    """Roll a host back to an earlier release, with the same validation and checks as a deploy.

    A second rollback goes further back. fab diff --to=ID shows the changes. Exit code 2 if the web service does not
    serve at the end. Without -H: the default host.
    """
    if to:
        need_name(to)
    hosts = chosen(everywhere=False)
    consent = Consent(yes, force, remove, Agreement([host.name for host in hosts]))
    change = functools.partial(_roll_back, context.config, to, consent)
    return change_rolling(hosts, change, yes=yes, parallel=parallel)


def _roll_back(config: Any, to: str, consent: Consent, host: Host) -> str:
    with connect(host, config) as remote:
        if not to and _end_bake(remote, consent):
            return "rolled back during its bake"
        contents = target_of(remote, to)
        # Use the host values of that release: the inventory may have other ports now.
        then = replace(remote, host=contents.host or host)
        snapshot = collect_and_recover(then, contents.files)
        plan = make_plan(then.host, contents.files, snapshot)
        if plan.is_empty:
            need_service(
                then.host, snapshot.services, f"nothing to do; the files are those of release {contents.name}"
            )
            console.say(f"{host.name}: nothing to do; the files are those of release {contents.name}.", colours.OK)
            return "nothing to do"
        target = "its state before the first deploy" if to == ORIGINAL else f"release {contents.name}"
        console.say(f"{host.name}: rollback to {target}", "bold")
        ended = carry_out_plan(then, plan, new_release(remote.who, rollback_to(contents.name)), consent)
        _tell_wanted_version(host, then.host)
        return ended


def _tell_wanted_version(wanted: Host, then: Host) -> None:
    """The next deploy would bring the version that was left."""
    if wanted.software and then.software and wanted.software.version != then.software.version:
        now, version = then.software.version, wanted.software.version
        advice = f"set software.version to {now}, or the next deploy brings it again"
        console.say(f"{wanted.name}: the inventory still wants {version}: {advice}", colours.WARNING)


def _end_bake(remote: Remote, consent: Consent) -> bool:
    """Whether a release was on trial and is rolled back now. Raises HostError if the operator says no, or if not."""
    host, release = remote.host, bake.on_trial(remote)
    if not release:
        return False
    if not consent.yes and not console.confirm(f"Roll back release {release}, which is on trial on {host.name}?"):
        raise HostError(host.name, "not done: you said no", left="everything", outcome="not done")
    console.say(f"{host.name}: ROLLING BACK release {release}, which is on trial", "dim")
    ended = bake.end_by_rollback(remote, release)
    if ended == COMMITTED:  # before the answer: it is rolled back as any other release
        return False
    now = probe(remote, [], service=True)
    if not ended.startswith("rolled-back") or now.unfinished:
        raise HostError(
            host.name,
            f"release {release} is on trial no more, and is not rolled back (its record: {ended or 'none'})",
            left="unknown",
            next_step=f"fab -H {host.name} status, and fab -H {host.name} releases {release}",
        )
    need_service(host, now.services, f"release {release} is rolled back")
    console.say(f"{host.name}: release {release} is rolled back", colours.OK)
    return True


@task()
def recover(context: Any) -> None:
    """Roll back a deploy that was killed, and do pending reloads. Without -H: the default host.

    The next deploy does this first, too.
    """

    def recover_host(host: Host) -> None:
        with connect(host, context.config) as remote:
            snapshot = collect(remote, [])
            if not snapshot.unfinished and not snapshot.owed and not snapshot.staged:
                console.say(f"{host.name}: nothing to recover.", colours.OK)
                return
            recover_unfinished(remote, snapshot)

    apply_serially(chosen(everywhere=False), recover_host)


def _row(release: PastRelease, *, left: bool = False) -> tuple[str, ...]:
    facts = release.facts
    begun, ended = (
        int(facts[key]) if re.fullmatch("[0-9]{1,12}", facts.get(key, "")) else None for key in ("begun", "at")
    )
    source = facts.get("commit", "")[:9] + ("" if facts.get("tree") == "clean" else "+changes")
    if facts.get("repository"):
        source = f"{facts['repository'].rstrip('/').rpartition('/')[2].removesuffix('.git')} {source}"
    changed = ", ".join(text.split(" ", 1)[1].rpartition("/")[2] for text in release.changed) or "nothing"
    state = facts.get("ended", "?")
    shown = "running" if release.current else "rolled back" if left else state.partition(" ")[0]
    took = f"{ended - begun} s" if begun and ended else ""
    why = "" if release.committed else f" ({state})"
    return (
        release.name,
        facts.get("version", ""),
        _short(facts.get("by", "?")),
        source,
        took,
        shown if release.committed else f"!{shown}",
        changed + why,
    )


def _short(who: str) -> str:
    """`who` for a table: of a key, the beginning of its fingerprint and its comment; of a certificate, the key id."""
    kind, _, rest = who.partition(" ")
    if kind == "certificate":
        return who.rpartition(" (")[0] or who
    fingerprint, _, comment = rest.partition(" ")
    return f"key {fingerprint[:19]}… {comment}".rstrip() if kind == "key" else who
