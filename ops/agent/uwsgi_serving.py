"""Whether uWSGI serves: whether it has workers that accept requests, and whether it hands out its sockets."""

import contextlib
import os
import time
from _socket import AF_UNIX, SOCK_STREAM, socket

from ops.agent.host_processes import read_bytes
from ops.agent.step_failed import StepFailed
from ops.agent.uwsgi_file import file_when_serving

ZERG_TRIES, ZERG_SECONDS = 10, 5.0  # just after a start it takes a moment


class Serving:
    """The file that uWSGI touches when it accepts requests.

    It exists before that, because on a full disk only its time can change.
    """

    def __init__(self, ini: str, state_dir: str) -> None:
        """Note the file's time. Raises StepFailed."""
        # The file of an old release may name an earlier state folder.
        self._path = file_when_serving(os.fsdecode(read_bytes(ini))) or os.path.join(state_dir, "uwsgi.serving")
        try:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            if not os.path.exists(self._path):
                with open(self._path, "w"):
                    pass
            self._since = self._changed()
        except OSError as error:
            raise StepFailed(str(error)) from None

    def has_begun(self) -> bool:
        """Whether it was touched since."""
        return self._changed() != self._since

    def _changed(self) -> int:
        with contextlib.suppress(OSError):
            return os.stat(self._path).st_ctime_ns
        return 0


def hands_out(path: str) -> bool:
    """Whether a zerg server answers on this socket; False at once if there is none."""
    for number in range(ZERG_TRIES + 1):
        if not os.path.exists(path):
            return False
        if number:
            time.sleep(1)
        line = socket(AF_UNIX, SOCK_STREAM)
        try:
            line.settimeout(ZERG_SECONDS)
            line.connect(path)
        except OSError:
            continue
        finally:
            line.close()
        return True
    return False
