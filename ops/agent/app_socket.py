"""A request for a page from the app on its own socket, in the uwsgi protocol; a server error is no answer."""

import struct
import time
from _socket import AF_INET, AF_INET6, AF_UNIX, SOCK_STREAM, socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ops.agent.service_messages import App

VARIABLES = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "QUERY_STRING": "",
    "SERVER_NAME": "localhost",
    "SERVER_PORT": "443",
    "SERVER_PROTOCOL": "HTTP/1.0",
    "REMOTE_ADDR": "127.0.0.1",
    "wsgi.url_scheme": "https",
}
PLAIN_HEADERS = ("CONTENT_TYPE", "CONTENT_LENGTH")  # without HTTP_ before them, as in CGI
ANSWERS = ("1", "2", "3", "4")  # the first digit of a status that is an answer, if the inventory names none


def problem_of(app: "App", listen: str, seconds: float, may_start: "Callable[[], bool]" = lambda: False) -> str:
    """Why the app does not answer on `listen`, a path or HOST:PORT; "" if it does.

    Tries again within `seconds` as long as it may start.
    """
    request, begun = _request(app), time.monotonic()
    while True:
        try:
            status = _status(listen, request, seconds)
            break
        except OSError as error:
            if time.monotonic() - begun > seconds or not may_start():
                return f"the app does not answer on {listen}: {error}"
            time.sleep(0.2)
    if status in app.statuses if app.statuses else status.startswith(ANSWERS):
        return ""
    wanted = " or ".join(app.statuses) or "a status under 500"
    return f"the app answers {app.page} on {listen} with {status or 'nothing'}, not {wanted}"


def _request(app: "App") -> bytes:
    variables = {**VARIABLES, "PATH_INFO": app.page, "REQUEST_URI": app.page}
    for name, value in app.headers:
        key = name.upper().replace("-", "_")
        variables[key if key in PLAIN_HEADERS else f"HTTP_{key}"] = value
    packed = b""
    for word in [word for pair in variables.items() for word in pair]:
        encoded = word.encode()
        packed += struct.pack("<H", len(encoded)) + encoded
    return struct.pack("<BHB", 0, len(packed), 0) + packed


def _status(listen: str, request: bytes, seconds: float) -> str:
    """The HTTP status; "" if the app closes the connection without one. Raises OSError."""
    line = _connected(listen, seconds)
    try:
        line.sendall(request)
        words = line.recv(64).split(b" ")
    finally:
        line.close()
    return words[1].decode("latin-1") if words[1:] else ""


def _connected(listen: str, seconds: float) -> socket:
    if listen.startswith("/"):
        line = socket(AF_UNIX, SOCK_STREAM)
        address: str | tuple[str, int] = listen
    else:
        host, _, port = listen.rpartition(":")
        line = socket(AF_INET6 if ":" in host else AF_INET, SOCK_STREAM)
        address = (host.strip("[]"), int(port))
    try:
        line.settimeout(seconds)
        line.connect(address)
    except BaseException:
        line.close()
        raise
    return line
