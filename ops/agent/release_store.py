"""Keep a release: its record, its contents, and the link to the running one; remove the oldest ones.

state_dir/releases/NAME has meta, manifest, host, journal, log, old.N and edited.N; state_dir/objects the contents, by
digest; state_dir/kept what removed releases had of other people's work; state_dir/current the running release.
"""

import contextlib
import os
import time

from ops.agent import durable
from ops.agent.durable import digest_of
from ops.agent.release_folders import PLACE_NOTE, USUAL_PLACE, lines_of, names_in, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.change import Change

KEEP_FAILED = 5  # failed deploys to keep, in addition to the releases that were live
COMMITTED = "ended committed"
OF_OTHERS = ("take-over", "edited-by-hand")  # changes of files that somebody else wrote
OF_RELEASE = ("meta", "manifest", "host", "journal", "log")


def note_end(change: "Change", ended: str) -> None:
    """Record how a change ended. Raises OSError.

    The sequence number gives the order of releases, independent of the clocks of operators and host.
    """
    folder = os.path.join(change.state_dir, "releases")
    last = max((_sequence(os.path.join(folder, name)) for name in names_in(folder)), default=0)
    # A change that was killed at its commit has an end already.
    lines = [line for line in change.lines("meta") if line.split(" ", 1)[0] not in ("ended", "at", "sequence")]
    lines += [f"ended {ended}", f"at {int(time.time())}", f"sequence {last + 1}"]
    durable.replace(change.path("meta"), "".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))


def file_away(change: "Change") -> None:
    """Turn a change, with its result and the old files, into a release. Raises OSError if it is none."""
    releases = os.path.join(change.state_dir, "releases")
    os.makedirs(releases, exist_ok=True)
    folder = os.path.join(releases, change.release())
    durable.remove_tree(folder)
    os.rename(change.folder, folder)  # from here on, there is nothing to recover
    with contextlib.suppress(OSError):  # the next run finishes the link, and reads the new one until then
        finish_link(change.state_dir)
    for path in (releases, change.state_dir):
        durable.sync_folder(path)  # before the result is reported
    for name in os.listdir(folder):
        if name not in OF_RELEASE and not name.startswith(("old.", "edited.")):
            durable.remove_tree(os.path.join(folder, name))


def finish_link(state_dir: str) -> None:
    """Make the last recorded release the running one. Raises OSError."""
    new = os.path.join(state_dir, "current.new")
    if os.path.exists(new):
        os.rename(new, os.path.join(state_dir, "current"))
    else:
        durable.remove(new)


def keep_release(change: "Change") -> None:
    """Keep the contents, so that a rollback can restore them, and record the release. Raises OSError."""
    os.makedirs(os.path.join(change.state_dir, "objects"), exist_ok=True)
    for line in change.lines("manifest"):
        digest, _, path = line.split(" ", 2)
        _keep_content(change, digest, path)
    note_end(change, "committed")
    # Before the final rename, because a power cut may follow it: until then the link has no target.
    link = os.path.join(change.state_dir, "current.new")
    durable.remove(link)
    os.symlink(f"releases/{change.release()}", link)
    os.sync()


def _keep_content(change: "Change", digest: str, path: str) -> None:
    kept = os.path.join(change.state_dir, "objects", digest)
    if os.path.exists(kept):
        return
    new = os.path.join(change.state_dir, "object.new")
    if digest_of(path) == digest:
        durable.copy(path, new)
    if digest_of(new) == digest:
        os.rename(new, kept)
    else:
        change.note(f"{path} was changed right after the deploy: a rollback to this release cannot restore it")


def note_place(state_dir: str, home: str) -> None:
    """Record where the releases are, in case the inventory's state_dir changes. Raises OSError."""
    note = os.path.join(home, PLACE_NOTE)
    if not home:
        return
    if state_dir == os.path.join(home, USUAL_PLACE):
        durable.remove(note)
    elif text_of(note) != state_dir:
        durable.replace(note, f"{state_dir}\n".encode())


# ---- the oldest ------------------------------------------------------------------------------------------------


def prune(state_dir: str, keep: int) -> None:
    """Remove the oldest releases, never the running one, and the contents that no release uses. Raises OSError.

    `keep` of those that were live stay, and KEEP_FAILED of the others.
    """
    folder = os.path.join(state_dir, "releases")
    running = os.path.basename(os.path.realpath(os.path.join(state_dir, "current")))
    newest = sorted(names_in(folder), key=lambda name: (_sequence(os.path.join(folder, name)), name), reverse=True)
    live = [name for name in newest if _was_live(os.path.join(folder, name))]
    failed = [name for name in newest if name not in live]
    for name in [*live[keep:], *failed[KEEP_FAILED:]]:
        if name != running:
            _forget(state_dir, name)
    _remove_unused_contents(state_dir)


def _remove_unused_contents(state_dir: str) -> None:
    used: set[str] = set()
    for name in names_in(os.path.join(state_dir, "releases")):
        manifest = lines_of(os.path.join(state_dir, "releases", name, "manifest")) or []
        used.update(line.split(" ", 1)[0] for line in manifest)
    folder = os.path.join(state_dir, "objects")
    for name in os.listdir(folder):
        if name not in used:
            durable.remove(os.path.join(folder, name))


def _sequence(folder: str) -> int:
    numbers = [line.split(" ", 1)[1] for line in _record(folder) if line.startswith("sequence ")]
    return int(numbers[-1]) if numbers and numbers[-1].isdigit() else 0


def _was_live(folder: str) -> bool:
    return COMMITTED in _record(folder)


def _record(folder: str) -> "list[str]":
    return lines_of(os.path.join(folder, "meta")) or []


def _forget(state_dir: str, name: str) -> None:
    """Remove a release. What it has of other people's work moves to state_dir/kept, with the record of the files.

    That is files from before the first deploy, and hand edits; a failed deploy has restored its old files.
    """
    folder, kept = os.path.join(state_dir, "releases", name), os.path.join(state_dir, "kept", name)
    moved = [one for one in os.listdir(folder) if one.startswith("edited.")]
    created = False
    if _was_live(folder):
        kinds = [line.split(" ")[1] for line in _record(folder) if line.startswith("changed ")]
        moved += [f"old.{number}" for number, kind in enumerate(kinds, 1) if kind in OF_OTHERS]
        created = "create" in kinds  # the file did not exist before
    moved = [one for one in moved if os.path.exists(os.path.join(folder, one))]
    if moved or created:
        os.makedirs(kept, exist_ok=True)
        if not os.path.exists(os.path.join(kept, "meta")):
            with contextlib.suppress(OSError):
                durable.copy(os.path.join(folder, "meta"), os.path.join(kept, "meta"))
    for one in moved:
        os.rename(os.path.join(folder, one), os.path.join(kept, one))
    durable.remove_tree(folder)
