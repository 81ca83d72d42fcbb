"""uWSGI's workers on a host: their state, memory, growth, and why they were replaced."""

import time
from dataclasses import dataclass, field, replace
from typing import Any

from ops.agent.workers_messages import WorkerPoolState, WorkersRequest, WorkerState
from ops.formats.apps import views
from ops.formats.processes import stdout_log
from ops.formats.uwsgi_log import RECORD, patterns
from ops.formats.web_program import web_program
from ops.monitoring.worker_history import MEGABYTE, Point, growth, hours_left, reaches, span, why
from ops.schema import Host
from ops.ssh.agent_answers import Answer
from ops.ssh.session import Remote

MOST_POINTS = 1000  # the most points of a record
NEAR_LIMIT = 0.9  # part of the soft limit; a worker above it is near the limit
LATE, MANY = 300, 3  # seconds; so many workers killed within them, with lost requests, are a finding


@dataclass(frozen=True)
class Worker:
    """One worker: sizes in bytes, times in seconds. `record` is that of its present process, from uWSGI's log.

    `state` is idle, busy, cheap (stopped while there is little load) or pause; `busy_cores` of `cores` threads
    handle a request. `reasons` counts why it was replaced, as far back as the log was read; `last` is the latest.
    """

    id: int
    pid: int
    state: str
    requests: int = 0
    size: int = 0
    resident: int = 0
    age: int = 0
    reloads: int = 0
    busy_cores: int = 0
    cores: int = 1
    exceptions: int = 0
    harakiris: int = 0
    record: tuple[Point, ...] = ()
    reasons: dict[str, int] = field(default_factory=dict)
    last: str = ""

    @property
    def runs(self) -> bool:
        """Whether there is a process; the numbers of a cheap worker are those of its last process."""
        return self.state != "cheap"


@dataclass(frozen=True)
class WorkerPool:
    """A host's workers at the time `now` of its clock.

    `problem` says why their state is unknown, `log_problem` why their history is. `queue_errors` counts how often the
    listen queue was full since uWSGI started.
    """

    workers: tuple[Worker, ...] = ()
    now: int = 0
    queue_errors: int = 0
    problem: str = ""
    log_problem: str = ""

    def largest(self) -> Worker | None:
        """The running worker with the most address space."""
        return max((worker for worker in self.workers if worker.runs), key=lambda worker: worker.size, default=None)

    def count(self, state: str) -> int:
        """How many workers are in that state."""
        return sum(worker.state == state for worker in self.workers)


Pools = dict[str, WorkerPool]  # of each app that a program runs, by its name


def request(host: Host, *, record: bool = True, reasons: bool = False) -> WorkersRequest:
    """The request to the agent; without `record`, only the end of the log is read for `reasons`, or none."""
    asked = WorkersRequest(stats=str(host.uwsgi.options.get("stats", "")))
    name = web_program(host)
    if name and (record or reasons):
        asked.log = stdout_log(host, name)
        asked.patterns = patterns(host, RECORD) if record else {}
    return asked


def parse(host: Host, answer: Answer) -> WorkerPool:
    """Read the agent's answer. Raises HostError if it is malformed."""
    if not isinstance(host.uwsgi.options.get("stats"), str):
        return WorkerPool(
            problem="uWSGI has no stats server: set uwsgi.options.stats to a path in one of the account's folders"
        )
    found = answer.only(WorkerPoolState)
    if found.problem:
        return WorkerPool(problem=f"the stats server {host.uwsgi.options['stats']}: {found.problem}")
    workers = tuple(_worker(one, found.now) for one in found.workers)
    return WorkerPool(workers, found.now, found.queue_errors, log_problem=found.log_problem)


def _worker(found: WorkerState, now: int) -> Worker:
    return Worker(
        id=found.id,
        pid=found.pid,
        state=found.state,
        requests=found.requests,
        size=found.size,
        resident=found.resident,
        age=max(0, now - found.last_spawn) if found.last_spawn else 0,
        reloads=max(0, found.spawns - 1),
        busy_cores=found.busy_cores,
        cores=found.cores,
        exceptions=found.exceptions,
        harakiris=found.harakiris,
        record=tuple(Point(*point) for point in found.points),
        reasons=found.reasons,
        last=found.last_reason,
    )


def facts(host: Host, pools: Pools) -> dict[str, Any]:
    """The workers as --json prints them: sizes in MB, times in seconds, growth in MB an hour.

    Those of the first app, and in `apps` those of each further one, by its name.
    """
    first, *others = [(view, pools.get(view.app_name, WorkerPool())) for view in views(host)]
    return _pool_facts(*first) | {"apps": {view.app_name: _pool_facts(view, pool) for view, pool in others}}


def _pool_facts(host: Host, pool: WorkerPool) -> dict[str, Any]:
    soft, hard = host.uwsgi.reload_on_as, host.uwsgi.evil_reload_on_as
    return {
        "problem": pool.problem or pool.log_problem or None,
        "queue_errors": pool.queue_errors,
        "soft_limit": soft,
        "hard_limit": hard,
        "workers": [_facts(worker, host) for worker in pool.workers],
    }


def _facts(worker: Worker, host: Host) -> dict[str, Any]:
    rate, left = growth(worker.record), hours_left(worker.size, host.uwsgi.reload_on_as, worker.record)
    plain = ("id", "pid", "state", "requests", "age", "busy_cores", "cores", "exceptions", "harakiris", "reloads")
    return {name: getattr(worker, name) for name in plain} | {
        "address_space": round(worker.size / MEGABYTE, 1),
        "resident": round(worker.resident / MEGABYTE, 1),
        "reasons": {why(reason, host): count for reason, count in worker.reasons.items()},
        "last_reload": why(worker.last, host) if worker.last else None,
        "growth": None if rate is None else round(rate / MEGABYTE, 1),
        "record": round(span(worker.record)),
        "hours_to_soft_limit": None if left is None else round(left, 2),
    }


def collect(remote: Remote, *, record: bool = True) -> Pools:
    """Read the workers of each app that a program of the host runs, with or without their `record`."""
    served = [view for view in views(remote.host) if web_program(view)]
    answers = remote.answers(*(request(view, record=record) for view in served)) if served else []
    return {view.app_name: parse(view, answer) for view, answer in zip(served, answers, strict=True)}


class Trend:
    """One host's workers over time: its logs, read every `every` seconds, and all measurements since."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._read_at = 0.0
        self._pools: Pools = {}

    def collect(self, remote: Remote) -> Pools:
        """The workers now, with their known history."""
        is_whole = bool(self._pools) and all(pool.workers for pool in self._pools.values())
        record = time.monotonic() - self._read_at > self._every or not is_whole
        found = collect(remote, record=record)
        if record:
            self._read_at = time.monotonic()
        self._pools = {
            name: now if now.problem else joined(now, self._pools.get(name, WorkerPool()), record=record)
            for name, now in found.items()
        }
        return self._pools


def joined(now: WorkerPool, earlier: WorkerPool, *, record: bool) -> WorkerPool:
    """`now` with the record that `earlier` has of the same processes; without `record`, with its reasons too."""
    known = {worker.id: worker for worker in earlier.workers}
    together = []
    for worker in now.workers:
        before = known.get(worker.id, replace(worker, record=()))
        past = {point.time: point for point in (*worker.record, *before.record)} if before.pid == worker.pid else {}
        points = sorted(past.values() or worker.record, key=lambda point: point.time)
        points += [Point(now.now, worker.size)] if worker.runs else []
        told = worker if record else before
        kept = tuple(points[-MOST_POINTS:])
        together.append(replace(worker, record=kept, reasons=told.reasons, last=told.last))
    return replace(now, workers=tuple(together), log_problem=now.log_problem if record else earlier.log_problem)


def lost_of_late(pool: WorkerPool) -> tuple[dict[str, int], int] | None:
    """The reasons that killed workers during requests, each with its count, and the seconds since the last time.

    Only of workers that were last killed so within `LATE` seconds, as far back as the log was read; None below `MANY`
    in all.
    """
    late = [worker for worker in pool.workers if worker.runs and worker.age <= LATE and _lost(worker.last)]
    counts: dict[str, int] = {}
    for worker in late:
        for reason, count in worker.reasons.items():
            if _lost(reason):
                counts[reason] = counts.get(reason, 0) + count
    return (counts, min(worker.age for worker in late)) if sum(counts.values()) >= MANY else None


def _lost(reason: str) -> bool:
    """Whether a worker that is replaced for this reason loses its requests."""
    return reason.partition(" ")[0] in ("evil", "evil-rss", "harakiri", "signal", "died")


def needs_attention(host: Host, pools: Pools) -> bool:
    """Whether the state of an app's workers is unknown, or one is over the soft limit."""
    for view in views(host):
        pool = pools.get(view.app_name, WorkerPool())
        largest = pool.largest()
        if pool.problem or (largest and reaches(largest.size, view.uwsgi.reload_on_as)):
            return True
    return False
