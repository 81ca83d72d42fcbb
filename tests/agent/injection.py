"""Ends the agent at one of its system calls, by strace, as a power cut would.

strace counts the calls of each name apart, and of each thread and process apart. So a point is a name and a number,
and what the agent starts must make fewer calls of that name than the agent has made by then.
"""

import re
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ops.agent.transaction_messages import TransactionRequest
from tests.agent import local_agent
from tests.agent.shells import executable
from tests.agent.transactions import KEEP

# What changes the disk, or says that it is to be there now.
CALLS = "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,rmdir,mkdir,mkdirat,ftruncate"
CALLS += ",fsync,fdatasync,sync,write"
LINE = re.compile(r"^(\d+) +(\w+)\(", re.MULTILINE)  # not that a call is "resumed", which is another line
TRACED = """#!/bin/sh
exec strace -f -qq -o "@LOG@" -e trace=@CALLS@ @INJECT@ @PYTHON@ "$@"
"""


@dataclass(frozen=True)
class Point:
    """The `number`-th call of this `name`."""

    name: str
    number: int


def run(request: TransactionRequest, folder: Path, point: Point | None = None) -> tuple[int, list[tuple[int, str]]]:
    """Carry out a change, and end the agent at this point: its exit code, and its calls as (thread, name).

    `folder` is a new one, for the tracer.
    """
    folder.mkdir()
    inject = f"-e inject={point.name}:signal=KILL:when={point.number}" if point else ""
    python = subprocess.run(
        ["python3", "-c", "import sys; print(sys.executable)"], capture_output=True, text=True, check=True
    ).stdout.strip()
    text = TRACED.replace("@LOG@", f"{folder}/log").replace("@CALLS@", CALLS)
    executable(folder / "python3", text.replace("@INJECT@", inject).replace("@PYTHON@", python))
    executable(folder / "unshare", "#!/bin/sh\nexit 1\n")  # no trial start: it would make calls of its own
    with local_agent.start("dash", request, path=f"{folder}:/usr/bin:/bin") as running:
        assert running.stdin
        running.stdin.write(msgspec.json.encode(KEEP) + b"\n")
        running.communicate(timeout=60)
    calls = [(int(thread), name) for thread, name in LINE.findall((folder / "log").read_text())]
    return running.returncode, calls


def points(calls: list[tuple[int, str]]) -> list[Point]:
    """The calls of the thread that makes most, in their order, but for those that another one would be ended at."""
    threads = Counter(thread for thread, _ in calls)
    own = threads.most_common(1)[0][0]
    others = Counter(call for call in calls if call[0] != own)
    most = {
        name: max((count for (_, other), count in others.items() if other == name), default=0) for _, name in calls
    }
    found, made = [], Counter[str]()
    for thread, name in calls:
        if thread == own:
            made[name] += 1
            if made[name] > most[name]:
                found.append(Point(name, made[name]))
    return found
