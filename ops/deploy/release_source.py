"""The source of a release: the git commits of the inventory and of the toolkit."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ops.inventory.location import inventory_path
from ops.project import PROJECT

NONE = "none"  # instead of a commit, outside a repository
_USER = re.compile(r"^([a-z+]+://)[^/@]*@")


@dataclass(frozen=True)
class Source:
    """The inventory's repository (its origin, or its folder; empty if there is none), commit and path in it.

    `clean`: nothing is uncommitted, and the inventory is tracked. `toolkit` and `toolkit_clean` are the commit and
    state of poms-ops itself.
    """

    repository: str = ""
    commit: str = NONE
    clean: bool = False
    inventory: str = ""
    toolkit: str = NONE
    toolkit_clean: bool = False

    def metadata_lines(self) -> list[str]:
        """Its lines in the release record on the host."""
        lines = [f"commit {self.commit}", f"tree {_tree(clean=self.clean)}"]
        lines += [f"repository {self.repository}"] * bool(self.repository)
        lines += [f"inventory {self.inventory}"] * bool(self.inventory)
        return [*lines, f"toolkit {self.toolkit}", f"toolkit_tree {_tree(clean=self.toolkit_clean)}"]


def read_source() -> Source:
    """The source of this run."""
    toolkit = _git(PROJECT, "rev-parse", "HEAD") or NONE
    toolkit_clean = toolkit != NONE and not _git(PROJECT, "status", "--porcelain")
    path = inventory_path().resolve()
    top = _git(path.parent, "rev-parse", "--show-toplevel")
    commit = _git(path.parent, "rev-parse", "HEAD") or NONE
    if not top:
        return Source(
            "", NONE, clean=False, inventory=_one_line(str(path)), toolkit=toolkit, toolkit_clean=toolkit_clean
        )
    tracked = _git(path.parent, "ls-files", "--error-unmatch", "--", path.name)
    origin = _git(path.parent, "config", "--get", "remote.origin.url")
    return Source(
        repository=_one_line(_USER.sub(r"\1", origin) or top),
        commit=commit,
        clean=bool(commit != NONE and tracked and not _git(path.parent, "status", "--porcelain")),
        inventory=_one_line(str(path.relative_to(Path(top).resolve()))),
        toolkit=toolkit,
        toolkit_clean=toolkit_clean,
    )


def what_is_missing(commit: str | None, toolkit: str | None) -> str:
    """The host's commit that is missing here: "commit HASH" of the inventory or of poms-ops; empty if none is.

    `toolkit` is None in a record of the previous version, whose `commit` is the toolkit's. Also empty if git cannot
    answer.
    """
    inventory = PROJECT if toolkit is None else inventory_path().resolve().parent
    if _lacks(inventory, commit):
        return f"commit {str(commit)[:12]}"
    return f"commit {str(toolkit)[:12]} of poms-ops" if _lacks(PROJECT, toolkit) else ""


def _lacks(folder: Path, commit: str | None) -> bool:
    if commit in (None, NONE) or not _git(folder, "rev-parse", "HEAD"):
        return False
    return _git(folder, "merge-base", str(commit), "HEAD") != commit


def _tree(*, clean: bool) -> str:
    return "clean" if clean else "with uncommitted changes"


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)[:300]


def _git(folder: Path, *arguments: str) -> str:
    """Git's output in `folder`; empty if it fails. GIT_ variables, which a hook may have set, are removed."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    try:
        done = subprocess.run(  # noqa: S603 - words of this module and a folder, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the operator's own git
            capture_output=True,
            text=True,
            errors="replace",
            check=True,
            env=environment,
        )
    except (OSError, ValueError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
