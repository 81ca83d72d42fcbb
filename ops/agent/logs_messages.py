"""The request for lines of logs, and its answers."""

from ops.agent.messages import Message


class LogsRequest(Message):
    """The last `lines` of each log, or those `since`; none later than `until`; `follow`: new lines, too, without end.

    `logs` are (path, writer): the writer is a program, or supervisord, whose time zone the lines are in, or "". With
    `positions`, some for each log, it goes on behind these. `since` and `until` are seconds ago, or a time as logs
    write it. With `pattern`, a basic regular expression, only entries with a line that matches it are shown.
    """

    logs: "list[tuple[str, str]]" = []
    positions: "list[list[str]]" = []
    lines: int = 20
    since: "int | str | None" = None
    until: "int | str | None" = None
    pattern: str = ""
    ignore_case: bool = False
    follow: bool = False


class LogLines(Message):
    """Lines of logs, as (number of the log, seconds since 1970, text, length, whether it continues an entry).

    `length` is 0, or that of a line in characters of which the text is the beginning; a time is 0.0 if it is unknown.
    `positions` are (number of the log, how far it was read now), to continue there: a position is one in a file of
    the log, whose name ends at its first colon, or "none" if there is no file yet.
    """

    lines: "list[tuple[int, float, str, int, bool]]"
    positions: "list[tuple[int, str]]"


class LogState(Message):
    """A log is "missing", "unreadable" or "nofile" (no regular file), or was "cut", emptied while it was read.

    "gap": the file of its last position is gone.
    """

    log: int
    state: str


class LogDamage(Message):
    """A file of a log is not read to its end: "torn" (it is cut off), "broken", or "unknown": not at all."""

    log: int
    file: str
    problem: str


class LogsLive(Message):
    """All old lines have been shown; from now on lines come as they are written."""


class LogPatternRefused(Message):
    """The pattern is wrong, as grep's message says."""

    message: str


class LogTimesReversed(Message):
    """By the host's clock and zone, `until` is before `since`."""
