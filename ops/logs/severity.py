"""The severity of a log line, by the words that its writer uses."""

import re
from typing import Literal

from ops.logs.stream import LogLine

Severity = Literal["error", "warning", "debug", ""]

# Python's logging, supervisord and shibd; Apache's error log; uWSGI; the status in lines of requests.
_PATTERNS: dict[Severity, re.Pattern[str]] = {
    "error": re.compile(
        r"\b(ERROR|CRIT(ICAL)?|FATAL|ALERT|EMERG)\b|:(error|crit|alert|emerg)\]"
        r"|Traceback \(most recent|^[\w.]+(Error|Exception)\b|DAMN ?!|(\"|=>) 5\d\d\b"
    ),
    "warning": re.compile(r"\bWARN(ING)?\b|:warn\]|(\"|=>) 4\d\d\b"),
    "debug": re.compile(r"\bDEBUG\b|:(debug|trace\d)\]"),
}


def severity(text: str) -> Severity:
    """The highest severity in the line; "" where it has none."""
    return next((kind for kind, words in _PATTERNS.items() if words.search(text)), "")


class Severities:
    """The severity of lines within their entries: a traceback below an error is an error too."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], Severity] = {}  # per log, that of its current entry

    def of(self, line: LogLine) -> Severity:
        """The severity of the line; for one that continues an entry, at least the entry's."""
        log, kind = (line.host, line.label), severity(line.text)
        if line.continues:
            kind = min(kind, self._last.get(log, ""), key=[*_PATTERNS, ""].index)
        self._last[log] = kind
        return kind
