"""What visitors get: asked from outside, all the time and in bursts."""

import http.client
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread

from tests.lab.site import Site
from tests.lab.wire import context
from tests.soak.versions import HOST

LOGIN, CERTIFICATE = 443, 8443
EVERY = 0.4  # seconds
PATIENCE = 15  # seconds that a visitor waits


@dataclass(frozen=True)
class Answer:
    """One answer: status 0 where there was none; the version's numbers in its headers, "" where none has any."""

    port: int
    status: int
    apache: str
    uwsgi: str

    @property
    def serves(self) -> bool:
        """Whether the visitor got what they came for: the login at the one port, the app's page at the other."""
        return self.status == (200 if self.port == CERTIFICATE else 302)

    def __str__(self) -> str:
        return f"{self.port}: {self.status or 'no answer'}, Apache {self.apache or '-'}, uWSGI {self.uwsgi or '-'}"


class Witness:
    """Asks both ports of the host."""

    def __init__(self, site: Site) -> None:
        self._address = site.address(HOST)
        self._name = site.record(HOST).server_name
        folder = site.lab.certificates
        self._contexts: dict[int, ssl.SSLContext] = {
            LOGIN: context(),
            CERTIFICATE: context(str(folder / "jdoe.pem"), str(folder / "jdoe.key")),
        }

    def ask(self, port: int) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPSConnection(self._address, port, timeout=PATIENCE, context=self._contexts[port])
        try:
            connection.request("GET", "/poms", headers={"Host": self._name, "Connection": "close"})
            got = connection.getresponse()
            return Answer(port, got.status, got.getheader("X-Soak-Apache", ""), got.getheader("X-Soak-Uwsgi", ""))
        except (OSError, http.client.HTTPException):
            return Answer(port, 0, "", "")
        finally:
            connection.close()

    def burst(self, count: int) -> list[Answer]:
        """So many requests to each port, one after the other."""
        return [self.ask(port) for _ in range(count) for port in (CERTIFICATE, LOGIN)]

    def serves(self) -> bool:
        """Whether both ports give visitors what they came for."""
        return all(answer.serves for answer in self.burst(1))

    def serves_within(self, seconds: float, also: Callable[[Answer], bool] = lambda _: True) -> bool:
        """Whether both ports do (and `also` is true of their answers) within that time."""
        end = time.monotonic() + seconds
        while not all(answer.serves and also(answer) for answer in self.burst(1)):
            if time.monotonic() > end:
                return False
            time.sleep(EVERY)
        return True


class Watch:
    """Asks until it is ended, and notes each answer that differs from the one before."""

    def __init__(self, witness: Witness, note: Callable[[str], None]) -> None:
        self.answers: list[Answer] = []
        self._witness, self._note = witness, note
        self._over = Event()
        self._thread = Thread(target=self._ask, daemon=True)
        self._thread.start()

    def _ask(self) -> None:
        last: dict[int, Answer] = {}
        while not self._over.wait(EVERY):
            for port in (CERTIFICATE, LOGIN):
                answer = self._witness.ask(port)
                self.answers.append(answer)
                if last.get(port) != answer:
                    self._note(f"    seen | {answer}")
                last[port] = answer

    def end(self) -> list[Answer]:
        """All answers."""
        self._over.set()
        self._thread.join()
        return self.answers
