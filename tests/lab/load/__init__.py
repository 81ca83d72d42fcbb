"""A steady load through Apache's certificate port while something is done to the host, and what came of it.

The client is locust, in an environment of its own: it is not ours, so it does not share our mistakes.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ops.project import PROJECT
from tests.lab.site import Site

LOCUST = PROJECT / ".venv/load/bin/locust"
CLOSED = re.compile(r"^(\d+) +GET \w+: RemoteDisconnected\('Remote end closed connection without", re.MULTILINE)
VISITORS = 20  # connections at once of the quick ones


@dataclass(frozen=True)
class Rate:
    """Requests per second, and how many visitors ask for what takes `slow` seconds, for `seconds` or until left."""

    rate: int
    seconds: int = 0
    patient: int = 4
    slow: float = 8
    path: str = "/poms"


@dataclass
class Load:
    """What locust counted: requests, and those that failed; and the slowest quick and slow one, in seconds.

    `answers`: when each quick request began and ended, and the version that answered it.
    `closed` are those of the failed whose connection, kept open since an earlier request, Apache closed: a client has
    to ask again then (RFC 9112, 9.3.1), as browsers and curl do. locust does not.
    """

    process: "subprocess.Popen[str]"
    answers: list[tuple[float, float, str]] = field(default_factory=list)
    sent: int = 0
    failed: int = 0
    closed: int = 0
    slowest: float = 0
    slowest_slow: float = 0
    said: str = ""

    def read(self, out: str, err: str) -> None:
        """Take over what locust printed."""
        stats = json.loads(out[out.index("[") :])
        self.sent = sum(entry["num_requests"] for entry in stats)
        self.failed = sum(entry["num_failures"] for entry in stats)
        slowest = {entry["name"]: entry["max_response_time"] / 1000 for entry in stats}
        self.slowest, self.slowest_slow = slowest.get("quick", 0), slowest.get("slow", 0)
        self.closed = sum(map(int, CLOSED.findall(err)))
        self.said = err[-3000:]

    @property
    def lost(self) -> int:
        """The failed ones that a client of the standard would not have asked again."""
        return self.failed - self.closed

    def row(self, what: str, took: float) -> str:
        """A row of the table of loads: what was done during it, and how many seconds it took."""
        counts = f"{self.sent} | {self.failed} | {self.closed} | {self.slowest:.2f} s"
        return f"| {what} | {counts} | {self.slowest_slow:.2f} s | {took:.0f} s |"

    def sent_back(self, old: str, new: str) -> int:
        """How many quick requests the old version answered that began after an answer of the new one."""
        first = min(ended for _, ended, version in self.answers if version == new)
        return sum(version == old and begun > first for begun, _, version in self.answers)


@contextlib.contextmanager
def loaded(site: Site, wanted: Rate, host: str = "pomsgpvm01") -> Iterator[Load]:
    """Keep up the load while entered; on leaving wait for its end, and have the figures filled in."""
    certificates = site.lab.state / "certificates"
    answers = Path(tempfile.mkdtemp()) / "answers"
    environment = os.environ | {
        "LOAD_ANSWERS": str(answers),
        "LOAD_CERTIFICATE": str(certificates / "jdoe.pem"),
        "LOAD_KEY": str(certificates / "jdoe.key"),
        "LOAD_NAME": site.record(host).server_name,
        "LOAD_EACH": str(wanted.rate / VISITORS),
        "LOAD_PATIENT": str(wanted.patient),
        "LOAD_SLOW": str(wanted.slow),
        "LOAD_PATH": wanted.path,
    }
    users = VISITORS + wanted.patient
    words = ["--headless", "--json", "--only-summary", "--stop-timeout", "60", "--users", str(users)]
    words += ["--spawn-rate", str(users), *(["--run-time", f"{wanted.seconds}s"] if wanted.seconds else [])]
    process = subprocess.Popen(
        [
            LOCUST,
            "-f",
            Path(__file__).with_name("locustfile.py"),
            *words,
            "--host",
            f"https://{site.address(host)}:8443",
        ],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    load = Load(process)
    try:
        yield load
        if not wanted.seconds:
            time.sleep(2)
            process.terminate()
        load.read(*process.communicate(timeout=wanted.seconds + 120))
        for begun, ended, version in map(str.split, answers.read_text().splitlines()):
            load.answers.append((float(begun), float(ended), version))
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(answers.parent)
