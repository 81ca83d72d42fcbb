# supervisord_ask.py: ask the supervisord on a Unix socket for its process id. Every probe runs it, so it imports only what
# loads fast; under Python 2.7 or 3, the system's if there is one.
# Usage: supervisord_ask.py - SOCKET. Prints "up PID", or ends with 1 where supervisord_facts.py has to look further.
import sys

from _socket import AF_UNIX, SOCK_STREAM, socket

ANSWER_LIMIT = 5  # seconds in which supervisord answers
BODY = b"<?xml version='1.0'?><methodCall><methodName>supervisor.getPID</methodName><params/></methodCall>"
HEAD = "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n%s\r\n"
GONE, NOT_NOW, NOT_LISTENING, BARRED = 2, 11, 111, 13  # errno's, which are Linux's
SHUTDOWN_STATE = b"<int>6</int>"


def ask(path, authorization=""):
    """(kind, text): "up" with the process id, "absent" where nobody listens, "barred", "login" where it wants a user
    name and password, "busy" while it starts or shuts down, "silent", or "odd" with what came instead of an answer."""
    data = b""
    line = socket(AF_UNIX, SOCK_STREAM)
    try:
        line.settimeout(ANSWER_LIMIT)
        line.connect(path)
        line.sendall((HEAD % (len(BODY), authorization)).encode() + BODY)
        while b"</methodResponse>" not in data and not data.startswith(b"HTTP/1.1 401"):
            part = line.recv(4096)
            if not part:
                break
            data += part
    except (OSError, IOError) as error:
        known = {GONE: "absent", NOT_LISTENING: "absent", BARRED: "barred", NOT_NOW: "silent", None: "silent"}
        return known.get(error.errno, "odd"), str(error)
    finally:
        line.close()
    if data[9:12] == b"401":
        return "login", ""
    if b"<fault>" in data:
        return ("busy" if SHUTDOWN_STATE in data else "odd"), data.decode("utf-8", "replace")[-200:]
    number = data.partition(b"<int>")[2].partition(b"</int>")[0]
    return ("up", number.decode()) if number.isdigit() else ("odd", data.decode("utf-8", "replace")[:80])


if sys.argv[3:] == []:
    said, pid = ask(sys.argv[2])
    if said != "up":
        raise SystemExit(1)
    print("up " + pid)
