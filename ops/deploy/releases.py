"""The record of deploys: what is written on the host for each, and what is read from there."""

import base64
import re
import secrets
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ops.deploy.release_host import host_at_release
from ops.deploy.release_source import Source, read_source
from ops.errors import HostError, read_answer
from ops.formats.uwsgi import ini_path
from ops.rendering.rendered_file import RenderedFile, file_at
from ops.schema import Host
from ops.secrets import redaction
from ops.secrets.masking import conceal
from ops.secrets.redaction import Hiding
from ops.ssh.operator_identity import local_user
from ops.ssh.session import Remote

NO_SOURCE = Source()
ORIGINAL = "original"  # in place of a release's name: how the host was found (ops/deploy/originals.py)
_EDIT = re.compile(r"(.*?(?:/edited\.[0-9]+|\.poms-ops-edited)) (/.*)")  # where it is kept, and of which file it is


def rollback_to(name: str) -> str:
    """The purpose of a release that brings release `name` back."""
    return f"rollback to {name},"


@dataclass(frozen=True)
class Release:
    """One deploy to one host, before it is made.

    `who` was let in there, `operator` sits at the other end; `source` is what it is made from.
    """

    name: str
    who: str
    source: Source = NO_SOURCE
    purpose: str = "deploy"
    operator: str = ""
    unvalidated: bool = False  # it goes out although the host validates less than `deploy.validation`

    @property
    def holder(self) -> str:
        """Who holds the host's lock for this, as the next operator reads it."""
        return f"{self.who} ({self.operator})" if not self.who.startswith("local ") else self.who

    @property
    def knows_the_doors(self) -> bool:
        """Whether its host answers from outside as the inventory says; how it was found, nobody here set up."""
        return self.purpose != rollback_to(ORIGINAL)

    def meta_lines(self) -> list[str]:
        """What the record on the host says, a fact a line; the first is the name."""
        lines = [f"release {self.name}", f"for {self.purpose}", f"by {self.who}"]
        return [*lines, f"operator {self.operator}", *self.source.meta_lines()]


@dataclass(frozen=True)
class PastRelease:
    """One deploy as the host remembers it.

    `facts` has for, by, operator, ended; commit, tree, repository, inventory, toolkit and toolkit_tree
    (release_source.py; the version before has commit and tree of the toolkit alone); begun and at (its end) in
    seconds since 1970; `validation`, the level that Apache's files reached, where it had any. `proofs` says what was
    validated before it was live: "trial-start Apache's new files"; `unvalidated` what was not. `removed` is what it
    took away that nobody had in a file any more: "program NAME", "port NUMBER", "virtual host NAME:PORT". `edits` are
    hand edits that were found when it was put back: (path, where the edit is kept); `checks` what was asked before it
    was kept: "ok NAME", or another state, with what came.
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

    @property
    def sequence(self) -> int:
        """Its number on the host: which came after which, whatever the clocks said; 0 where there is none."""
        number = self.facts.get("sequence", "")
        return int(number) if number.isdecimal() and len(number) < 10 else 0

    @property
    def committed(self) -> bool:
        """Whether it was kept."""
        return self.facts.get("ended") == "committed"


def new_release(who: str, purpose: str = "deploy", *, unvalidated: bool = False) -> Release:
    """A name that sorts by time, who is at work, and what is deployed."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Release(f"{stamp}-{secrets.token_hex(2)}", who, read_source(), purpose, local_user(), unvalidated)


def read_releases(remote: Remote) -> list[PastRelease]:
    """Every deploy that the host remembers, the oldest first. Raises HostError where they lie in another folder."""
    answer = remote.ask("releases", request(remote.host))
    need_state_dir(remote.host, parse_elsewhere(answer))
    with read_answer(remote.host.name, "releases"):
        return parse_releases(answer)


def request(host: Host) -> list[str]:
    """What remote/releases.sh is asked."""
    return [f"state_dir {host.state_dir}", f"home {host.home}", f"uwsgi {ini_path(host)}"]


def parse_elsewhere(answer: list[str]) -> str | None:
    """The folder that has the host's releases, where `state_dir` has none."""
    return next((line.partition(" ")[2] for line in answer if line.startswith("elsewhere ")), None)


def need_state_dir(host: Host, elsewhere: str | None) -> None:
    """Raise HostError where the host's releases lie in `elsewhere`: the inventory's state_dir has changed."""
    if elsewhere is None:
        return
    old, new = shlex.quote(elsewhere), shlex.quote(host.state_dir)
    raise HostError(
        host.name,
        f"its releases are in {elsewhere}, and state_dir of the inventory is {host.state_dir}, which has none: "
        "without them no hand edit is noticed and no rollback is possible",
        left="everything",
        next_step=f"set state_dir back to {elsewhere}, or take the releases along, on the host as {host.account}: "
        f"mkdir -p {new} && cp -a {old}/. {new}/   (fab deploy --force begins without them, and leaves them there)",
        outcome="its releases are elsewhere",
    )


def parse_releases(answer: list[str]) -> list[PastRelease]:
    """Read the answer of releases.sh. Raises LookupError for an odd one."""
    found: list[PastRelease] = []
    current = ""
    for line in answer:
        kind, _, value = line.partition(" ")
        if kind == "release":
            found.append(PastRelease(value, False, {}))
        elif kind == "meta":
            key, _, text = value.partition(" ")
            last = found[-1]
            lists = {"changed": last.changed, "proof": last.proofs, "removed": last.removed}
            lists |= {"unvalidated": last.unvalidated, "check": last.checks}
            if key in lists:
                lists[key].append(text)
            elif key == "edited":
                if edit := _EDIT.fullmatch(text):
                    last.edits.append((edit[2], edit[1]))
            elif key != "secret":
                found[-1].facts[key] = text
        elif kind == "current":
            current = value
    named = [replace(release, current=release.name == current) for release in found]
    return sorted(named, key=lambda release: release.sequence)  # those of an older version, by name, come first


def last_validated(past: list[PastRelease]) -> PastRelease | None:
    """The newest kept release, up to the running one, in which Apache's files were validated."""
    current = next((number for number, release in enumerate(past) if release.current), -1)
    kept = [release for release in past[: current + 1] if release.committed and release.facts.get("validation")]
    return kept[-1] if kept else None


@dataclass(frozen=True)
class Contents:
    """What release `name` put on its host: its files as they were, and the host with the values of that time.

    `host` is None where it was not recorded, by the version before; `lost` has the files that are kept no more.
    """

    name: str
    files: list[RenderedFile]
    host: Host | None
    lost: list[str]


def read_contents(remote: Remote, names: Sequence[str]) -> dict[str, Contents]:
    """The contents of those of the releases that the host has. Raises HostError for an odd answer."""
    host = remote.host
    asked = [*request(host), *(f"contents {name}" for name in names)]
    answer = remote.ask("releases", asked)
    need_state_dir(host, parse_elsewhere(answer))
    with read_answer(host.name, "releases"):
        return {name: _contents_of(host, name, answer) for name in names if f"contents {name}" in answer}


def need_contents(remote: Remote, name: str) -> Contents:
    """The contents of release `name`, whole. Raises HostError where the host has them no more."""
    host = remote.host
    found = read_contents(remote, [name]).get(name)
    if found is None or not (found.files or found.lost):
        raise HostError(
            host.name,
            f"there is no release {name!r} to go back to",
            left="everything",
            next_step=f"fab -H {host.name} releases lists them",
        )
    if found.lost:
        raise HostError(host.name, f"release {name} has lost the content of {found.lost[0]}", left="everything")
    return found


def read_files(remote: Remote, name: str) -> list[RenderedFile]:
    """The files of release `name`, as they were. Raises HostError where the host has them no more."""
    return need_contents(remote, name).files


def _contents_of(today: Host, name: str, answer: list[str]) -> Contents:
    files: list[RenderedFile] = []
    lost: list[str] = []
    mode = path = of = ""
    host: Host | None = None
    hidden: dict[str, Hiding] = {}
    for line in answer:
        kind, _, value = line.partition(" ")
        if kind in ("release", "contents"):
            of = value
        if of != name:
            continue
        if kind == "meta" and value.startswith("secret "):
            _, where, path = value.split(" ", 2)
            hidden[path] = redaction.from_record(where)
        elif kind == "host":
            host = host_at_release(today, value)
        elif kind == "manifest":
            _, mode, path = value.split(" ", 2)
        elif kind == "content":
            file = file_at(host or today, path, base64.b64decode(value), mode)
            files.append(replace(file, hiding=hidden.get(path, ())))
            for part in redaction.values(file.content.decode(errors="replace"), files[-1].hiding):
                conceal(part)
        elif kind == "lost":
            lost.append(path)
    return Contents(name, files, host, lost)
