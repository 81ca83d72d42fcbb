"""STAND-IN for supervisord: it answers on the socket that its file names, and runs no program.

Usage: stand_in_supervisord.py -c FILE; it goes on in the background, as supervisord does, and ends with its folder.
"""

import configparser
import os
import socketserver
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from xmlrpc.client import dumps, loads

ANSWERS: dict[str, Any] = {
    "supervisor.getAllConfigInfo": [],
    "supervisor.getAllProcessInfo": [],
    "supervisor.getState": {"statecode": 1, "statename": "RUNNING"},
}


class Handler(BaseHTTPRequestHandler):
    """One request."""

    def do_POST(self) -> None:
        """Answer a call."""
        _, method = loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = os.getpid() if method == "supervisor.getPID" else ANSWERS[str(method)]
        body = dumps((answer,), methodresponse=True).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def address_string(self) -> str:
        """A unix socket has no address."""
        return ""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serve(conf: str) -> None:
    """Go to the background once the socket is there."""
    parser = configparser.RawConfigParser(strict=False, interpolation=None, inline_comment_prefixes=(" ;",))
    parser.read(conf, encoding="utf-8")
    path = parser["unix_http_server"]["file"].replace("%%", "%")
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    server = socketserver.ThreadingUnixStreamServer(path, Handler)
    if os.fork():
        os._exit(0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while Path(conf).exists():
        time.sleep(0.2)


if __name__ == "__main__":
    serve(sys.argv[2])
