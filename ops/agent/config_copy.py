"""Apache's own test (-t) on a copy of its files, where this host allows no trial start.

ServerRoot is set to the copy. Links in it (modules, logs, run) keep their targets.
"""

import os
import re

from ops.agent import staged_tree
from ops.agent.apache_directives import files_below
from ops.agent.processes import run
from ops.agent.validation_failed import ValidationFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.apache_messages import ApacheConfiguration
    from ops.agent.staged_tree import StagedFile

MAIN_FILE = re.compile(r'SERVER_CONFIG_FILE="(.*)"')
SECONDS = 60.0  # for a run of httpd
FAILS_TOO = "Apache's own test of a copy fails with the current files, too"


def why_untested(apache: "ApacheConfiguration", files: "list[StagedFile]", work: str) -> str:
    """Test a copy with the staged files: "" if it passes, or why that proves nothing on this host.

    Raises ValidationFailed if the new files are at fault.
    """
    copy = _lay_out(apache.server_root, work)
    for file in staged_tree.below(apache.server_root, files):
        staged_tree.place(file, copy + file.path[len(apache.server_root) :])
    _point_to(copy, apache.server_root)
    problem, read = _test(apache.httpd, copy)
    if problem is None:
        return "" if _are_read(files, apache.server_root, copy, read) else FAILS_TOO
    copy = _lay_out(apache.server_root, work)
    _point_to(copy, apache.server_root)
    if _test(apache.httpd, copy)[0] is None:
        raise ValidationFailed(problem)
    return FAILS_TOO


def _lay_out(server_root: str, work: str) -> str:
    copy = os.path.join(work, "folder.root")
    staged_tree.remove(copy)
    os.mkdir(copy)
    for name in sorted(os.listdir(server_root)) if os.path.isdir(server_root) else []:
        path, target = os.path.join(server_root, name), os.path.join(copy, name)
        if os.path.islink(path):
            os.symlink(os.path.realpath(path), target)
        else:  # a key that this account cannot read is left out
            run(["cp", "-RL", path, target], seconds=staged_tree.COPY_SECONDS)
    return copy


def _point_to(copy: str, server_root: str) -> None:
    """Let the copy's files name the copy as ServerRoot, and include what is in it."""
    start = rb"^([ \t]*(?:ServerRoot|Include|IncludeOptional)[ \t]+[\"']?)"
    named = re.compile(
        start + re.escape(os.fsencode(server_root)) + rb"(?=[/\"' \t]|$)", re.IGNORECASE | re.MULTILINE
    )
    for path in files_below(copy):
        if os.path.isfile(path):
            with open(path, "rb") as file:
                text = file.read()
            with open(path, "wb") as file:
                file.write(named.sub(lambda match: match.group(1) + os.fsencode(copy), text))


def _test(httpd: str, copy: str) -> "tuple[str | None, str]":
    """What is wrong, or None; and the files that httpd has read."""
    found = MAIN_FILE.search(run([httpd, "-V"], seconds=SECONDS).text)
    words = [httpd, "-t", "-d", copy, "-f", found.group(1) if found else ""]
    for more in ([], ["-D", "DUMP_INCLUDES"]):
        ended = run([*words, *more], seconds=SECONDS)
        if ended.code:
            return ended.text, ""
    return None, ended.text


def _are_read(files: "list[StagedFile]", server_root: str, copy: str, read: str) -> bool:
    """Whether httpd has read all of the staged files: otherwise, its test proves nothing."""
    paths = [file.path for file in staged_tree.below(server_root, files) if file.content is not None]
    return all(copy + path[len(server_root) :] in read for path in paths if path.endswith(".conf"))
