"""One release of a host: its files, what it changed, and the hand edits that it backed up."""

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
OLD_KEPT = {  # kind of change: what the deploy found there, where no release had deployed it
    "edited-by-hand": "edited by hand, and overwritten",
    "take-over": "not deployed from here, and taken over",
}


@dataclass(frozen=True)
class Shown:
    """A release with its files, and those of `before`: the release that was live before it, if there was one."""

    host: Host
    release: PastRelease
    left: bool  # it was live, and was rolled back
    contents: Contents | None
    before: Contents | None


def read_release(remote: Remote, name: str) -> Shown | None:
    """Read release `name`; None if the host has no such release."""
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
    """Return `name`. Raises BadInput if it cannot be the name of a release."""
    if not _NAME.fullmatch(name):
        raise BadInput(f"{name!r} is not a release name; fab releases lists them. Nothing was touched.")
    return name


class NoSuchReleaseError(HostError):
    """The host has no release of that name; another host may have it."""


def none_has(name: str) -> OperatorError:
    """The error to raise if no host has the release."""
    return OperatorError(f"No host has a release {name}; fab releases lists them.")


def need_release(host: Host, past: list[PastRelease], name: str) -> PastRelease:
    """The release of that name. Raises NoSuchReleaseError if there is none."""
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
    """The contents of the rollback's target: release `to`, or the previous one if `to` is empty.

    "original" means the host's state before the first deploy.

    Raises HostError if the release does not exist, was never live, or its files are no longer on the host.
    """
    host = remote.host
    if to == ORIGINAL:
        return read_originals(remote)
    past = read_releases(remote)
    if not to:
        offered = way_back(past)
        if not past:
            raise HostError(
                host.name, "nothing was deployed yet: there is no release to roll back to", left="everything"
            )
        if not offered:
            raise HostError(
                host.name,
                "no earlier release is left to roll back to; name one that was rolled back with --to=ID",
                left="everything",
                next_step=f"fab -H {host.name} releases lists them; --to=ID goes to one that was live",
            )
        return need_contents(remote, offered[0].name)
    release = need_release(host, past, to)
    if release not in were_live(past):
        raise HostError(
            host.name,
            f"release {to} was never live: it ended as {release.facts.get('ended', 'unknown')!r}",
            left="everything",
            next_step=f"fab -H {host.name} releases lists the releases that were live",
        )
    return need_contents(remote, to)


def kept(shown: Shown) -> list[dict[str, str]]:
    """The backed-up hand edits: path, where the backup is, and why it was made."""
    release = shown.release
    found = [{"path": path, "kept": where, "why": "edited after it was deployed"} for path, where in release.edits]
    for number, text in enumerate(release.changed, 1):  # the host numbers the files in the order of the request
        kind, _, path = text.partition(" ")
        if kind in OLD_KEPT and release.committed:  # otherwise it was restored
            where = f"{shown.host.state_dir}/releases/{release.name}/old.{number}"
            found.append({"path": path, "kept": where, "why": OLD_KEPT[kind]})
    return found


def differences(shown: Shown) -> list[tuple[str, str, list[str]]]:
    """Path, "new", "changed" or "removed", and the diff lines (secrets masked), against the release before."""
    now, before = _files(shown.contents), _files(shown.before)
    found = []
    for path in sorted(now.keys() | before.keys()):
        new, old = now.get(path), before.get(path)
        if new and old and (new.content, new.mode) == (old.content, old.mode):
            continue
        kind = "removed" if new is None else "new" if old is None else "changed"
        lines = [
            shown_lines(one.content.decode(errors="replace"), one.masked_parts) if one else [] for one in (old, new)
        ]
        found.append((path, kind, list(console.diff_lines(*lines))))
    lost = [*(shown.contents.lost if shown.contents else []), *(shown.before.lost if shown.before else [])]
    return [one for one in found if one[0] not in lost]


def facts(shown: Shown) -> dict[str, object]:
    """Everything about the release, for JSON."""
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
    """Print everything about the release."""
    release, host = shown.release, shown.host.name
    title = f"{host}: release {release.name}{' (running)' if release.current else ''}"
    console.say(f"{title}{' (rolled back)' if shown.left else ''}", "bold")
    keys = (
        "version",
        "for",
        "by",
        "operator",
        "ended",
        "repository",
        "inventory",
        "commit",
        "tree",
        "toolkit",
        "toolkit_tree",
    )
    rows = [(key.replace("_", " "), release.facts[key]) for key in keys if release.facts.get(key)]
    rows.append(("validation", release.facts.get("validation", "none: no Apache file changed")))
    rows += [("validated", text) for text in release.proofs] + [
        ("not validated", text) for text in release.unvalidated
    ]
    rows += [("check", text) for text in release.checks] + [("removed", text) for text in release.removed]
    rows += [("bake" if text.startswith("ok") else "!bake", text) for text in release.bake]
    rows += [("kept", f"{one['path']}, {one['why']}: {one['kept']}") for one in kept(shown)]
    rows += [("file", f"{one.mode} {one.path}") for one in _files(shown.contents).values()]
    rows += [("!file", f"{path}: its content is lost") for path in (shown.contents.lost if shown.contents else [])]
    console.table(("", ""), rows)
    if shown.contents is None or not shown.contents.files:
        return
    than = f"release {shown.before.name}" if shown.before else "nothing: it is the oldest release on the host"
    console.say(f"{host}: differences from {than}", "bold")
    for path, kind, lines in differences(shown) if shown.before else []:
        console.say(f"{path}  ({kind})", "bold")
        for line in lines:
            console.say(f"  {line}", console.STYLES.get(line[:1], ""))


def _files(contents: Contents | None) -> dict[str, RenderedFile]:
    return {one.path: one for one in contents.files} if contents else {}
