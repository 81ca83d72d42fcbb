"""Whether a service has read a file with the wanted content that somebody wrote since the last deploy. Pure.

Compares two times of the host's clock: when the file was written, and when the service last read its files. If a time
is unknown, nothing is reloaded.
"""

import posixpath

from ops.deploy.snapshot import Snapshot
from ops.formats.apps import views
from ops.formats.uwsgi import serving_file
from ops.formats.web_program import web_process
from ops.schema import Host


def is_unread_by_apache(path: str, snapshot: Snapshot) -> bool:
    """Whether the running Apache has read its files before this file was written."""
    read = snapshot.read.get("apache")
    return path in snapshot.rewritten and read is not None and read < snapshot.rewritten[path]


def is_unread_by_program(host: Host, path: str, name: str, snapshot: Snapshot, *, graceful: bool) -> bool:
    """Whether the program runs and was neither started nor reloaded since; False if it does not run.

    A reload by hand is known only for uWSGI (`graceful`), which writes a file whenever it starts to serve.
    """
    running = (snapshot.programs or {}).get(name) == "RUNNING"
    served = [posixpath.basename(serving_file(view)) for view in views(host) if web_process(view) == name]
    known = [snapshot.started.get(name), snapshot.read.get(served[0] if graceful and served else name)]
    times = [time for time in known if time is not None]
    if path not in snapshot.rewritten or not running or not times or (graceful and known[1] is None):
        return False
    return max(times) < snapshot.rewritten[path]


def is_unread_by_supervisord(path: str, snapshot: Snapshot) -> bool:
    """Whether a running program started before the file was written: its settings may have changed."""
    written = snapshot.rewritten.get(path)
    if written is None or snapshot.programs is None:
        return False
    return any(snapshot.started.get(name, written) < written for name in snapshot.programs)
