"""A pager for text that is longer than the terminal; without a working pager, the text is just printed."""

import contextlib
import os
import shlex
import shutil
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from ops.ui import console

GRACE = 2.0  # seconds that a pager has to end after Ctrl-C, before it is killed


def show(lines: Sequence[tuple[str, str]]) -> None:
    """Print lines, each (text, style): in a pager if they do not fit on the terminal.

    The pager is $PAGER, or else less. Raises KeyboardInterrupt at Ctrl-C, after the pager has ended.
    """
    command = _pager() if console.is_terminal() and console.height_of(lines) >= console.height() else []
    if not command or not _page(command, console.styled(lines)):
        console.print_lines(lines)


def _pager() -> list[str]:
    """The command, split into words; empty where there is no pager, or $PAGER is empty."""
    if os.environ.get("TERM", "dumb") == "dumb":
        return []
    wanted = os.environ.get("PAGER", "less")
    try:
        words = shlex.split(wanted)
    except ValueError:  # an unclosed quote
        words = ["less"]
    if words and not shutil.which(words[0]):
        words = ["less"] if shutil.which("less") else []
    if words and PurePath(words[0]).name == "less":
        words += ["-R", "-K"]  # show colours, end at Ctrl-C
    return words


def _page(command: list[str], text: str) -> bool:
    """Show the text in the pager; whether it ended without an error."""
    # LESSSECURE: less runs no other program and writes no file. The text has no control characters but colour codes.
    environment = {name: value for name, value in os.environ.items() if name not in ("LESSOPEN", "LESSCLOSE")}
    try:
        pager = subprocess.Popen(command, stdin=subprocess.PIPE, env=environment | {"LESSSECURE": "1"})  # noqa: S603 - the operator's own
    except OSError:
        return False
    with _terminal_kept():
        try:
            pager.communicate(text.encode(sys.stdout.encoding or "utf-8", "backslashreplace"))
        except BaseException:
            _end(pager)
            raise
    return pager.returncode == 0


def _end(pager: "subprocess.Popen[bytes]") -> None:
    """Wait for the pager to end; kill it after GRACE seconds."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        pager.wait(GRACE)
        return
    pager.kill()
    pager.wait()


@contextlib.contextmanager
def _terminal_kept() -> Iterator[None]:
    """Restore the terminal's settings after the pager."""
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
