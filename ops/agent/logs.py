"""The last lines of logs, or those since a time; then, if asked, the lines that are written."""

import heapq
import time

from ops.agent.alive import show_alive
from ops.agent.log_output import Output
from ops.agent.log_pattern import PatternRefused, Wanted
from ops.agent.log_request import asked_logs, moment
from ops.agent.logs_messages import LogPatternRefused, LogsLive, LogTimesReversed
from ops.agent.operator_watch import end_all, watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ops.agent.log_rotation import Log
    from ops.agent.logs_messages import LogsRequest
    from ops.agent.messages import Message

EVERY = 0.2  # seconds between two looks at the logs
TELL_POSITIONS_EVERY = 3.0  # seconds
UNTIMED = 20  # lines that are shown of a log without times, of whatever time they are


def answer(request: "LogsRequest") -> "Iterator[Message]":
    """The lines in the order of time, as far as logs have times; with `follow`, without end."""
    watch(end_all)
    output = Output()
    since, until = moment(request.since, float("inf")), moment(request.until, None)
    if since is not None and until is not None and until < since:
        yield LogTimesReversed()
        return
    try:
        wanted = Wanted(request.pattern, request.ignore_case, until)
    except PatternRefused as refused:
        yield LogPatternRefused(message=str(refused))
        return
    logs = asked_logs(request.logs, output)
    for log, positions in zip(logs, request.positions or [[]] * len(logs)):
        if positions:
            log.resume(positions)
        elif since is not None:
            log.begin_at_time(since, UNTIMED, wanted)
        else:
            log.begin_at_last(request.lines, wanted)
    yield from output.taken()
    if request.follow:
        yield from _follow(logs, wanted, output)
    elif request.lines or since is not None:
        yield from _poured(logs, wanted, output, last=True)


def _poured(
    logs: "list[Log]", wanted: Wanted, output: Output, is_live: bool = False, last: bool = False
) -> "Iterator[Message]":
    """Everything that was not read yet."""
    for seconds, number, (file, line) in heapq.merge(*[log.lines(wanted, is_live, last) for log in logs]):
        output.add(number, seconds, file, line)
        if output.ready:
            yield from output.taken()
    output.flush()
    yield from output.taken()


def _follow(logs: "list[Log]", wanted: Wanted, output: Output) -> "Iterator[Message]":
    yield from _poured(logs, wanted, output)
    output.tell_positions({log.number: log.reached() for log in logs})
    output.tell(LogsLive())
    yield from output.taken()
    told = time.monotonic()
    while True:
        time.sleep(EVERY)
        show_alive()
        for log in logs:
            log.look()
        yield from _poured(logs, wanted, output, is_live=True)
        if time.monotonic() - told >= TELL_POSITIONS_EVERY:
            told = time.monotonic()
            output.tell_positions({log.number: log.reached() for log in logs})
            yield from output.taken()
