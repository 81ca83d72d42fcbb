"""Whether what runs has read a file that somebody wrote since the last deploy, and that is as wanted. Pure.

Judged by the host's own clock: when the file was written, and when what runs has read its files last. What is not
known is no difference: then nothing is reloaded for it.
"""

from ops.deploy.snapshot import Snapshot

SERVING = "uwsgi.serving"  # uWSGI itself writes it whenever it begins to serve (the template's hook)


def is_unread_by_apache(path: str, snapshot: Snapshot) -> bool:
    """Whether the Apache that serves has begun before the file was written."""
    read = snapshot.read.get("apache")
    return path in snapshot.rewritten and read is not None and read < snapshot.rewritten[path]


def is_unread_by_program(path: str, name: str, snapshot: Snapshot, *, graceful: bool) -> bool:
    """Whether the program runs, and has neither started nor been reloaded since; of one that does not run: no.

    A reload by hand is known of uWSGI alone (`graceful`), which tells when it began to serve.
    """
    running = (snapshot.programs or {}).get(name) == "RUNNING"
    known = [snapshot.started.get(name), snapshot.read.get(SERVING if graceful else name)]
    times = [time for time in known if time is not None]
    if path not in snapshot.rewritten or not running or not times or (graceful and known[1] is None):
        return False
    return max(times) < snapshot.rewritten[path]


def is_unread_by_supervisord(path: str, snapshot: Snapshot) -> bool:
    """Whether a program that runs has begun before the file was written: its settings may be others by now."""
    written = snapshot.rewritten.get(path)
    if written is None or snapshot.programs is None:
        return False
    return any(snapshot.started.get(name, written) < written for name in snapshot.programs)
