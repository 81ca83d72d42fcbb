"""Where a managed file is, with links resolved, and whether this account may rename in its folder."""

import os
import stat


class Places:
    """The file itself as `target`, its `folder`, and two names in there that Apache (*.conf) never loads.

    `fresh`: the new file before its rename; `aside`: the old file until the commit.
    """

    def __init__(self, path: str) -> None:
        self.target = os.path.realpath(path)
        self.folder, name = os.path.split(self.target)
        self.fresh = os.path.join(self.folder, f".{name}.poms-ops-new")
        self.aside = os.path.join(self.folder, f".{name}.poms-ops-old")
        self.edited = os.path.join(self.folder, f".{name}.poms-ops-edited")

    @property
    def may_rename(self) -> bool:
        """Whether the folder is writable; in a sticky folder, only our own files count."""
        if not os.access(self.folder, os.W_OK):
            return False
        try:
            is_sticky = os.stat(self.folder).st_mode & stat.S_ISVTX
        except OSError:
            return False
        return not is_sticky or is_owned(self.folder) or not os.path.exists(self.target) or is_owned(self.target)


def is_owned(path: str) -> bool:
    """Whether a file or folder is this account's."""
    try:
        return os.stat(path).st_uid == os.geteuid()
    except OSError:
        return False


def mode_of(path: str) -> int:
    """The permissions of a file. Raises OSError."""
    return stat.S_IMODE(os.stat(path).st_mode)
