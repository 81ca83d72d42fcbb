"""The agent's beginning: read the requests, answer each in turn."""

import contextlib
import os
import sys
import zlib

from ops.agent import messages
from ops.agent.alive import tell_alive_to
from ops.agent.lines import from_line, kind_of, to_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

ANSWERED_BY = {  # request to module, beside which is NAME_messages; only the modules that are needed are sent
    "ApacheRequest": "apache",
    "BakeEndRequest": "bake_end",
    "BootRequest": "boot",
    "CertificatesRequest": "certificates",
    "DoctorRequest": "doctor",
    "HealthRequest": "health",
    "ImportRequest": "host_reading",
    "InstallRequest": "install",
    "LogBundleRequest": "log_bundle",
    "LogsRequest": "logs",
    "MaintenanceRequest": "maintenance",
    "ProbeRequest": "probe",
    "ProgramActionRequest": "program_action",
    "ProgramsRequest": "programs",
    "ReleasesRequest": "releases",
    "RunRequest": "run",
    "TransactionRequest": "transaction",
    "UninstallRequest": "uninstall",
    "VersionsRequest": "versions",
    "WorkersRequest": "workers",
}
ANSWERS = 3  # the descriptor of messages: the standard output that start.sh was given


def main() -> None:
    """Answer the requests of standard input; Done or Failure is the last message of each answer.

    What is behind the requests is for those that need the operator's side, or more modules (start.sh).
    """
    with contextlib.suppress(BrokenPipeError), os.fdopen(ANSWERS, "wb", 0) as out:
        tell_alive_to(out.fileno())
        for line in requests_in(sys.stdin.buffer):
            for message in answers_to(line):
                out.write(to_line(message).encode() + b"\n")


def requests_in(source: "BinaryIO") -> "list[str]":
    """The requests, one message each: a line with a number of bytes, then so many bytes, compressed lines.

    None if they did not come complete: the connection was lost.
    """
    try:
        text = zlib.decompress(source.read(int(source.readline())))
    except (ValueError, zlib.error):
        return []
    return text.decode("utf-8", "replace").split("\n")[:-1]


def answers_to(line: str) -> "Iterator[messages.Message]":
    """The messages of one answer. Whatever goes wrong, the operator reads it, and the next request is answered."""
    try:
        kind = kind_of(line)
        if kind not in ANSWERED_BY:
            raise ValueError(f"there is no request '{kind}'")
        __import__(f"ops.agent.{ANSWERED_BY[kind]}_messages")
        module = __import__(f"ops.agent.{ANSWERED_BY[kind]}", fromlist=["answer"])
        yield from module.answer(from_line(line))
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - see above
        import traceback  # takes long

        yield messages.Failure(reason=f"{type(error).__name__}: {error}", evidence=traceback.format_exc())
    else:
        yield messages.Done(python=".".join(map(str, sys.version_info[:3])) + f", {sys.executable}")
