"""The identity probe's half in a trial start, which has a network of its own: send the requests, and be the app.

A stand-in for the app notes the user of each request that Apache lets through.
"""

import os
import socket
import ssl
import struct
import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ops.agent.apache_messages import IdentityProbe, ProbeAttempt

ACCEPTED, REJECTED = 3, 4  # exit codes: a forged request is accepted; only a valid one is rejected
SHIBD = ("/run/shibboleth/shibd.sock", "/var/run/shibboleth/shibd.sock")
NUMBER = "X-Poms-Ops-Question"  # a header of each request
USER = "HTTP_X_SHIB_USERID"
SECONDS = 10.0  # for an answer


def applicable(probe: "IdentityProbe", other_ca: bool) -> "list[ProbeAttempt]":
    """The requests for a host that trusts another CA than those of the users, or does not."""
    return [one for one in probe.attempts if other_ca or not one.needs_another_ca]


def send(probe: "IdentityProbe", requests: "list[ProbeAttempt]", app_socket: str, work: str) -> int:
    """Send the requests; the exit code. Prints a sentence for each failure.

    `app_socket` is Apache's path for an app on a Unix socket; `work` is a folder for a file.
    """
    app = StandIn(probe.listen, app_socket)
    _send_all(probe, requests, work)
    codes = []
    for number, request in enumerate(requests):
        code, problem = assess(probe, request, app.received.get(str(number)))
        codes.append(code)
        if problem:
            print(problem.encode("ascii", "backslashreplace").decode("ascii"), flush=True)
    return next((code for code in (ACCEPTED, REJECTED) if code in codes), 0)


def assess(probe: "IdentityProbe", request: "ProbeAttempt", received: "dict[str, str] | None") -> "tuple[int, str]":
    """The code for a request of which the app has received these variables, and a sentence if it is not 0."""
    asked = f"port {request.port}, {request.path}, {request.name}"
    rejected = f"{asked}: REJECTED, but must be accepted as {request.user}"
    if received is None:
        return (0, "") if request.user is None else (REJECTED, rejected)
    user = received.get(USER)
    for header in probe.headers:
        value = received.get("HTTP_" + header.upper().replace("-", "_"), "")
        if probe.spoofed in value.lower():
            return ACCEPTED, f"{asked}: GOT IN, and the app was told {header}: {value}"
    if user is None and request.nameless:
        return 0, ""
    if user is None and request.user:
        return REJECTED, rejected
    if user is None or user != request.user:
        return ACCEPTED, f"{asked}: GOT IN as {user or 'a visitor without a name'}"
    return 0, ""


class StandIn:
    """A server of the uwsgi protocol in place of the app: it answers each request, and keeps its variables."""

    def __init__(self, listen: str, app_socket: str) -> None:
        self.received: dict[str, dict[str, str]] = {}  # by the number of the request
        if listen.startswith("/"):
            self._server = socket.socket(socket.AF_UNIX)
            self._server.bind(app_socket)
        else:
            host, _, port = listen.rpartition(":")
            self._server = socket.socket()
            self._server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._server.bind((host, int(port)))
        self._server.listen(64)
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            connection, _ = self._server.accept()
            threading.Thread(target=self._take, args=(connection,), daemon=True).start()

    def _take(self, connection: socket.socket) -> None:
        """One request: a head of 4 bytes, then names and values with their lengths before them."""
        with connection:
            size = struct.unpack("<BHB", _exactly(connection, 4))[1]
            data, at, words = _exactly(connection, size), 0, []
            while at < size:
                length = struct.unpack("<H", data[at : at + 2])[0]
                words.append(data[at + 2 : at + 2 + length].decode("latin-1"))
                at += 2 + length
            variables = dict(zip(words[::2], words[1::2]))
            number = variables.get("HTTP_" + NUMBER.upper().replace("-", "_"), "")
            self.received[number] = variables
            connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            break
        data += part
    return data


def _send_all(probe: "IdentityProbe", requests: "list[ProbeAttempt]", work: str) -> None:
    """Send those without a client certificate in parallel, since they may take long; then wait for all."""
    contexts: dict[str | None, ssl.SSLContext] = {}
    running = []
    seconds = _patience()
    for number, request in enumerate(requests):
        name = request.certificate
        if name not in contexts:
            contexts[name] = _context(probe.certificates[name] if name else None, work)
        if name is None:
            thread = threading.Thread(target=_send, args=(number, request, contexts[name], seconds))
            thread.start()
            running.append(thread)
        else:
            _send(number, request, contexts[name], SECONDS)
    for thread in running:
        thread.join()


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


def _send(number: int, request: "ProbeAttempt", tls: ssl.SSLContext, seconds: float) -> None:
    """Send it, and wait until it is answered, the connection is closed or it took too long."""
    head = [f"{request.method} {request.path} HTTP/1.1", "Host: localhost", "Connection: close"]
    head += [f"{NUMBER}: {number}", *request.lines]
    try:
        place, source = ("127.0.0.1", request.port), (request.source, 0)
        with socket.create_connection(place, seconds, source) as plain, tls.wrap_socket(plain) as connection:
            connection.sendall(("\r\n".join(head) + "\r\n\r\n").encode("utf-8"))
            while connection.recv(65536):
                pass
    except OSError:  # refused, reset, or too slow: the app received nothing
        pass
