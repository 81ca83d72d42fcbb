"""What is longer than the terminal is read in a pager; one that is missing or fails is done without."""

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

GRACE = 2.0  # seconds that a pager gets to end by itself, after Ctrl-C


def show(lines: Sequence[tuple[str, str]]) -> None:
    """Print lines, each (text, style): in a pager where they are more than the terminal holds.

    That is $PAGER, else less. Raises KeyboardInterrupt at Ctrl-C, after the pager has ended.
    """
    command = _pager() if console.is_terminal() and console.height_of(lines) >= console.height() else []
    if not command or not _page(command, console.styled(lines)):
        console.say_lines(lines)


def _pager() -> list[str]:
    """The command, split into words; none where there is no pager, or where none is wanted ($PAGER is empty)."""
    if os.environ.get("TERM", "dumb") == "dumb":
        return []
    wanted = os.environ.get("PAGER", "less")
    try:
        words = shlex.split(wanted)
    except ValueError:  # a quote without its end
        words = ["less"]
    if words and not shutil.which(words[0]):
        words = ["less"] if shutil.which("less") else []
    if words and PurePath(words[0]).name == "less":
        words += ["-R", "-K"]  # colours are shown, and Ctrl-C ends it
    return words


def _page(command: list[str], text: str) -> bool:
    """Whether the pager has shown it, and ended well."""
    # Secure: it runs no other program, and writes no file. There are no control characters but those of colours.
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
    """Wait for it, and end it where it does not end by itself."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        pager.wait(GRACE)
        return
    pager.kill()
    pager.wait()


@contextlib.contextmanager
def _terminal_kept() -> Iterator[None]:
    """Whatever becomes of a pager, the terminal is as it was."""
    before = termios.tcgetattr(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
