"""What becomes of each managed file: a three-way comparison of wanted, last deployed and found. Pure."""

from dataclasses import dataclass

from ops.deploy.snapshot import FoundFile, Snapshot
from ops.rendering.rendered_file import RenderedFile, file_at, is_secret, supervisord_conf
from ops.schema import Host
from ops.secrets import redaction
from ops.secrets.redaction import MaskedParts

CREATE, UPDATE, TAKE_OVER, EDITED_BY_HAND, NOT_READABLE, REMOVE, UNCHANGED = (
    "create",
    "update",
    "take over",
    "edited by hand",
    "unreadable",
    "remove",
    "unchanged",
)
REFUSED = (EDITED_BY_HAND, NOT_READABLE)


@dataclass(frozen=True)
class FileChange:
    """One managed file and its change.

    `gone`: the file is no longer managed, and `wanted` is empty; `kind` says if it was edited by hand.
    `masked_parts`: where the found content may hold secrets.
    """

    wanted: RenderedFile
    found: FoundFile
    kind: str
    gone: bool = False
    masked_parts: MaskedParts = ()

    @property
    def before(self) -> str:
        """The content on the host."""
        same = self.found.digest == self.wanted.digest
        return (self.wanted.content if same else self.found.content or b"").decode(errors="replace")

    @property
    def after(self) -> str:
        """The wanted content."""
        return self.wanted.content.decode(errors="replace")

    @property
    def exposes(self) -> bool:
        """Whether others could read its secrets, because the account may not change its mode."""
        return not mode_matches(self.wanted, self.found) and self.found.mode_is_fixed


def compare_files(host: Host, wanted: list[RenderedFile], snapshot: Snapshot) -> list[FileChange]:
    """The wanted files, then those of the last release that are no longer wanted; for no wanted files, nothing."""
    if not wanted:
        return []
    changes = [_compare(file, snapshot) for file in wanted]
    return changes + _gone(host, {file.path for file in wanted}, snapshot)


def _gone(host: Host, wanted: set[str], snapshot: Snapshot) -> list[FileChange]:
    """Files of the last release that are no longer wanted; never supervisord's own file."""
    changes = []
    for path in sorted(snapshot.deployed.keys() - wanted - {supervisord_conf(host)}):
        found = snapshot.files.get(path) or FoundFile(path, None)
        if not found.readable:
            kind = NOT_READABLE
        elif found.digest is None:
            continue
        else:
            kind = REMOVE if found.digest == snapshot.deployed[path] else EDITED_BY_HAND
        nothing = file_at(host, path, b"", found.mode or "0600")
        changes.append(
            FileChange(nothing, found, kind, gone=True, masked_parts=masked_parts_of(nothing, found, snapshot))
        )
    return changes


def differs(change: FileChange) -> bool:
    """Whether the content changes; a change of mode alone reloads nothing."""
    return change.found.digest != change.wanted.digest


def _compare(file: RenderedFile, snapshot: Snapshot) -> FileChange:
    found = snapshot.files.get(file.path) or FoundFile(file.path, None)
    deployed = snapshot.deployed.get(file.path)
    if not found.readable:
        kind = NOT_READABLE
    elif found.digest is None:
        kind = CREATE
    elif found.digest == file.digest:
        kind = UNCHANGED if mode_matches(file, found) else UPDATE
    elif deployed is None:
        kind = TAKE_OVER
    else:
        kind = UPDATE if found.digest == deployed else EDITED_BY_HAND
    return FileChange(file, found, kind, masked_parts=masked_parts_of(file, found, snapshot))


def mode_matches(wanted: RenderedFile, found: FoundFile) -> bool:
    """Whether the mode is as wanted, or is fixed and lets nobody else read a secret."""
    if not found.mode_is_fixed:
        return found.mode == wanted.mode
    return not (int(found.mode, 8) & 0o077 and is_secret(wanted.mode))


def masked_parts_of(wanted: RenderedFile, found: FoundFile, snapshot: Snapshot) -> MaskedParts:
    """Where the found file may hold secrets, known ones or not."""
    recorded = snapshot.masked_parts.get(wanted.path, ())
    if found.content is None or not (wanted.masked_parts or recorded):
        if found.content is not None and wanted.service == "supervisord":
            return redaction.socket_passwords(found.content.decode(errors="replace"))
        return wanted.masked_parts
    if recorded and found.digest == snapshot.deployed.get(wanted.path):
        return recorded
    there, like = (content.decode(errors="replace") for content in (found.content, wanted.content))
    return redaction.find_in_unknown(there, like, wanted.masked_parts)
