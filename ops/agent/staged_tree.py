"""Copies of Apache's folders: as they are, or with the staged files as they would be live."""

import os

from ops.agent.processes import run
from ops.agent.validation_failed import ValidationFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

COPY_SECONDS = 60.0


class StagedFile:
    """A file of a change: its `content` is in a file of that path; None if the change removes the file.

    `mode` is octal, as "0644".
    """

    def __init__(self, path: str, mode: str, content: "str | None") -> None:
        self.path = path
        self.mode = mode
        self.content = content


class FolderCopy:
    """A `copy` of a folder that Apache reads; a trial mounts it over the `folder`."""

    def __init__(self, copy: str, folder: str) -> None:
        self.copy = copy
        self.folder = folder


def lay_out(root: str, files: "Iterable[StagedFile]", work: str) -> "list[FolderCopy]":
    """Copy each folder below Apache's `root` that has staged files into `work`, without those files.

    Raises ValidationFailed if one cannot be copied.
    """
    found: list[FolderCopy] = []
    for file in below(root, files):
        folder = os.path.dirname(file.path)
        if folder not in [one.folder for one in found]:
            found.append(copied(folder, os.path.join(work, f"folder.{len(found)}")))
    return found


def lay_out_staged(root: str, files: "Iterable[StagedFile]", work: str) -> "list[FolderCopy]":
    """The same, with the staged files."""
    files = list(files)
    found = lay_out(root, files, work)
    copies = {one.folder: one.copy for one in found}
    for file in below(root, files):
        folder, name = os.path.split(file.path)
        place(file, os.path.join(copies[folder], name))
    return found


def copied(folder: str, copy: str) -> FolderCopy:
    """Copy a folder; links are followed, as Apache follows them. Raises ValidationFailed."""
    remove(copy)
    ended = run(["cp", "-RL", folder, copy], seconds=COPY_SECONDS)
    if ended.code:
        raise ValidationFailed(ended.text)
    return FolderCopy(copy, folder)


def remove(path: str) -> None:
    """Remove a copy, if it is there."""
    if os.path.lexists(path):
        run(["rm", "-rf", path], seconds=COPY_SECONDS)


def below(root: str, files: "Iterable[StagedFile]") -> "list[StagedFile]":
    """Those of the files that are Apache's."""
    return [file for file in files if file.path.startswith(root + "/")]


def place(file: StagedFile, path: str) -> None:
    """Put a staged file at `path`, as it would be live: the folder, the place of a link too, is a copy."""
    if os.path.lexists(path):
        os.remove(path)
    if file.content is not None:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(file.content, "rb") as source, open(path, "wb") as target:
            target.write(source.read())
        os.chmod(path, int(file.mode, 8))
