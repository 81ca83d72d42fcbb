"""The request for uWSGI's workers, and its answer."""

from ops.agent.messages import Message


class WorkersRequest(Message):
    """uWSGI's workers, from its stats server `stats`, a socket.

    `log`: uWSGI's log. With `patterns`, a regular expression for each field of a line, it is read for the memory of
    the workers; otherwise only its end is read, for why workers were replaced.
    """

    stats: str
    log: str = ""
    patterns: "dict[str, str]" = {}


class WorkerState(Message):
    """One worker: sizes in bytes, `last_spawn` in seconds since 1970, `points` as (seconds since 1970, bytes).

    `spawns` counts its processes; `reasons` why earlier ones were replaced, as far back as the log was read.
    """

    id: int
    pid: int
    state: str
    requests: int
    exceptions: int
    harakiris: int
    resident: int
    size: int
    spawns: int
    last_spawn: int
    cores: int
    busy_cores: int
    points: "list[tuple[int, int]]" = []
    reasons: "dict[str, int]" = {}
    last_reason: str = ""


class WorkerPoolState(Message):
    """All workers at the time `now` of the host's clock, in seconds since 1970.

    `problem` says why the stats server, `log_problem` why the log could not be read.
    """

    now: int
    workers: "list[WorkerState]"
    queue_errors: int
    problem: str = ""
    log_problem: str = ""
