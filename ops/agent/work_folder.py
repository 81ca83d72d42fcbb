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
        home = os.path.join(os.environ.get("HOME", "/"), f".{name}")
        for path in [*(os.path.join(place, name) for place in PLACES), home]:
            try:
                os.mkdir(path, 0o700)
                with open(os.path.join(path, "file"), "w") as file:
                    file.write("a disk may be full")
                os.remove(file.name)
            except OSError as error:
                self.problem = self.problem or str(error)
            else:
                self.path = path
                return
        raise OSError(self.problem)

    def __enter__(self) -> "WorkFolder":
        return self

    def __exit__(self, *_: object) -> None:
        run(["rm", "-rf", self.path], seconds=REMOVAL_SECONDS)
