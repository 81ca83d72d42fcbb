"""The answers of Apache's ports, and who listens on a port.

An accepted connection proves nothing: the kernel accepts it. An answer is a TLS handshake with a certificate, and
HTTP or TLS's alert that a client certificate is missing. openssl shows both; Python's ssl module only fails then.
"""

import re

from ops.agent.host_processes import read_bytes
from ops.agent.processes import output_of

ALERTS = (b"alert certificate required", b"alert handshake failure")
STATUS = re.compile(rb"^HTTP/1\S* (\d+)", re.MULTILINE)
MAINTENANCE = re.compile(rb"^X-Poms-Ops: *maintenance", re.IGNORECASE | re.MULTILINE)
UNAVAILABLE = 503
LISTENS = "0A"  # the state of a socket in /proc/net/tcp
SECONDS = 5.0


def asked_tls(port: int, name: str = "localhost", page: str = "/") -> bytes:
    """What a port of this host says to a visitor of the server `name` who wants `page`, as openssl tells it."""
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-ign_eof"]
    return output_of(words, f"HEAD {page} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode(), SECONDS)


def is_answer(said: bytes) -> bool:
    """Whether that is an answer."""
    return b"BEGIN CERTIFICATE" in said and (b"HTTP/1." in said or any(alert in said for alert in ALERTS))


def tls_answers(port: int) -> bool:
    """Whether a port answers now."""
    return is_answer(asked_tls(port))


def status_of(said: bytes) -> int:
    """The HTTP status of an answer; 0 if it has none."""
    found = STATUS.search(said)
    return int(found.group(1)) if found else 0


def is_maintenance(said: bytes) -> bool:
    """Whether an answer is the maintenance page."""
    return status_of(said) == UNAVAILABLE and MAINTENANCE.search(said) is not None


def listeners(port: int) -> "list[int]":
    """The user ids that listen on a TCP port."""
    found = set()
    for path in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read_bytes(path).decode().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENS and fields[1].endswith(f":{port:04X}"):
                found.add(int(fields[7]))
    return sorted(found)
