"""The agent's beginning: read one request, answer it."""

import os

from ops.agent import messages, releases
from ops.agent.lines import from_line, to_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

ANSWERS: "dict[type, Callable[[Any], Iterator[messages.Message]]]" = {messages.ReleasesRequest: releases.answer}


def main(requests: int = 7, answers: int = 1) -> None:
    """Answer the request of descriptor `requests`: one message a line, Done or Failure at the end."""
    with os.fdopen(requests, encoding="utf-8", errors="replace") as lines:
        line = lines.readline()
    with os.fdopen(answers, "w") as out:
        try:
            request = from_line(line)
            for message in ANSWERS[type(request)](request):
                out.write(to_line(message) + "\n")
            last: messages.Message = messages.Done()
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator reads it
            last = messages.Failure(reason=f"{type(error).__name__}: {error}")
        out.write(to_line(last) + "\n")
