"""Back up the files of a change, replace them, and restore them.

A file is made in its own folder and renamed within it: so it is never half-written, and gets that folder's label of
SELinux.
"""

import contextlib
import getpass
import os
import stat

from ops.agent import durable
from ops.agent.durable import ABSENT, digest_of
from ops.agent.file_places import Places, is_owned, mode_of
from ops.agent.step_failed import StepFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.change import Change
    from ops.agent.transaction_messages import ChangedFile


def check_received(change: "Change") -> None:
    """Raise StepFailed unless the received files have the digests that were sent."""
    for number, file in change.files():
        if file.wanted != ABSENT and digest_of(change.path(f"new.{number}")) != file.wanted:
            raise StepFailed(f"the content of {file.path} is incomplete; is there space in {change.state_dir}?")


# ---- back up ---------------------------------------------------------------------------------------------------


def back_up(change: "Change") -> None:
    """Copy each file as it is. Raises StepFailed, or OSError."""
    for number, file in change.files():
        _need_change_possible(file)
        if file.seen == ABSENT:
            change.mark(f"absent.{number}")
        else:
            durable.copy(file.path, change.path(f"old.{number}"))


def _need_change_possible(file: "ChangedFile") -> None:
    path, account = file.path, getpass.getuser()
    if os.path.exists(path) and not (os.access(path, os.R_OK) and stat.S_ISREG(os.stat(path).st_mode)):
        raise StepFailed(f"{path} cannot be read, so it cannot be backed up: make it readable for {account}")
    if digest_of(path) != file.seen:
        raise StepFailed(f"{path} was changed by somebody else after the plan was made")
    places = Places(path)
    if places.may_rename:
        return
    if file.seen == ABSENT or not os.access(places.target, os.W_OK):
        raise StepFailed(f"{account} can write neither {path} nor its folder")
    if file.wanted == ABSENT:
        raise StepFailed(f"{account} cannot remove {path}: its folder is not writable")


# ---- replace ---------------------------------------------------------------------------------------------------


def swap(change: "Change") -> None:
    """Put each new file in place of the old one. Raises StepFailed, or OSError."""
    for number, file in change.files():
        if digest_of(file.path) != file.seen:
            raise StepFailed(f"{file.path} was changed by somebody else while the new files were validated")
        durable.append(change.path("swapped"), f"{number}\n")
        places = Places(file.path)
        if file.wanted == ABSENT:
            _put_aside(places)
            durable.remove(places.target)
        else:
            _place(change.path(f"new.{number}"), int(file.mode, 8), places, keeps_old=True)
    for _, file in change.files():  # an edit just before the new file replaced the old one
        aside = Places(file.path).aside
        if os.path.exists(aside) and digest_of(aside) != file.seen:
            raise StepFailed(f"{file.path} was changed by somebody else while it was replaced")


def _place(source: str, mode: int, places: Places, *, keeps_old: bool) -> None:
    """Put a file in place: by rename if the folder allows it, otherwise by overwriting. Raises OSError."""
    if not places.may_rename:
        with open(source, "rb") as file:
            durable.write(places.target, file.read())
        return
    durable.copy(source, places.fresh)
    _keep_group(places)
    os.chmod(places.fresh, mode)
    if keeps_old:
        _put_aside(places)
    os.rename(places.fresh, places.target)


def _keep_group(places: Places) -> None:
    """That of the replaced file, if this account is a member."""
    with contextlib.suppress(OSError):
        os.chown(places.fresh, -1, os.stat(places.target).st_gid)


def _put_aside(places: Places) -> None:
    """Give the old file a second name: to restore it is then a rename, which needs no space and keeps its owner.

    If the kernel allows no link to another owner's file, move it; if it allows none at all, the backup is used.
    """
    if not os.path.exists(places.target):
        return
    durable.remove(places.aside)
    try:
        os.link(places.target, places.aside)
    except OSError:
        if not is_owned(places.target):
            os.rename(places.target, places.aside)


# ---- restore ---------------------------------------------------------------------------------------------------


def restore(change: "Change") -> "list[str]":
    """Restore every old file; the paths of those that could not be restored."""
    left = [path for number, file in change.files() for path in _restored(change, number, file)]
    if left:
        return left
    os.sync()
    swapping = change.path("swapping")
    return [] if _removed(swapping) else [swapping]


def _restored(change: "Change", number: int, file: "ChangedFile") -> "list[str]":
    places, is_now = Places(file.path), digest_of(file.path)
    left = [] if _removed(places.fresh) else [file.path]
    if is_now not in (file.wanted, file.seen):
        if not _was_swapped(change, number):  # somebody edited the old file, which this change has not replaced
            change.note(f"{file.path} was changed by somebody else; it is unchanged")
            return left
        if is_now != ABSENT and not _edit_is_kept(change, number, file.path, places):
            return [file.path]
    try:
        _restore(change, number, file, places)
    except OSError as error:
        change.say(f"{file.path}: {error}")
        return [file.path]
    return left


def _restore(change: "Change", number: int, file: "ChangedFile", places: Places) -> None:
    old = change.path(f"old.{number}")
    if os.path.exists(places.aside):
        if os.path.exists(places.target) and os.path.samefile(places.aside, places.target):
            os.remove(places.aside)
        else:
            os.rename(places.aside, places.target)
    elif change.has(f"absent.{number}"):
        durable.remove(file.path)
    elif not _is_old(file, old):  # else it is there already: no space is needed
        _place(old, mode_of(old), places, keeps_old=False)


def _is_old(file: "ChangedFile", old: str) -> bool:
    return digest_of(file.path) == file.seen and mode_of(file.path) == mode_of(old)


def _was_swapped(change: "Change", number: int) -> bool:
    """True without a record: an early version did not write one."""
    return not change.has("swapped") or str(number) in change.lines("swapped")


def _removed(path: str) -> bool:
    try:
        durable.remove(path)
    except OSError:
        return False
    return True


def _edit_is_kept(change: "Change", number: int, path: str, places: Places) -> bool:
    """Somebody has edited a file after this change replaced it: back up the edit, and tell where.

    It is backed up in the release, or next to the file if there is no space.
    """
    kept = change.path(f"edited.{number}")
    told = os.path.join(change.state_dir, "releases", change.release(), f"edited.{number}")
    try:
        durable.copy(places.target, kept)
    except OSError:
        _removed(kept)
        told = places.edited
        try:
            os.rename(places.target, told)
        except OSError:
            return False
    change.note(f"{path} was edited after it was deployed; the edit is backed up as {told}")
    change.record(f"edited {told} {path}")
    return True


# ---- commit ----------------------------------------------------------------------------------------------------


def forget_old(change: "Change") -> None:
    """Remove the second names of the old files, on the disk before the release: nobody looks for them later."""
    for _, file in change.files():
        places = Places(file.path)
        if os.path.exists(places.aside):
            os.remove(places.aside)
            durable.sync_folder(places.folder)
