"""The identity probe's half in a trial start, which has a network of its own: send the requests, and be the app.

A stand-in for each backend notes the user of each request that Apache lets through.
"""

import os
import re
import socket
import ssl
import threading

from ops.agent.stand_in import NUMBER, StandIn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.apache_messages import IdentityProbe, ProbeAttempt

ACCEPTED, REJECTED = 3, 4  # exit codes: a forged request is accepted; only a valid one is rejected
SHIBD = ("/run/shibboleth/shibd.sock", "/var/run/shibboleth/shibd.sock")
USER, AUTHORIZATION = "HTTP_X_SHIB_USERID", "HTTP_AUTHORIZATION"
OPEN = "open: "  # begins a line about a path that a template has opened
STATUS_OK = re.compile(rb"HTTP/1\S* 200\b")
SENT_TO = re.compile(rb"^Location: *(\S+)", re.IGNORECASE | re.MULTILINE)
SECONDS = 10.0  # for an answer


class Outcome:
    """What became of a request: the variables that a backend has `received`, and the `answer`'s beginning."""

    def __init__(self, received: "dict[str, str] | None", answer: bytes = b"") -> None:
        self.received = received
        self.answer = answer


def applicable(probe: "IdentityProbe", other_ca: bool) -> "list[ProbeAttempt]":
    """The requests for a host that trusts another CA than those of the users, or does not."""
    return [one for one in probe.attempts if other_ca or not one.needs_another_ca]


def send(probe: "IdentityProbe", requests: "list[ProbeAttempt]", backends: "list[str]", work: str) -> int:
    """Send the requests; the exit code. Prints a sentence for each failure.

    `backends` are the addresses and sockets that Apache hands requests to; `work` is a folder for a file.
    """
    app = StandIn(backends)
    answers = _send_all(probe, requests, work)
    codes = []
    for number, request in enumerate(requests):
        received, answer = app.received.get(str(number)), answers.get(number, b"")
        if request.is_file:
            received = {} if STATUS_OK.match(answer) else None
        code, problem = assess(probe, request, Outcome(received, answer))
        codes.append(code)
        if problem:
            _print(problem)
        elif received is not None and request.is_found:
            _print(f"{OPEN}{request.port} {request.location}")
    return next((code for code in (ACCEPTED, REJECTED) if code in codes), 0)


def _print(text: str) -> None:
    print(text.encode("ascii", "backslashreplace").decode("ascii"), flush=True)


def assess(probe: "IdentityProbe", request: "ProbeAttempt", outcome: Outcome) -> "tuple[int, str]":
    """The code for a request with this outcome, and a sentence if it is not 0."""
    asked = f"port {request.port}, {request.path}, {request.name}"
    received = outcome.received
    if received is None:
        return _assess_refused(request, asked, outcome.answer)
    user = received.get(USER) or None
    for header in probe.headers:
        value = received.get("HTTP_" + header.upper().replace("-", "_"), "")
        if probe.spoofed in value.lower():
            return ACCEPTED, f"{asked}: GOT IN, and the app was told {header}: {value}"
    if request.token and received.get(AUTHORIZATION) != request.token:
        return REJECTED, f"{asked}: REJECTED: the app must get the token, and does not"
    if user is None and request.nameless:
        return 0, ""
    if user is None and request.user:
        return REJECTED, _rejected(request, asked)
    if user is None or user != request.user:
        return ACCEPTED, f"{asked}: GOT IN as {user or 'a visitor without a name'}"
    return 0, ""


def _assess_refused(request: "ProbeAttempt", asked: str, answer: bytes) -> "tuple[int, str]":
    """The same for a request that reached no backend."""
    if request.redirects_to:
        place = SENT_TO.search(answer)
        sent = place.group(1).decode("latin-1") if place else ""
        if not sent.startswith(request.redirects_to):
            wanted = f"must be sent to {request.redirects_to}"
            return ACCEPTED if sent else REJECTED, f"{asked}: {f'SENT TO {sent}' if sent else 'REJECTED'}, {wanted}"
    if request.is_found or not (request.user or request.must_arrive):
        return 0, ""
    return REJECTED, _rejected(request, asked)


def _rejected(request: "ProbeAttempt", asked: str) -> str:
    return f"{asked}: REJECTED, but must be accepted{f' as {request.user}' if request.user else ''}"


def _send_all(probe: "IdentityProbe", requests: "list[ProbeAttempt]", work: str) -> "dict[int, bytes]":
    """Send those without a client certificate in parallel, since they may take long; the answers, by number."""
    contexts: dict[str | None, ssl.SSLContext] = {}
    answers: dict[int, bytes] = {}
    running = []
    seconds = _patience()

    def ask(number: int, request: "ProbeAttempt", seconds: float) -> None:
        answers[number] = _send(number, request, contexts[request.certificate], seconds)

    for number, request in enumerate(requests):
        name = request.certificate
        if name not in contexts:
            contexts[name] = _context(probe.certificates[name] if name else None, work)
        if name is None:
            thread = threading.Thread(target=ask, args=(number, request, seconds))
            thread.start()
            running.append(thread)
        else:
            ask(number, request, SECONDS)
    for thread in running:
        thread.join()
    return answers


def _patience() -> float:
    """Seconds for a visitor without a login: mod_shib answers at once, or looks long for a shibd it cannot reach."""
    for path in SHIBD:
        with socket.socket(socket.AF_UNIX) as server:
            try:
                server.connect(path)
                return SECONDS
            except OSError:
                continue
    return 1.0


def _context(pair: "tuple[str, str] | None", work: str) -> ssl.SSLContext:
    """TLS with a client certificate, in PEM with its key, or without one."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if pair:
        path = os.path.join(work, "probe.client")
        with open(path, "w") as file:
            file.write("".join(pair))
        made.load_cert_chain(path)
    return made


def _send(number: int, request: "ProbeAttempt", tls: ssl.SSLContext, seconds: float) -> bytes:
    """Send it, and wait until it is answered, closed or took too long; the answer's beginning."""
    head = [f"{request.method} {request.path} HTTP/1.1", f"Host: {request.host}", "Connection: close"]
    head += [f"{NUMBER}: {number}", *request.lines]
    text = ("\r\n".join(head) + "\r\n\r\n").encode("utf-8")
    answer = b""
    try:
        place, source = ("127.0.0.1", request.port), (request.source, 0)
        with socket.create_connection(place, seconds, source) as plain, _wrapped(plain, request, tls) as connection:
            connection.sendall(text)
            part = connection.recv(65536)
            while part:
                answer = answer or part
                part = connection.recv(65536)
    except OSError:  # refused, reset, or too slow: the app received nothing
        pass
    return answer


def _wrapped(plain: socket.socket, request: "ProbeAttempt", tls: ssl.SSLContext) -> socket.socket:
    return plain if request.is_plain else tls.wrap_socket(plain)
