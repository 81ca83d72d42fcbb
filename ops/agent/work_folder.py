"""A folder of the agent's own while it answers, removed afterwards."""

import binascii
import os

from ops.agent.processes import run

PLACES = ("/tmp", "/dev/shm", "/var/tmp")  # noqa: S108 - the folder's name is random, and only the account may enter it
REMOVAL_SECONDS = 60.0


class WorkFolder:
    """The folder as a context: in /tmp, or where that takes no file, elsewhere, in the account's home at the last.

    `problem`: why /tmp takes none, or "".
    """

    def __init__(self) -> None:
        self.path = self.problem = ""
        name = "poms-ops." + binascii.hexlify(os.urandom(8)).decode()
        home = os.environ.get("HOME", "/")
        for path in [*(os.path.join(place, name) for place in PLACES), os.path.join(home, f".{name}")]:
            try:
                _make(path)
            except OSError as error:
                self.problem = self.problem or f"{os.path.dirname(path)}: {error.strerror}"
            else:
                self.path = path
                return
        raise OSError(self.problem)

    def __enter__(self) -> "WorkFolder":
        return self

    def __exit__(self, *_: object) -> None:
        run(["rm", "-rf", self.path], seconds=REMOVAL_SECONDS)


def _make(path: str) -> None:
    """Make a folder that takes a file: the disk may be full. Raises OSError."""
    os.mkdir(path, 0o700)
    file = os.path.join(path, "file")
    try:
        with open(file, "w") as out:
            out.write("some text")
        os.remove(file)
    except OSError:
        run(["rm", "-rf", path], seconds=REMOVAL_SECONDS)
        raise
