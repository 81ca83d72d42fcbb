"""The record of deploys: what is written on the host for each, and what is read from there."""

import base64
import secrets
import subprocess
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from ops import hiding
from ops.connection import Remote
from ops.errors import HostError, read_answer
from ops.files import RenderedFile, file_at
from ops.hiding import Hiding
from ops.inventory import PROJECT
from ops.masking import conceal
from ops.schema import Host
from ops.who import local_user


@dataclass(frozen=True)
class Release:
    """One deploy to one host, before it is made.

    `who` was let in there, `operator` sits at the other end; `clean`: nothing uncommitted lay in the checkout.
    """

    name: str
    who: str
    commit: str
    clean: bool
    purpose: str = "deploy"
    operator: str = ""
    unvalidated: bool = False  # it goes out although the host validates less than `deploy.validation`

    @property
    def holder(self) -> str:
        """Who holds the host's lock for this, as the next operator reads it."""
        return f"{self.who} ({self.operator})" if not self.who.startswith("local ") else self.who

    def meta_lines(self) -> list[str]:
        """What the record on the host says, a fact a line; the first is the name."""
        lines = [f"release {self.name}", f"for {self.purpose}", f"by {self.who}"]
        lines += [f"operator {self.operator}", f"commit {self.commit}"]
        return [*lines, f"tree {'clean' if self.clean else 'with uncommitted changes'}"]


@dataclass(frozen=True)
class PastRelease:
    """One deploy as the host remembers it.

    `facts` has for, by, operator, commit, tree, ended; begun and at (its end) in seconds since 1970; `validation`,
    the level that Apache's files reached, where it had any. `proofs` says what was validated before it was live:
    "trial-start Apache's new files"; `unvalidated` what was not. `removed` is what it took away that nobody had in a
    file any more: "program NAME", "port NUMBER", "virtual host NAME:PORT".
    """

    name: str
    current: bool
    facts: dict[str, str]
    changed: list[str] = field(default_factory=list)
    proofs: list[str] = field(default_factory=list)
    unvalidated: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)

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
    """A name that sorts by time, who is at work, and git's HEAD ("none" outside a checkout)."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    commit = _git("rev-parse", "HEAD") or "none"
    clean = commit != "none" and not _git("status", "--porcelain")
    return Release(f"{stamp}-{secrets.token_hex(2)}", who, commit, clean, purpose, local_user(), unvalidated)


def is_behind(commit: str | None) -> bool:
    """Whether `commit`, which a host runs, is missing from this checkout's history; False where git cannot tell."""
    if commit in (None, "none") or not _git("rev-parse", "HEAD"):
        return False
    return _git("merge-base", str(commit), "HEAD") != commit


def read_releases(remote: Remote) -> list[PastRelease]:
    """Every deploy that the host remembers, the oldest first."""
    answer = remote.ask("releases", request(remote.host))
    with read_answer(remote.host.name, "releases"):
        return parse_releases(answer)


def request(host: Host) -> list[str]:
    """What remote/releases.sh is asked."""
    return [f"state_dir {host.state_dir}"]


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
            lists["unvalidated"] = last.unvalidated
            if key in lists:
                lists[key].append(text)
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


def read_files(remote: Remote, name: str) -> list[RenderedFile]:
    """The files of release `name`, as they were. Raises HostError where the host has them no more."""
    host = remote.host
    answer = remote.ask("releases", [f"state_dir {host.state_dir}", f"contents {name}"])
    with read_answer(host.name, "releases"):
        files = _files_of(host, name, answer)
    if not files:
        raise HostError(
            host.name,
            f"there is no release {name!r} to go back to",
            left="everything",
            next_step=f"fab -H {host.name} releases lists them",
        )
    return files


def _files_of(host: Host, name: str, answer: list[str]) -> list[RenderedFile]:
    files: list[RenderedFile] = []
    mode = path = of = ""
    hidden: dict[str, Hiding] = {}
    for line in answer:
        kind, _, value = line.partition(" ")
        if kind == "release":
            of = value
        elif kind == "meta" and of == name and value.startswith("secret "):
            _, where, path = value.split(" ", 2)
            hidden[path] = hiding.from_record(where)
        elif kind == "manifest":
            _, mode, path = value.split(" ", 2)
        elif kind == "content":
            file = file_at(host, path, base64.b64decode(value), mode)
            files.append(replace(file, hiding=hidden.get(path, ())))
            for part in hiding.values(file.content.decode(errors="replace"), files[-1].hiding):
                conceal(part)
        elif kind == "lost":
            raise HostError(host.name, f"release {name} has lost the content of {path}", left="everything")
    return files


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(PROJECT), *arguments], capture_output=True, text=True, check=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
