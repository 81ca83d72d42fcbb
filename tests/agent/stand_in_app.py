"""STAND-IN for the app: it speaks uwsgi on its own socket."""

import socket
import struct
import threading
from pathlib import Path


class App:
    """An app that speaks uwsgi: 500 to nobody, 200 to the user, 403 to anybody else."""

    def __init__(self, path: Path) -> None:
        self.told: list[dict[str, str]] = []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen(5)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        """Answer until the socket is closed."""
        while True:
            try:
                line, _ = self.server.accept()
            except OSError:
                return
            with line:
                size = struct.unpack("<BHB", line.recv(4))[1]
                data, words = line.recv(size), []
                while data:
                    length = struct.unpack("<H", data[:2])[0]
                    words.append(data[2 : 2 + length].decode())
                    data = data[2 + length :]
                self.told.append(dict(zip(words[::2], words[1::2], strict=True)))
                user = self.told[-1].get("HTTP_X_SHIB_USERID")
                status = {None: b"500", "poms": b"200"}.get(user, b"403")
                line.sendall(b"HTTP/1.0 " + status + b" x\r\n\r\n")
