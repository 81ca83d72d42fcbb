"""Whether a service has read a file that somebody wrote since the last deploy. Pure.

Compares two times of the host's clock: when the file was written, and when the service last read its files. If a time
is unknown, the answer is None.
"""

import posixpath
from collections.abc import Container, Iterator

from ops.deploy.snapshot import Snapshot
from ops.formats.apps import views
from ops.formats.uwsgi import serving_file
from ops.formats.web_program import web_process
from ops.rendering.rendered_file import service_of
from ops.schema import Host
from ops.services.reload import GRACEFUL, reload_methods


def pending_reads(host: Host, snapshot: Snapshot, replaced: Container[str] = ()) -> Iterator[tuple[str, str]]:
    """(file, what has not read it: "apache", "supervisord" or a program), of files written by hand.

    Where that is unknown: only of a `replaced` file, which was compared with its new text and not with what runs.
    """
    for path in snapshot.rewritten:
        for service, has_read in _readers(host, path, snapshot):
            if not (has_read or (has_read is None and path not in replaced)):
                yield path, service


def _readers(host: Host, path: str, snapshot: Snapshot) -> Iterator[tuple[str, bool | None]]:
    """Each service that uses the file, and whether it has read it."""
    service = service_of(host, path)
    if service == "apache":
        read = snapshot.read.get("apache")
        yield service, None if read is None else read >= snapshot.rewritten[path]
    elif service == "supervisord":
        yield service, not is_unread_by_supervisord(path, snapshot)
    elif service == "programs":
        for name, how, _ in reload_methods(host, [path]):
            yield name, _has_program_read(host, path, name, snapshot, graceful=how == GRACEFUL)


def _has_program_read(host: Host, path: str, name: str, snapshot: Snapshot, *, graceful: bool) -> bool | None:
    """Whether the program was started or reloaded since; one that does not run reads the file when it starts.

    A reload by hand is known only for uWSGI (`graceful`), which writes a file whenever it starts to serve.
    """
    if snapshot.programs is not None and snapshot.programs.get(name) != "RUNNING":
        return True
    served = [posixpath.basename(serving_file(view)) for view in views(host) if web_process(view) == name]
    reloaded = snapshot.read.get(served[0] if graceful and served else name)
    times = [time for time in (snapshot.started.get(name), reloaded) if time is not None]
    if times and max(times) >= snapshot.rewritten[path]:
        return True
    return None if not times or (graceful and reloaded is None) else False


def is_unread_by_supervisord(path: str, snapshot: Snapshot) -> bool:
    """Whether a running program started before its deployed file was written: its settings may have changed."""
    written = snapshot.rewritten.get(path)
    if written is None or snapshot.programs is None or path not in snapshot.deployed:
        return False
    return any(snapshot.started.get(name, written) < written for name in snapshot.programs)
