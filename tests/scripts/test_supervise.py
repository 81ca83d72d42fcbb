"""What supervise.py makes of a supervisord that hangs up on it, as one does that ends or begins."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from xmlrpc.client import dumps, loads

import pytest

from ops.scripts import FOLDER, JOINED

TEXT = "".join((FOLDER / name).read_text() for name in (*JOINED["supervise.py"], "supervise.py"))
ANSWERS = {
    "supervisor.getAPIVersion": "3.0",
    "supervisor.getState": {"statecode": 1, "statename": "RUNNING"},
    "supervisor.getPID": 41,
    "supervisor.getAllProcessInfo": [],
    "supervisor.getAllConfigInfo": [],
}


def answer(line: socket.socket) -> None:
    """Answer one request, as the real one does."""
    head, _, body = b"", b"", b""
    while b"\r\n\r\n" not in head:
        head += line.recv(65536)
    head, _, body = head.partition(b"\r\n\r\n")
    size = int(next(one.split(b":")[1] for one in head.splitlines() if one.lower().startswith(b"content-length")))
    while len(body) < size:
        body += line.recv(65536)
    _, name = loads(body.decode())
    said = dumps((ANSWERS[str(name)],), methodresponse=True).encode()  # type: ignore[arg-type] # of its own types
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[Path]:
    """The socket of a stand-in for supervisord that hangs up on its first three callers, half-way and at once."""
    path = tmp_path / "s.sock"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(10)

        def serve() -> None:
            for number in range(1000):
                try:
                    line, _ = listening.accept()
                except OSError:
                    return
                with line:
                    if number == 0:
                        line.recv(65536)
                    elif number > 2:
                        Thread(target=keep_answering, args=(line.dup(),), daemon=True).start()

        Thread(target=serve, daemon=True).start()
        yield path
        listening.shutdown(socket.SHUT_RDWR)


def keep_answering(line: socket.socket) -> None:
    """Answer until the caller hangs up."""
    with line:
        try:
            while True:
                answer(line)
        except (OSError, StopIteration, IndexError):
            return


def test_one_that_hangs_up_while_it_begins_is_asked_again(stand_in: Path) -> None:
    taken = stand_in.with_name("taken")
    taken.mkdir()
    done = subprocess.run(
        [sys.executable, "-", "supervisorctl", "/nonexistent", "await", str(stand_in), str(taken)],
        input=TEXT,
        capture_output=True,
        text=True,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
