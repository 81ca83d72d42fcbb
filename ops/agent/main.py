"""The agent's beginning: read one request, answer it."""

import os
import sys

from ops.agent import messages
from ops.agent.lines import from_line, to_line

ANSWERED_BY = {
    "CertificatesRequest": "certificates",
    "ReleasesRequest": "releases",
    "WorkersRequest": "workers",
}  # modules; only those needed are sent


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3])) + f", {sys.executable}"


def main(requests: int = 7, answers: int = 1) -> None:
    """Answer the request of descriptor `requests`: one message a line, Done or Failure at the end."""
    with os.fdopen(requests, encoding="utf-8", errors="replace") as lines:
        line = lines.readline()
    with os.fdopen(answers, "w") as out:
        try:
            request = from_line(line)
            module = __import__(f"ops.agent.{ANSWERED_BY[type(request).__name__]}", fromlist=["answer"])
            for message in module.answer(request):
                out.write(to_line(message) + "\n")
            last: messages.Message = messages.Done(python=_python())
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator reads it
            last = messages.Failure(reason=f"{type(error).__name__}: {error}")
        out.write(to_line(last) + "\n")
