"""What goes over the wire to a host, counted from outside: a TCP proxy before its sshd, which cannot read SSH."""

import contextlib
import itertools
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

# What the operator's side sends in so few bytes at once, when the login is over and a script has been sent, asks for
# no answer: a heartbeat, the verdict, more room in a window, the end of a channel (with paramiko's favourite cipher).
SMALL = 64
SCRIPT = 8000  # bytes; no script is shorter, and no login is longer


@dataclass
class Counted:
    """What went through since `clear`.

    A round trip: the operator's side has spoken, and then the host did. What is SMALL begins none.
    """

    connections: int = 0
    round_trips: int = 0
    sent: dict[int, int] = field(default_factory=dict)
    last: dict[int, str] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        """Begin anew."""
        with self.lock:
            self.connections = self.round_trips = 0
            self.last.clear()
            self.sent.clear()

    def saw(self, connection: int, side: str, size: int) -> None:
        """So many bytes from `side`, "us" or "them", on a connection."""
        with self.lock:
            if side == "them":
                self.round_trips += self.last.get(connection) == "us"
            elif size <= SMALL and self.sent.get(connection, 0) > SCRIPT:
                return
            else:
                self.sent[connection] = self.sent.get(connection, 0) + size
            self.last[connection] = side


@contextlib.contextmanager
def counting(here: tuple[str, int], there: tuple[str, int]) -> Iterator[Counted]:
    """A port of this machine, `here`, that leads to `there`."""
    server, counted = socket.create_server(here), Counted()

    def carry(number: int, source: socket.socket, target: socket.socket, side: str) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 20):
                counted.saw(number, side, len(data))
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve(number: int, near: socket.socket) -> None:
        with near, socket.create_connection(there) as far:
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            back = threading.Thread(target=carry, args=(number, far, near, "them"), daemon=True)
            back.start()
            carry(number, near, far, "us")
            back.join()

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = server.accept()
                counted.connections += 1
                threading.Thread(target=serve, args=(next(numbers), near), daemon=True).start()

    numbers = itertools.count()
    threading.Thread(target=accept, daemon=True).start()
    try:
        yield counted
    finally:
        server.shutdown(socket.SHUT_RDWR)  # what accepts is woken by that, and not by closing
        server.close()
