"""A stand-in for every backend of a trial start: it notes what each request that Apache lets through has.

It speaks HTTP and uWSGI's protocol, and tells them apart by the first byte.
"""

import contextlib
import socket
import struct
import threading

NUMBER = "X-Poms-Ops-Question"  # a header of each request
ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
MOST = 1 << 20  # bytes of a request's head


class StandIn:
    """Servers at these addresses ("127.0.0.1:8888") and sockets; `received` is by the number of the request.

    Each request is its variables, as a WSGI app gets them: a header is HTTP_NAME, and one with "_" is the same.
    """

    def __init__(self, places: "list[str]") -> None:
        self.received: dict[str, dict[str, str]] = {}
        for place in places:
            server = _server(place)
            if server:
                threading.Thread(target=self._serve, args=(server,), daemon=True).start()

    def _serve(self, server: socket.socket) -> None:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=self._take, args=(connection,), daemon=True).start()

    def _take(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError, ValueError, struct.error):
            first = _exactly(connection, 1)
            variables = _http(connection, first) if first.isalpha() else _uwsgi(connection)
            number = variables.get("HTTP_" + NUMBER.upper().replace("-", "_"), "")
            self.received[number] = variables
            connection.sendall(ANSWER)


def _server(place: str) -> "socket.socket | None":
    """A server there; None for a place that Apache itself has, or that is none."""
    try:
        if place.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.bind(place)
        else:
            host, _, port = place.rpartition(":")
            server = socket.socket()
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((host, int(port)))
        server.listen(64)
    except OSError:
        return None
    return server


def _uwsgi(connection: socket.socket) -> "dict[str, str]":
    """One request behind its first byte: two bytes of a size, one more, then names and values with their lengths."""
    size = struct.unpack("<HB", _exactly(connection, 3))[0]
    data, at, words = _exactly(connection, size), 0, []
    while at < size:
        length = struct.unpack("<H", data[at : at + 2])[0]
        words.append(data[at + 2 : at + 2 + length].decode("latin-1"))
        at += 2 + length
    return dict(zip(words[::2], words[1::2]))


def _http(connection: socket.socket, head: bytes) -> "dict[str, str]":
    while b"\r\n\r\n" not in head and len(head) < MOST:
        part = connection.recv(65536)
        if not part:
            break
        head += part
    variables: dict[str, str] = {}
    for line in head.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")[1:]:
        name, _, value = line.partition(":")
        key = "HTTP_" + name.strip().upper().replace("-", "_")
        variables[key] = f"{variables[key]},{value.strip()}" if key in variables else value.strip()
    return variables


def _exactly(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            break
        data += part
    return data
