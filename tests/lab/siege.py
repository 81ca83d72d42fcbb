"""Attacks carried out against one Apache, by one kind of visitor at a time, and how many of them got through."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.lab.attacks import ASKS_TO_BE_ROOT, BAD, CONTROL, LAST, NOTHING, ONESELF, Attack, Outcome
from tests.lab.crafted import Crafted
from tests.lab.wire import CLOSED, Answer, Door, Http1, Http2

Protocol = Literal["HTTP/1.1", "HTTP/2"]
REFUSALS = [[(BAD.stranger, None)], [(CLOSED, None)]]  # by HTTP/2
CONTROL_EVERY = 20  # attacks, between two requests of somebody who must get in as themselves
USER, FIRST, LAST_NAME = "X-Shib-Userid", "X-Shib-Name-First", "X-Shib-Name-Last"
BELIEVED = (
    *(USER, FIRST, LAST_NAME, "X-Shib-Email", "X-Forwarded-For", "X-Scitoken-Sub", "X-Scitoken-Scope"),
    *("X-Scitoken-Iss", "Remote-Addr", "X-Poms-Agent", "X-Forwarded-Host", "X-Forwarded-Proto"),
    *("X-Forwarded-Server", "X-Original-URL", "X-Rewrite-URL"),
)
REACHED = b"\nremote-addr: "  # every page of the lab's app says so
LOGIN = "https://idp.poms.example/"


@dataclass(frozen=True)
class Visitor:
    """Somebody at a door: by name, with the cookies of a login where there are any, and who the app must see.

    `identity` None: a stranger, whom the app must never see.
    """

    name: str
    door: Door
    identity: dict[str, str] | None
    cookies: str = ""

    def due(self, outcome: Outcome) -> tuple[int, dict[str, str] | None]:
        """What must come: the status, and whom the app sees."""
        if self.identity is None:
            return outcome.stranger, None
        if self.cookies and outcome.session is not None:
            return outcome.session, None
        return outcome.certificate, self.identity if outcome.app else None


@dataclass
class Siege:
    """What came of the attacks on one Apache: `wrong` tells each that did not end as it must, `through` those that
    came in, as somebody else or at all, and `cases` counts them by door and protocol.
    """

    of: str
    doors: dict[int, str]  # what to call a port
    cases: Counter[tuple[str, Protocol]] = field(default_factory=Counter)
    through: list[tuple[str, Protocol, str]] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def attack(self, attacks: Sequence[Attack], visitor: Visitor, protocol: Protocol, control: Visitor) -> None:
        """Send all attacks that the protocol can say; in between `control` must get in as who they are."""
        fits = [attack for attack in attacks if (attack.http1 if protocol == "HTTP/1.1" else attack.http2)]
        with _client(visitor.door, protocol) as line, _client(control.door, protocol) as steady:
            for number, attack in enumerate(fits):
                if number % CONTROL_EVERY == 0:
                    self._control(steady, protocol, control)
                then = attack.then if protocol == "HTTP/1.1" else (attack.then_http2,)
                self.cases[self.doors[visitor.door.port], protocol] += 1
                self._judge(attack.name, protocol, visitor, then, _send(line, attack, visitor))

    def show(self, crafted: Crafted, door: Door, protocol: Protocol) -> None:
        """Come with a certificate; then ask to be root besides."""
        outcome = Outcome(crafted.status, crafted.status, app=crafted.names is not None)
        named = zip((USER, FIRST, LAST_NAME), crafted.names or (), strict=False)
        bearer = Visitor("a certificate", door, {name: value for name, value in named if value} or None)
        with _client(door, protocol) as line:
            for name, attack in ((crafted.name, CONTROL), (f"{crafted.name}, and a header", ASKS_TO_BE_ROOT)):
                self.cases[self.doors[door.port], protocol] += 1
                self._judge(name, protocol, bearer, [outcome], _send(line, attack, bearer))

    def control(self, visitor: Visitor, protocol: Protocol) -> None:
        """Somebody who must get in as who they are, on a new connection."""
        with _client(visitor.door, protocol) as line:
            self._control(line, protocol, visitor)

    def _control(self, line: Http1 | Http2, protocol: Protocol, visitor: Visitor) -> None:
        self._judge("control", protocol, visitor, [ONESELF], _send(line, CONTROL, visitor))

    def _judge(
        self, name: str, protocol: Protocol, visitor: Visitor, then: Sequence[Outcome], got: Sequence[Answer]
    ) -> None:
        due = [visitor.due(outcome) for outcome in then]
        due = [(status, whom) for status, whom in due if status != NOTHING]
        seen = [(answer.status, seen_by_the_app(answer)) for answer in got]
        # A malformed request may be answered, or its stream reset (RFC 9113, 8.1.1).
        if protocol == "HTTP/2" and due in REFUSALS and seen in REFUSALS:
            seen = due
        away = [answer.headers.get("location", "") for answer in got if answer.status == 302]
        if seen != due or not all(place.startswith(LOGIN) for place in away):
            self.wrong.append(f"{visitor.name}, {protocol}, {name}: {seen} {away or ''} instead of {due}")
        own = visitor.identity[USER] if visitor.identity else None
        for _, whom in seen:
            if whom is not None and (whom.get(USER) != own or "root" in whom.values()):
                self.through.append((self.doors[visitor.door.port], protocol, name))

    def rows(self) -> Iterator[tuple[str, str, int, int]]:
        """For each door and protocol: how many cases there were, and how many of them got through."""
        got_in = Counter((door, protocol) for door, protocol, _ in set(self.through))
        for (door, protocol), cases in sorted(self.cases.items()):
            yield door, protocol, cases, got_in[door, protocol]


def seen_by_the_app(answer: Answer) -> dict[str, str] | None:
    """Whom the app took the visitor for; None where the request did not get to it."""
    if REACHED not in b"\n" + answer.body:
        return None
    pairs = (line.partition(": ") for line in answer.body.decode(errors="replace").split("\n"))
    return {name: value for name, _, value in pairs if name in BELIEVED}


def _client(door: Door, protocol: Protocol) -> Http1 | Http2:
    return Http1(door) if protocol == "HTTP/1.1" else Http2(door)


def _send(line: Http1 | Http2, attack: Attack, visitor: Visitor) -> Sequence[Answer]:
    name = visitor.door.server_name.encode()
    if isinstance(line, Http2):
        assert attack.http2
        stream = attack.http2
        fields = [(field, value.replace(b"HOST", name)) for field, value in stream.fields]
        fields += [(b"cookie", visitor.cookies.encode())] if visitor.cookies else []
        return [line.ask(fields, stream.body, stream.trailers)]
    assert attack.http1 is not None
    request = _made_out(attack.http1, name, visitor.cookies)
    return line.ask_all(request) if attack.http1.endswith(LAST) else [line.ask(request)]


def _made_out(request: bytes, name: bytes, cookies: str) -> bytes:
    """A request of the table made out to a server, with cookies; LENGTH becomes the length of its last request."""
    if cookies:
        request = request.replace(b"\r\nHost: ", b"\r\nCookie: " + cookies.encode() + b"\r\nHost: ")
    request = request.replace(b"HOST", name)
    return request.replace(b"LENGTH", b"%d" % len(request[request.rfind(b"GET ") :]))
