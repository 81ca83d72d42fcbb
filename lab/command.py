"""Running the machine's own programs."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from ops.errors import OperatorError


def run(*command: str | Path, fails: str, keep: int | None = None) -> str:
    """The command's stdout. Raises OperatorError with the text `fails` and the last lines of the command's output."""
    result = attempt(command, keep=keep)
    if result.returncode != 0:
        said = "\n".join((result.stderr or result.stdout).strip().splitlines()[-20:])
        raise OperatorError(f"{fails}: `{' '.join(map(str, command))}` failed ({result.returncode}).\n{said}")
    return result.stdout


def attempt(command: Sequence[str | Path], *, keep: int | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command that may fail, with output captured and stdin empty. `keep` is a file descriptor it inherits."""
    return subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        pass_fds=() if keep is None else (keep,),
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
