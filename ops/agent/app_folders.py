"""The folders that a change needs, and access for Apache's account to the app's socket and other things in them."""

import grp
import os
import pwd

from ops.agent.file_access import may
from ops.agent.file_places import is_owned
from ops.agent.processes import run
from ops.agent.step_failed import StepFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

UMASK = 0o027  # of new folders: the account's group may enter them


def make_directories(paths: "Iterable[str]") -> None:
    """Make those that are missing, with SELinux's type that root has set for them, if any. Raises OSError."""
    for path in paths:
        if not os.path.isdir(path):
            before = os.umask(UMASK)
            try:
                os.makedirs(path)
            finally:
                os.umask(before)
            run(["restorecon", "-R", path])


def let_apache_in(account: str, listen: str) -> None:
    """Let Apache's account, and no other, reach the app's socket.

    That is by an ACL of the folder, which the socket inherits when it is created, and execute permission on the
    folders above. An account in our group needs neither. Raises StepFailed.
    """
    group = grp.getgrgid(os.getgid()).gr_name
    try:
        groups = os.getgrouplist(account, pwd.getpwnam(account).pw_gid)
    except KeyError:
        raise StepFailed(
            f"this host has no account {account} for Apache: set apache.account to the right one"
        ) from None
    if os.getgid() in groups:
        return
    folder = os.path.dirname(listen)
    if not _set_acl(f"u:{account}:x,d:u:{account}:rw", folder):
        raise StepFailed(
            f"cannot give {account} access to a socket in {folder}: set app.listen to a loopback port, or have root "
            f"add {account} to the group {group}"
        )
    open_way(account, folder, "the app's socket")


def open_way(account: str, folder: str, to: str) -> None:
    """Let an account enter our folders above `folder`, for what `to` says. Raises StepFailed."""
    while folder != "/":
        folder = os.path.dirname(folder)
        if is_owned(folder) and not may(account, "x", folder) and not _set_acl(f"u:{account}:x", folder):
            raise StepFailed(f"cannot let {account} enter {folder}, which is above {to}")


def _set_acl(entry: str, path: str) -> bool:
    return run(["setfacl", "-m", entry, path]).code == 0
