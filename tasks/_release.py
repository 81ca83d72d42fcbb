"""One release of a host: what it has, what it changed, and what was kept of hands that were at work there."""

import re
from dataclasses import dataclass

from ops.deploy.originals import read_originals
from ops.deploy.release_history import rolled_back_from, way_back, were_live
from ops.deploy.releases import ORIGINAL, Contents, PastRelease, need_contents, read_contents, read_releases
from ops.errors import BadInput, HostError, OperatorError
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host
from ops.secrets.redaction import shown_lines
from ops.ssh.session import Remote
from ops.ui import console

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
OLD_KEPT = {  # of the files that a deploy changed: what it found there and nobody had deployed
    "edited-by-hand": "edited by hand, and overwritten",
    "take-over": "not deployed from here, and taken over",
}


@dataclass(frozen=True)
class Shown:
    """A release with its files, beside `before`, the one that was live before it, where there was one."""

    host: Host
    release: PastRelease
    left: bool  # it was live, and a rollback has left it
    contents: Contents | None
    before: Contents | None


def read_release(remote: Remote, name: str) -> Shown | None:
    """Read release `name`; None where the host has none of that name."""
    past = read_releases(remote)
    release = next((one for one in past if one.name == name), None)
    if release is None:
        return None
    older = [one.name for one in were_live(past) if one.sequence < release.sequence]
    asked = [name, *older[-1:]]
    contents = read_contents(remote, asked)
    before = contents.get(older[-1]) if older else None
    return Shown(remote.host, release, name in rolled_back_from(past), contents.get(name), before)


def need_name(name: str) -> str:
    """`name`. Raises BadInput where no release can have it."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} is no name of a release; fab releases lists them. Nothing was connected to.")
    return name


class NoSuchReleaseError(HostError):
    """The host has no release of that name; of several hosts, another one may."""


def none_has(name: str) -> OperatorError:
    """What to raise where no host of several has it."""
    return OperatorError(f"No host has a release {name}; fab releases lists them.")


def need_release(host: Host, past: list[PastRelease], name: str) -> PastRelease:
    """The release of that name. Raises NoSuchReleaseError where there is none."""
    found = next((release for release in past if release.name == name), None)
    if found is None:
        raise NoSuchReleaseError(
            host.name,
            f"there is no release {name!r}",
            left="everything",
            next_step=f"fab -H {host.name} releases lists them",
        )
    return found


def target_of(remote: Remote, to: str) -> Contents:
    """The contents of what a rollback goes to: release `to`, or without one the nearest of the way back.

    "original" stands for how the host was found.

    Raises HostError where there is none, where it was never live, or where the host has its files no more.
    """
    host = remote.host
    if to == ORIGINAL:
        return read_originals(remote)
    past = read_releases(remote)
    if not to:
        offered = way_back(past)
        if not past:
            raise HostError(
                host.name, "nothing was deployed here yet: there is no release to go back to", left="everything"
            )
        if not offered:
            raise HostError(
                host.name,
                "no release that was live before the running one is left to go back to: what was rolled back from is "
                "not gone to without its name",
                left="everything",
                next_step=f"fab -H {host.name} releases lists them; --to=ID goes to one that was live",
            )
        return need_contents(remote, offered[0].name)
    release = need_release(host, past, to)
    if release not in were_live(past):
        raise HostError(
            host.name,
            f"release {to} was never live: it ended as {release.facts.get('ended', 'nobody knows what')!r}",
            left="everything",
            next_step=f"fab -H {host.name} releases lists those that were",
        )
    return need_contents(remote, to)


def kept(shown: Shown) -> list[dict[str, str]]:
    """What hands had done and is kept: path, where, and why."""
    release = shown.release
    found = [{"path": path, "kept": where, "why": "edited after it was deployed"} for path, where in release.edits]
    for number, text in enumerate(release.changed, 1):  # as the host has numbered the files of the request
        kind, _, path = text.partition(" ")
        if kind in OLD_KEPT and release.committed:  # else it went back to where it was
            where = f"{shown.host.state_dir}/releases/{release.name}/old.{number}"
            found.append({"path": path, "kept": where, "why": OLD_KEPT[kind]})
    return found


def differences(shown: Shown) -> list[tuple[str, str, list[str]]]:
    """Path, "new", "changed" or "removed", and the lines of a diff, secrets hidden; against the release before."""
    now, before = _files(shown.contents), _files(shown.before)
    found = []
    for path in sorted(now.keys() | before.keys()):
        new, old = now.get(path), before.get(path)
        if new and old and (new.content, new.mode) == (old.content, old.mode):
            continue
        kind = "removed" if new is None else "new" if old is None else "changed"
        lines = [shown_lines(one.content.decode(errors="replace"), one.hiding) if one else [] for one in (old, new)]
        found.append((path, kind, list(console.diff_lines(*lines))))
    lost = [*(shown.contents.lost if shown.contents else []), *(shown.before.lost if shown.before else [])]
    return [one for one in found if one[0] not in lost]


def facts(shown: Shown) -> dict[str, object]:
    """All of it, for JSON."""
    contents = shown.contents
    return {
        **vars(shown.release),
        "rolled_back_from": shown.left,
        "files": [{"path": one.path, "mode": one.mode, "digest": one.digest} for one in _files(contents).values()],
        "lost": contents.lost if contents else [],
        "before": shown.before.name if shown.before else None,
        "differences": [{"path": path, "change": kind, "diff": lines} for path, kind, lines in differences(shown)],
        "kept": kept(shown),
        "validation": shown.release.facts.get("validation"),
    }


def show(shown: Shown) -> None:
    """Print all of it."""
    release, host = shown.release, shown.host.name
    title = f"{host}: release {release.name}{' (running)' if release.current else ''}"
    console.say(f"{title}{' (rolled back from)' if shown.left else ''}", "bold")
    keys = ("for", "by", "operator", "ended", "repository", "inventory", "commit", "tree", "toolkit", "toolkit_tree")
    rows = [(key.replace("_", " "), release.facts[key]) for key in keys if release.facts.get(key)]
    rows.append(("validation", release.facts.get("validation", "none: no file of Apache's changed")))
    rows += [("validated", text) for text in release.proofs] + [
        ("not validated", text) for text in release.unvalidated
    ]
    rows += [("check", text) for text in release.checks] + [("removed", text) for text in release.removed]
    rows += [("kept", f"{one['path']}, {one['why']}: {one['kept']}") for one in kept(shown)]
    rows += [("file", f"{one.mode} {one.path}") for one in _files(shown.contents).values()]
    rows += [
        ("!file", f"{path}: its content is kept no more") for path in (shown.contents.lost if shown.contents else [])
    ]
    console.table(("", ""), rows)
    if shown.contents is None or not shown.contents.files:
        return
    than = f"release {shown.before.name}" if shown.before else "nothing: it is the first that is kept"
    console.say(f"{host}: what differs from {than}", "bold")
    for path, kind, lines in differences(shown) if shown.before else []:
        console.say(f"{path}  ({kind})", "bold")
        for line in lines:
            console.say(f"  {line}", console.STYLES.get(line[:1], ""))


def _files(contents: Contents | None) -> dict[str, RenderedFile]:
    return {one.path: one for one in contents.files} if contents else {}
