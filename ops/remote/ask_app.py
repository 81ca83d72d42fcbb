# ask_app.py: request a page from the app on its own socket, in the uwsgi protocol; a server error is no answer. Runs on
# the host, under Python 2.7 or 3.
# Usage: ask_app.py SUPERVISORCTL APP LISTEN SECONDS [PID]; APP is a file of lines "NAME VALUE" (uwsgi.sh) that says what is
# asked, and what status is an answer; without process PID there is no use in waiting. Exits 1 with a sentence when it
# failed.
import io
import os
import socket
import struct
import sys
import time


def read_app(path):
    """The page, the headers as a uwsgi request has them, and the statuses that are an answer: none for any 1xx to 4xx."""
    page, headers, statuses = "/", {}, []
    with io.open(path, encoding="utf-8") as lines:
        for line in lines:
            kind, _, value = line.rstrip("\n").partition(" ")
            if kind == "path":
                page = value
            elif kind == "status":
                statuses.append(value)
            elif kind == "header":
                name, _, text = value.partition(" ")
                key = name.upper().replace("-", "_")
                headers[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_" + key] = text
    return page, headers, statuses


def main(app, listen, limit, server=""):
    limit = float(limit)
    path, headers, statuses = read_app(app)
    variables = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": "", "REQUEST_URI": path,
        "SERVER_NAME": "localhost", "SERVER_PORT": "443", "SERVER_PROTOCOL": "HTTP/1.0", "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "https",
    }
    variables.update(headers)
    packed = b""
    for word in [word for pair in variables.items() for word in pair]:
        encoded = word.encode("utf-8")
        packed += struct.pack("<H", len(encoded)) + encoded
    begun = time.time()
    while True:
        try:
            if listen.startswith("/"):
                line = socket.socket(socket.AF_UNIX)
                line.settimeout(limit)
                line.connect(listen)
            else:
                host, _, port = listen.rpartition(":")
                line = socket.create_connection((host, int(port)), limit)
            line.sendall(struct.pack("<BHB", 0, len(packed), 0) + packed)
            status = line.recv(64).split(b" ")[1:2]
            line.close()
            break
        except (OSError, IOError) as error:
            if time.time() - begun > limit or (server and not os.path.exists("/proc/" + server)):
                raise SystemExit("the app does not answer on %s: %s" % (listen, error))
            time.sleep(0.2)
    got = b"".join(status).decode("latin-1")
    if got not in statuses if statuses else got[:1] not in ("1", "2", "3", "4"):
        wanted = " or ".join(statuses) or "a status under 500"
        raise SystemExit("the app answers %s on %s with %s, not %s" % (path, listen, got or "nothing", wanted))


main(*sys.argv[2:])
