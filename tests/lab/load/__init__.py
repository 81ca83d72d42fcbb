"""A steady load through Apache's certificate port while something is done to the host, and what came of it.

The client is locust, in an environment of its own: it is not ours, so it does not share our mistakes.
"""

import contextlib
import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass
class Load:
    """What locust counted: requests, and those that failed; and the slowest quick and slow one, in seconds.

    `closed` are those of the failed whose connection, kept open since an earlier request, Apache closed: a client has
    to ask again then (RFC 9112, 9.3.1), as browsers and curl do. locust does not.
    """

    process: "subprocess.Popen[str]"
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


@contextlib.contextmanager
def loaded(site: Site, wanted: Rate, host: str = "pomsgpvm01") -> Iterator[Load]:
    """Keep up the load while entered; on leaving wait for its end, and have the figures filled in."""
    certificates = site.lab.state / "certificates"
    environment = os.environ | {
        "LOAD_CERTIFICATE": str(certificates / "jdoe.pem"),
        "LOAD_KEY": str(certificates / "jdoe.key"),
        "LOAD_NAME": site.record(host).server_name,
        "LOAD_EACH": str(wanted.rate / VISITORS),
        "LOAD_PATIENT": str(wanted.patient),
        "LOAD_SLOW": str(wanted.slow),
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
    finally:
        process.kill()
        process.wait()
