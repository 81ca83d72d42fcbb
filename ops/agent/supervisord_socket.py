"""Requests to the supervisord on a Unix socket: XML-RPC over HTTP.

Every probe needs this, so it imports only what loads fast.
"""

import binascii
from _socket import AF_UNIX, SOCK_STREAM, socket  # the module `socket` takes as long to import as to start Python

SECONDS = 5.0  # in which supervisord answers
END = b"</methodResponse>"
ASK_PID = b"<?xml version='1.0'?><methodCall><methodName>supervisor.getPID</methodName><params/></methodCall>"
GONE, NOT_NOW, NOT_LISTENING, BARRED = 2, 11, 111, 13  # errno's, which are Linux's
SHUTDOWN_STATE = b"<int>6</int>"
UNAUTHORIZED = 401


def authorization(user: str, password: str) -> str:
    """The header of a user name and password."""
    pair = f"{user}:{password}".encode("utf-8", "surrogateescape")
    return f"Authorization: Basic {binascii.b2a_base64(pair, newline=False).decode()}\r\n"


def post(path: str, body: bytes, header: str = "", seconds: float = SECONDS) -> "tuple[int, bytes]":
    """The HTTP status and the content of an answer. Raises OSError; a time limit has no errno."""
    head = f"POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: {len(body)}\r\n"
    line = socket(AF_UNIX, SOCK_STREAM)
    parts = []
    try:
        line.settimeout(seconds)
        line.connect(path)
        line.sendall((head + header + "Connection: close\r\n\r\n").encode() + body)
        while True:
            part = line.recv(65536)
            parts.append(part)
            if not part or END in b"".join(parts[-2:]):
                break
    finally:
        line.close()
    data = b"".join(parts)
    status = data[9:12]
    return int(status) if status.isdigit() else 0, data.partition(b"\r\n\r\n")[2] if data[:5] == b"HTTP/" else data


def ask_pid(path: str, header: str = "") -> "tuple[str, str]":
    """(kind, text) of the supervisord on socket `path`.

    "up" with its process id; "absent" if nobody listens; "barred"; "login" if it wants a user name and password;
    "busy" while it starts or shuts down; "silent"; or "odd" with what came instead of an answer.
    """
    try:
        status, data = post(path, ASK_PID, header)
    except OSError as error:
        known = {GONE: "absent", NOT_LISTENING: "absent", BARRED: "barred", NOT_NOW: "silent", None: "silent"}
        return known.get(error.errno, "odd"), str(error)
    if status == UNAUTHORIZED:
        return "login", ""
    if b"<fault>" in data:
        return ("busy" if SHUTDOWN_STATE in data else "odd"), data.decode("utf-8", "replace")[-200:]
    number = data.partition(b"<int>")[2].partition(b"</int>")[0]
    return ("up", number.decode()) if number.isdigit() else ("odd", data.decode("utf-8", "replace")[:80])
