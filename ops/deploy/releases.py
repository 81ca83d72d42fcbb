"""Release records: what is written on the host for each deploy, and what is read from there."""

import re
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ops.agent.releases_messages import (
    OriginalFile,
    Originals,
    ReleaseContents,
    ReleaseList,
    ReleaseRecord,
    ReleasesRequest,
)
from ops.deploy.release_host import host_at_release
from ops.deploy.release_source import Source, read_source
from ops.errors import HostError, read_answer
from ops.formats.uwsgi import ini_path
from ops.rendering.rendered_file import RenderedFile, file_at
from ops.schema import Host
from ops.secrets import redaction
from ops.secrets.masking import add_secret
from ops.secrets.redaction import MaskedParts
from ops.ssh.agent_answers import Answer
from ops.ssh.operator_identity import local_user
from ops.ssh.session import Remote

NO_SOURCE = Source()
COMMITTED = "committed"  # how a release ended that became live
ORIGINAL = "original"  # instead of a release's name: the state before the first deploy (ops/deploy/originals.py)
_EDIT = re.compile(r"(.*?(?:/edited\.[0-9]+|\.poms-ops-edited)) (/.*)")  # path of the backup, path of the file


def rollback_to(name: str) -> str:
    """The purpose of a release that restores release `name`."""
    return f"rollback to {name},"


@dataclass(frozen=True)
class Release:
    """One deploy to one host, before it is made.

    `who`: the identity that the host authenticated; `operator`: the local user; `source`: what it is made from.
    """

    name: str
    who: str
    source: Source = NO_SOURCE
    purpose: str = "deploy"
    operator: str = ""
    unvalidated: bool = False  # deploy even if the host validates less than `deploy.validation`

    @property
    def lock_owner(self) -> str:
        """The lock owner, as the next operator reads it."""
        return f"{self.who} ({self.operator})" if not self.who.startswith("local ") else self.who

    @property
    def has_smoke_checks(self) -> bool:
        """Whether the inventory's smoke checks apply; they do not for the original state."""
        return self.purpose != rollback_to(ORIGINAL)

    def metadata_lines(self) -> list[str]:
        """The lines of the record on the host, one fact per line; the first is the name."""
        lines = [f"release {self.name}", f"for {self.purpose}", f"by {self.who}"]
        return [*lines, f"operator {self.operator}", *self.source.metadata_lines()]


@dataclass(frozen=True)
class PastRelease:
    """One deploy as recorded on the host.

    `facts` has for, by, operator, ended; commit, tree, repository, inventory, toolkit and toolkit_tree
    (release_source.py; the previous version has only commit and tree, of the toolkit); begun and at (its end) in
    seconds since 1970; `validation`, the level that its Apache files reached, if it had any. `proofs`: what was
    validated before it was live, such as "trial-start Apache's new files"; `unvalidated`: what was not. `removed`:
    what it removed, as "program NAME", "port NUMBER" or "virtual host NAME:PORT". `edits`: hand edits found during
    its rollback, (path, path of the backup). `checks`: the smoke checks before its commit, "ok NAME" or another
    state, with the response. `bake`: what its bake saw, as "ok", "worse" or "unknown" and a sentence.
    """

    name: str
    current: bool
    facts: dict[str, str]
    changed: list[str] = field(default_factory=list)
    proofs: list[str] = field(default_factory=list)
    unvalidated: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    edits: list[tuple[str, str]] = field(default_factory=list)
    checks: list[str] = field(default_factory=list)
    bake: list[str] = field(default_factory=list)

    @property
    def sequence(self) -> int:
        """Its number on the host, which gives the order independent of clocks; 0 if there is none."""
        number = self.facts.get("sequence", "")
        return int(number) if number.isdecimal() and len(number) < 10 else 0

    @property
    def committed(self) -> bool:
        """Whether it was committed."""
        return self.facts.get("ended") == COMMITTED


def new_release(who: str, purpose: str = "deploy", *, unvalidated: bool = False) -> Release:
    """A new release, whose name sorts by time."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Release(f"{stamp}-{secrets.token_hex(2)}", who, read_source(), purpose, local_user(), unvalidated)


def read_releases(remote: Remote) -> list[PastRelease]:
    """Every deploy recorded on the host, the oldest first. Raises HostError if they are in another folder."""
    found = ask(remote)
    with read_answer(remote.host.name, "releases"):
        return parse_releases(found.releases)


@dataclass(frozen=True)
class ReleasesAnswer:
    """The agent's answer: the list, the contents by name, and the original files, if they were asked for."""

    releases: ReleaseList
    contents: dict[str, ReleaseContents]
    originals: Sequence[OriginalFile]


def ask(remote: Remote, contents: Sequence[str] = (), *, originals: bool = False) -> ReleasesAnswer:
    """Ask the host for its releases. Raises HostError if they are in another folder, or for a malformed answer."""
    found = parse(remote.answer(request(remote.host, contents, originals=originals)))
    need_state_dir(remote.host, found.releases.elsewhere or None)
    return found


def request(host: Host, contents: Sequence[str] = (), *, originals: bool = False) -> ReleasesRequest:
    """The request for the releases (`ops/agent/releases.py`)."""
    return ReleasesRequest(
        state_dir=host.state_dir,
        home=host.home,
        uwsgi_file=ini_path(host),
        contents=tuple(contents),
        originals=originals,
    )


def parse(answer: Answer) -> ReleasesAnswer:
    """Read the agent's answer. Raises HostError if it is malformed."""
    contents: dict[str, ReleaseContents] = {}
    found, originals = ReleaseList(records=[], current="", elsewhere=""), Originals(files=[])
    for message in answer.messages:
        match message:
            case ReleaseList():
                found = message
            case ReleaseContents():
                contents[message.name] = message
            case Originals():
                originals = message
    return ReleasesAnswer(found, contents, originals.files)


def need_state_dir(host: Host, elsewhere: str | None) -> None:
    """Raise HostError if the host's releases are in `elsewhere`: the inventory's state_dir has changed."""
    if elsewhere is None:
        return
    old, new = shlex.quote(elsewhere), shlex.quote(host.state_dir)
    raise HostError(
        host.name,
        f"its releases are in {elsewhere}, but state_dir of the inventory is {host.state_dir}, which has none: "
        "without them, hand edits are not detected and no rollback is possible",
        left="everything",
        next_step=f"set state_dir back to {elsewhere}, or copy the releases, on the host as {host.account}: "
        f"mkdir -p {new} && cp -a {old}/. {new}/   (fab deploy --force starts without them, and leaves them there)",
        outcome="its releases are elsewhere",
    )


def parse_releases(found: ReleaseList) -> list[PastRelease]:
    """The releases by the host's own count; those of an older version, which have none, come first, by name."""
    named = [_past_release(record, current=record.name == found.current) for record in found.records]
    return sorted(named, key=lambda release: release.sequence)


def _past_release(record: ReleaseRecord, *, current: bool) -> PastRelease:
    past = PastRelease(record.name, current, {})
    lists = {"changed": past.changed, "proof": past.proofs, "removed": past.removed}
    lists |= {"unvalidated": past.unvalidated, "check": past.checks, "bake": past.bake}
    for line in record.lines:
        key, _, text = line.partition(" ")
        if key in lists:
            lists[key].append(text)
        elif key == "edited":
            if edit := _EDIT.fullmatch(text):
                past.edits.append((edit[2], edit[1]))
        elif key != "secret":
            past.facts[key] = text
    return past


def last_validated(past: list[PastRelease]) -> PastRelease | None:
    """The newest committed release, up to the running one, in which Apache's files were validated."""
    current = next((number for number, release in enumerate(past) if release.current), -1)
    kept = [release for release in past[: current + 1] if release.committed and release.facts.get("validation")]
    return kept[-1] if kept else None


@dataclass(frozen=True)
class Contents:
    """The files of release `name`, and the host with the values of that time.

    `host` is None if it was not recorded (by the previous version); `lost`: the files whose content is lost.
    """

    name: str
    files: list[RenderedFile]
    host: Host | None
    lost: list[str]


def read_contents(remote: Remote, names: Sequence[str]) -> dict[str, Contents]:
    """The contents of the named releases that the host has. Raises HostError for a malformed answer."""
    found = ask(remote, names)
    records = {record.name: record for record in found.releases.records}
    with read_answer(remote.host.name, "releases"):
        return {name: _contents(remote.host, one, records.get(name)) for name, one in found.contents.items()}


def need_contents(remote: Remote, name: str) -> Contents:
    """The complete contents of release `name`. Raises HostError if the host no longer has them."""
    host = remote.host
    found = read_contents(remote, [name]).get(name)
    if found is None or not (found.files or found.lost):
        raise HostError(
            host.name,
            f"there is no release {name!r} to roll back to",
            left="everything",
            next_step=f"fab -H {host.name} releases lists them",
        )
    if found.lost:
        raise HostError(host.name, f"release {name} no longer has the content of {found.lost[0]}", left="everything")
    return found


def read_files(remote: Remote, name: str) -> list[RenderedFile]:
    """The files of release `name`. Raises HostError if the host no longer has them."""
    return need_contents(remote, name).files


def _contents(today: Host, found: ReleaseContents, record: ReleaseRecord | None) -> Contents:
    hidden: dict[str, MaskedParts] = {}
    for line in record.lines if record else ():
        if line.startswith("secret "):
            _, where, path = line.split(" ", 2)
            hidden[path] = redaction.from_record(where)
    host = host_at_release(today, found.host) if found.host else None
    files: list[RenderedFile] = []
    for one in found.files:
        if one.content is not None:
            file = file_at(host or today, one.path, one.content, one.mode)
            files.append(replace(file, masked_parts=hidden.get(one.path, ())))
            for part in redaction.values(one.content.decode(errors="replace"), files[-1].masked_parts):
                add_secret(part)
    return Contents(found.name, files, host, [one.path for one in found.files if one.content is None])
