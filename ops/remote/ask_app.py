# ask_app.py: ask the app for a page on its own socket, in the uwsgi protocol; an error of its own is no answer. Runs on
# the host, under Python 2.7 or 3.
# Usage: ask_app.py SUPERVISORCTL LISTEN PATH SECONDS [PID]; without process PID there is no use in waiting. Exits 1 with
# a sentence when it failed.
import os
import socket
import struct
import sys
import time


def main(listen, path, limit, server=""):
    limit = float(limit)
    variables = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "SCRIPT_NAME": "", "QUERY_STRING": "", "REQUEST_URI": path,
        "SERVER_NAME": "localhost", "SERVER_PORT": "443", "SERVER_PROTOCOL": "HTTP/1.0", "REMOTE_ADDR": "127.0.0.1",
        "wsgi.url_scheme": "https",
    }
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
    if not status or status[0][:1] not in (b"1", b"2", b"3", b"4"):
        raise SystemExit("the app answers %s on %s with %s" % (path, listen, b" ".join(status).decode() or "nothing"))


main(*sys.argv[2:])
