"""uWSGI's workers, from its stats server and its log. Changes nothing.

The answer has numbers and words of ours only: the stats server shows the headers of running requests, and the log
their addresses. The stats server's fields are those of uWSGI 2.0.31 (core/stats.c).
"""

import json
import os
import re
import socket
import time

from ops.agent.time_zones import use_zone, zone_of
from ops.agent.uwsgi_log_times import TIMES, seconds_of
from ops.agent.workers_messages import WorkerPoolState, WorkerState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import Any

    from ops.agent.messages import Message
    from ops.agent.workers_messages import WorkersRequest

PIECES, PIECE, TAIL = 24, 32768, 524288  # bytes read from all over the log, and from its end
SHORT_TAIL = 131072
POINTS = 60  # for each process
STATES = ("idle", "busy", "cheap", "pause")


def answer(request: "WorkersRequest") -> "Iterator[Message]":
    """The workers; their memory over time and why they were replaced, if the request names a log."""
    now, workers, queue_errors, problem = int(time.time()), [], 0, ""
    try:
        stats = _read_stats(request.stats)
        workers = [_worker(number, found) for number, found in enumerate(stats["workers"], 1)]
        use_zone(zone_of(stats.get("pid", 0)))
        queue_errors = int(stats.get("listen_queue_errors", 0))
    except OSError as error:
        problem = error.strerror or str(error)
    except (ValueError, LookupError, TypeError, AttributeError):
        problem = "it does not answer as uWSGI's stats server does"
    history, log_problem = _History({name: re.compile(text) for name, text in request.patterns.items()}), ""
    try:
        if request.log and request.patterns:
            history.read_all(request.log)
        elif request.log:
            history.read_end(request.log)
    except OSError as error:
        log_problem = error.strerror or str(error)
    for worker in workers:
        history.add_to(worker)
    yield WorkerPoolState(
        now=now, workers=workers, queue_errors=queue_errors, problem=problem, log_problem=log_problem
    )


def _read_stats(path: str) -> "dict[str, Any]":
    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(5)
        server.connect(path)
        received = b""
        while True:
            part = server.recv(65536)
            if not part:
                found: dict[str, Any] = json.loads(received.decode("utf-8", "replace"))
                return found
            received += part


def _worker(number: int, found: "Mapping[str, Any]") -> WorkerState:
    cores = found.get("cores", [])
    busy = len([core for core in cores if core.get("in_request")])
    state = found.get("status", "")
    if busy:  # uWSGI calls one cheap that was sent away and still has a request to end
        state = "busy"
    elif state not in STATES:
        state = "busy" if state[:3] == "sig" else "unknown"
    return WorkerState(
        id=number,  # the server's is 0 until the first start
        pid=int(found.get("pid", 0)),
        state=state,
        requests=int(found.get("requests", 0)),
        exceptions=int(found.get("exceptions", 0)),
        harakiris=int(found.get("harakiri_count", 0)),
        resident=int(found.get("rss", 0)),
        size=int(found.get("vsz", 0)),
        spawns=int(found.get("respawn_count", 0)),
        last_spawn=int(found.get("last_spawn", 0)),
        cores=len(cores),
        busy_cores=busy,
    )


class _History:
    """What the lines of a log say, read in their order."""

    def __init__(self, patterns: "dict[str, re.Pattern[str]]") -> None:
        self._patterns = patterns
        self._points: dict[int, list[tuple[int, int]]] = {}  # process id to (seconds, bytes)
        self._reasons: dict[int, dict[str, int]] = {}  # worker to reason to how often
        self._last: dict[int, str] = {}  # worker to the last of its reasons
        self._due: dict[int, str] = {}  # worker to why it is about to be replaced

    def read_all(self, path: str) -> None:
        """Read pieces from all over the log for the memory of the processes, and its end for the reasons."""
        text = ""
        for text in _pieces(path):
            for line in text.split("\n"):
                self._measure(line[-4000:])
        # The end has no gap: what stands before a worker's end in the text came before it.
        self._note_all(text.split("\n"))

    def read_end(self, path: str) -> None:
        """Read the end of the log for the reasons of late."""
        with open(path, "rb") as log:
            size = os.path.getsize(path)
            log.seek(max(0, size - SHORT_TAIL))
            lines = log.read(SHORT_TAIL).decode("utf-8", "replace").split("\n")
        self._note_all(lines[1:] if size > SHORT_TAIL else lines)

    def add_to(self, worker: WorkerState) -> None:
        """Put into `worker` what was read of it and of its process."""
        worker.points = _thinned(self._points.get(worker.pid, []))
        worker.reasons = self._reasons.get(worker.id, {})
        worker.last_reason = self._last.get(worker.id, "")

    def _measure(self, line: str) -> None:
        found = {}
        for field, pattern in self._patterns.items():
            values = pattern.findall(line)
            if values:
                found[field] = values[-1]
        size = int(found["vsz"]) if "vsz" in found else int(found.get("vszM", 0)) * 1048576
        times = [field for field in TIMES if field in found]
        if size and times and "pid" in found:
            try:
                moment = seconds_of(times[0], found[times[0]])
            except (ValueError, OverflowError):
                return
            self._points.setdefault(int(found["pid"]), []).append((int(moment), size))

    def _note_all(self, lines: "Iterable[str]") -> None:
        for line in lines:
            for pattern, reason in EVENTS:
                match = pattern.match(line)
                if match:
                    self._note(reason, int(match.group(1)), match.group(match.lastindex or 1))
                    break

    def _note(self, reason: str, worker: int, last_group: str) -> None:
        """Note one of uWSGI's own lines (core/master_checks.c, core/master.c and core/uwsgi.c of 2.0.31)."""
        if reason == "spawned":  # by a master that has started again: its counts start again, too
            for known in (self._reasons, self._last, self._due):
                known.pop(worker, None)
        elif reason == "respawned":
            why = self._last[worker] = self._due.pop(worker, "unknown")
            counts = self._reasons.setdefault(worker, {})
            counts[why] = counts.get(why, 0) + 1
        elif reason == "done":  # no reason is named if a worker ends after its request: its size says it
            points = self._points.get(int(last_group), [])
            self._due.setdefault(worker, f"size {max([point[1] for point in points[-20:]] or [0])}")
        elif reason == "signal":
            self._due.setdefault(worker, f"signal {int(last_group)}")
        else:
            self._due[worker] = reason


EVENTS = [  # from the line's beginning, which no request can write
    (re.compile(r"(?:\w{3} \w{3} [ \d]\d [\d:]{8} \d{4} - )?" + text), reason)
    for text, reason in (
        (r"\*\*\* EVIL RELOAD ON WORKER (\d+) ADDRESS SPACE", "evil"),
        (r"\*\*\* EVIL RELOAD ON WORKER (\d+) RSS", "evil-rss"),
        (r"\*\*\* HARAKIRI ON WORKER (\d+) ", "harakiri"),
        (r"worker (\d+) lifetime reached", "lifetime"),
        (r"\.\.\. monitored exception detected, respawning worker (\d+) ", "exception"),
        (r"uWSGI worker (\d+) cheaped", "cheap"),
        (r"worker (\d+) killed successfully \(pid: (\d+)\)", "done"),
        (r"DAMN ! worker (\d+) \(pid: \d+\) .*killed by signal (\d+) ", "signal"),
        (r"DAMN ! worker (\d+) \(pid: \d+\) died :\(", "died"),
        (r"Respawned uWSGI worker (\d+) ", "respawned"),
        (r"spawned uWSGI worker (\d+) ", "spawned"),
    )
]


def _pieces(path: str) -> "Iterator[str]":
    """Texts from all over the log, in its order, cut at line breaks; the last one is its end, without a gap."""
    size = os.path.getsize(path)
    rest = max(0, size - TAIL)
    count = min(PIECES, -(-rest // PIECE))
    spans = [(rest * number // count, min(PIECE, rest // count)) for number in range(count)]
    with open(path, "rb") as log:
        for start, length in [*spans, (rest, TAIL)]:
            log.seek(start)
            text = log.read(length).decode("utf-8", "replace")
            yield (text if start == 0 else text.partition("\n")[2]).rpartition("\n")[0]


def _thinned(points: "list[tuple[int, int]]") -> "list[tuple[int, int]]":
    step = -(-len(points) // POINTS)
    return points[::-1][:: max(1, step)][::-1]
