"""The record of a deploy: its name, who made it, from which commit."""

import getpass
import secrets
import socket
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime

from ops.inventory import PROJECT


@dataclass(frozen=True)
class Release:
    """One deploy to one host, as it will be found there. `clean`: nothing uncommitted lay in the checkout."""

    name: str
    who: str
    commit: str
    clean: bool
    purpose: str = "deploy"

    def meta_lines(self) -> list[str]:
        """What the record on the host says, a fact a line."""
        state = "clean" if self.clean else "with uncommitted changes"
        return [f"release {self.name}", f"for {self.purpose}", f"by {self.who}", f"commit {self.commit} {state}"]


def new_release(purpose: str = "deploy") -> Release:
    """A name that sorts by time, the local user and machine, and git's HEAD ("none" outside a checkout)."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    commit = _git("rev-parse", "HEAD") or "none"
    clean = commit != "none" and not _git("status", "--porcelain")
    return Release(f"{stamp}-{secrets.token_hex(2)}", operator(), commit, clean, purpose)


def operator() -> str:
    """Who is at work here, as other operators know them: local user and machine."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(PROJECT), *arguments], capture_output=True, text=True, check=True)  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
