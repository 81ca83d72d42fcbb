"""What this account may do on its host, tried without changing anything."""

import os
import pwd
import time

from ops.agent.doctor_messages import AccountFacts, SudoGrant
from ops.agent.lock import LOCK, Unlockable, is_locked
from ops.agent.processes import clean_environment
from ops.agent.products import program_in
from ops.agent.sudo_rules import grant_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.doctor_messages import DoctorRequest


def account_facts(request: "DoctorRequest", temporary_problem: str) -> AccountFacts:
    """All of it; `temporary_problem`: why /tmp takes no file, or ""."""
    entry = pwd.getpwuid(os.getuid())
    disk = os.statvfs(entry.pw_dir if os.path.isdir(entry.pw_dir) else "/")
    environment = clean_environment()
    return AccountFacts(
        now=int(time.time()),
        account=entry.pw_name,
        shell=entry.pw_shell,
        unwritable=[path for path in request.writes if not _may_write(path)],
        grants=[_grant(name, words, request.sudo_password) for name, words in request.grants],
        missing_tools=[name for name in request.tools if not program_in(environment, name)],
        lock_problem=_lock_problem(os.path.join(request.supervisord.state_dir, LOCK)),
        temporary_problem=temporary_problem,
        free_kilobytes=disk.f_bavail * disk.f_frsize // 1024,
        free_inodes=disk.f_favail if disk.f_files else None,
    )


def existing(path: str) -> str:
    """The path, or the nearest folder above it that exists."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return path


def _may_write(path: str) -> bool:
    """Whether the account may make the file, and the folders that are missing."""
    return os.access(path, os.W_OK) or os.access(existing(os.path.dirname(path)), os.W_OK)


def _grant(name: str, words: "list[str]", sudo_password: str) -> SudoGrant:
    granted, said = grant_of(words, sudo_password)
    return SudoGrant(name=name, granted=granted, said=said)


def _lock_problem(path: str) -> str:
    """On the lock's own file system."""
    try:
        is_locked(existing(path))
    except Unlockable as error:
        return str(error)
    return ""
