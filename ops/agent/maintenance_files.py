"""Write the files of the maintenance page: the switch last, and remove it first."""

import contextlib
import json
import os
import stat

from ops.agent.app_folders import make_directories, open_way
from ops.agent.durable import sync_folder
from ops.agent.maintenance_state import DETAILS, SWITCH
from ops.agent.step_failed import StepFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.maintenance_messages import MaintenancePages, MaintenanceState

HTML, TEXT = "page.html", "page.txt"  # as in Apache's files
FOLDER_MODE, PUBLIC, PRIVATE = 0o755, 0o644, 0o600
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def switch_on(folder: str, account: str, pages: "MaintenancePages", state: "MaintenanceState") -> None:
    """Write the pages, who does it and why, and last the switch. Raises StepFailed or OSError.

    After an error, the switch is as before. Each file is replaced by a rename, so a reader gets the old or the new
    one, and two operators need no lock.
    """
    make_directories([folder])
    need_own_folder(folder)
    for name in (HTML, TEXT, DETAILS, SWITCH):
        need_own_file(os.path.join(folder, name))
    os.chmod(folder, FOLDER_MODE)
    open_way(account, folder, "the maintenance page")
    details = {"by": state.by, "since": state.since, "until": state.until, "message": state.message}
    for name, text, mode in (
        (HTML, pages.html, PUBLIC),
        (TEXT, pages.text, PUBLIC),
        (DETAILS, json.dumps(details), PRIVATE),
        (SWITCH, f"{pages.retry_after}\n", PUBLIC),
    ):
        _put(folder, name, text.encode("utf-8", "replace"), mode)
    sync_folder(folder)


def switch_off(folder: str) -> None:
    """Remove the switch, then the details; the pages stay, for a request of this moment. Raises as switch_on."""
    if os.path.lexists(folder):
        need_own_folder(folder)
    for name in (SWITCH, DETAILS):
        with contextlib.suppress(FileNotFoundError):
            os.remove(os.path.join(folder, name))
    sync_folder(folder)


def need_own_folder(folder: str) -> None:
    """Raise StepFailed unless it is a folder of this account's, in which nobody else can write."""
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise StepFailed(f"{folder} is not a folder of this account: remove it, or set maintenance.folder")
    if stat.S_IMODE(found.st_mode) & WRITABLE_BY_OTHERS:
        raise StepFailed(f"others may write in {folder}: chmod go-w {folder}")


def need_own_file(path: str) -> None:
    """Raise StepFailed for anything but a file of this account's, or nothing."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid():
        raise StepFailed(f"{path} is not a file of this account: find out who made it, and remove it")


def _put(folder: str, name: str, content: bytes, mode: int) -> None:
    fresh = os.path.join(folder, f".{name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        os.remove(fresh)
    made = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE)
    try:
        with open(made, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(made, mode)
            os.fsync(made)
        os.rename(fresh, os.path.join(folder, name))
    except OSError:
        with contextlib.suppress(OSError):
            os.remove(fresh)
        raise
