"""Release records: what is written on the host for each deploy, and what is read from there."""

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
from ops.secrets.masking import add_secret
from ops.secrets.redaction import MaskedParts
from ops.ssh.operator_identity import local_user
from ops.ssh.session import Remote

NO_SOURCE = Source()
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
    state, with the response.
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
        """Its number on the host, which gives the order independent of clocks; 0 if there is none."""
        number = self.facts.get("sequence", "")
        return int(number) if number.isdecimal() and len(number) < 10 else 0

    @property
    def committed(self) -> bool:
        """Whether it was committed."""
        return self.facts.get("ended") == "committed"


def new_release(who: str, purpose: str = "deploy", *, unvalidated: bool = False) -> Release:
    """A new release, whose name sorts by time."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    return Release(f"{stamp}-{secrets.token_hex(2)}", who, read_source(), purpose, local_user(), unvalidated)


def read_releases(remote: Remote) -> list[PastRelease]:
    """Every deploy recorded on the host, the oldest first. Raises HostError if they are in another folder."""
    answer = remote.ask("releases", request(remote.host))
    need_state_dir(remote.host, parse_elsewhere(answer))
    with read_answer(remote.host.name, "releases"):
        return parse_releases(answer)


def request(host: Host) -> list[str]:
    """The request to remote/releases.sh."""
    return [f"state_dir {host.state_dir}", f"home {host.home}", f"uwsgi {ini_path(host)}"]


def parse_elsewhere(answer: list[str]) -> str | None:
    """The folder with the host's releases, if `state_dir` has none."""
    return next((line.partition(" ")[2] for line in answer if line.startswith("elsewhere ")), None)


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


def parse_releases(answer: list[str]) -> list[PastRelease]:
    """Parse the answer of releases.sh. Raises LookupError if it is malformed."""
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
    return sorted(named, key=lambda release: release.sequence)  # those of an older version come first, by name


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
    host = remote.host
    asked = [*request(host), *(f"contents {name}" for name in names)]
    answer = remote.ask("releases", asked)
    need_state_dir(host, parse_elsewhere(answer))
    with read_answer(host.name, "releases"):
        return {name: _contents_of(host, name, answer) for name in names if f"contents {name}" in answer}


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


def _contents_of(today: Host, name: str, answer: list[str]) -> Contents:
    files: list[RenderedFile] = []
    lost: list[str] = []
    mode = path = of = ""
    host: Host | None = None
    hidden: dict[str, MaskedParts] = {}
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
            files.append(replace(file, masked_parts=hidden.get(path, ())))
            for part in redaction.values(file.content.decode(errors="replace"), files[-1].masked_parts):
                add_secret(part)
        elif kind == "lost":
            lost.append(path)
    return Contents(name, files, host, lost)
