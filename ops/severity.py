"""How bad the thing is that a line of a log tells of, by the words that its writer has for that."""

import re
from typing import Literal

Severity = Literal["error", "warning", "debug", ""]

# Python's logging, supervisord and shibd; Apache's error log; uWSGI; the status in lines of requests.
_WORDS: dict[Severity, re.Pattern[str]] = {
    "error": re.compile(
        r"\b(ERROR|CRIT(ICAL)?|FATAL|ALERT|EMERG)\b|:(error|crit|alert|emerg)\]"
        r"|Traceback \(most recent|^[\w.]+(Error|Exception)\b|DAMN ?!|(\"|=>) 5\d\d\b"
    ),
    "warning": re.compile(r"\bWARN(ING)?\b|:warn\]|(\"|=>) 4\d\d\b"),
    "debug": re.compile(r"\bDEBUG\b|:(debug|trace\d)\]"),
}


def severity(text: str) -> Severity:
    """The worst that the line speaks of; "" where it is nothing special."""
    return next((kind for kind, words in _WORDS.items() if words.search(text)), "")
