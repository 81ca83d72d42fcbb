"""The identity probe's requests for the inventory's locations and doors: of those who must and must not get in."""

import functools
import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ops.agent.apache_messages import ProbeAttempt
from ops.agent.identity_probe import FILE, LINK
from ops.door_tables import ANYONE, LOGIN, TOKEN, Location
from ops.formats import apache
from ops.formats.locations import (
    door_ports,
    identity_headers,
    is_by_certificate,
    locations_on,
)
from ops.schema import Host

SPOOFED_VALUE = "intruder"  # the value of every forged header
ELSEWHERE = "127.0.0.2"  # reachable in the trial, and for Apache not the host's own address
OUTSIDE = (ELSEWHERE, "192.0.2.7", "198.51.100.7")  # one of them is no address of a location's
BEARER = "Bearer poms-ops"
OTHER_NAME = "elsewhere.example"  # what a visitor may write into Host


@dataclass(frozen=True)
class Visitors:
    """Who asks: the id in the certificate "user", the names of the `intruders`' certificates, and the false headers.

    `below`: the intruder who gets in if the host trusts a CA above that of the users.
    """

    user: str
    intruders: tuple[str, ...]
    forged: tuple[str, ...]
    below: str = ""

    def needs_another_ca(self, host: Host, certificate: str) -> bool:
        """Whether that request proves something only on a host that trusts another CA."""
        return certificate == self.below and host.apache.verify_depth > 1


Attempt = Callable[..., ProbeAttempt]


def forged_lines(host: Host) -> tuple[str, ...]:
    """Each header that an app may believe, with a false value."""
    names = [*identity_headers(host), *host.identity.dropped_headers]
    return (*(f"{name}: {SPOOFED_VALUE}" for name in names), f"Authorization: Bearer {SPOOFED_VALUE}")


def disguised(host: Host, forged: tuple[str, ...]) -> Mapping[str, list[str]]:
    """The false headers as an attacker may send them."""
    names = identity_headers(host)
    return {
        "in small letters": [line.lower() for line in forged],
        "in capitals": [line.upper() for line in forged],
        "with underscores": [line.replace("-", "_") for line in forged],
        "twice": [*forged, *forged],
        "folded": [line.replace(": ", ":\r\n ") for line in forged],
        "behind what Connection names": [f"Connection: {', '.join(names)}", *forged],
        "which Connection names": [f"Connection: {name}" for name in names],
    }


def spelled(path: str) -> list[str]:
    """Ways to write a path, and one below it."""
    if path == "/":
        return ["/", "//", "/x", "/?x", "/./", "/x/..", "/%78"]
    last, first = path.rpartition("/")[2], f"/%{ord(path[1]):02x}{path[2:]}"
    below = [f"{path}/", f"{path}/x", f"{path}?x", f"{path}/../{last}"]
    return [path, *below, f"/{path}", f"/.{path}", f"/x/..{path}", first]


def location_requests(host: Host, visitors: Visitors) -> Iterator[ProbeAttempt]:
    """For each location on each of its doors, and for what the token door and plain HTTP do not have."""
    for door, port in door_ports(host).items():
        for one in locations_on(host, door):
            yield from _of_location(host, one, door, visitors)
        if door == TOKEN:
            yield from _beside_tokens(host, port, visitors)
    if host.apache.redirect_from:
        yield from _plain(host, host.apache.redirect_from, visitors)


def _of_location(host: Host, one: Location, door: str, visitors: Visitors) -> Iterator[ProbeAttempt]:
    inside = _address_in(one)
    path = f"{one.path}/{FILE}" if one.folder else one.path
    attempt: Attempt = functools.partial(
        ProbeAttempt, port=door_ports(host)[door], location=one.path, is_file=bool(one.folder)
    )
    allowed: Attempt = functools.partial(attempt, path=path, source=inside) if inside else attempt
    if inside is not None:
        if is_by_certificate(one, door):
            yield from by_certificate(host, functools.partial(allowed, path=path), visitors, bool(one.folder))
        elif one.allow == ANYONE or door == TOKEN:
            yield from _unnamed(host, one, door, (functools.partial(allowed, path=path), visitors))
    if door == LOGIN and one.allow != ANYONE:
        name = "no certificate" if is_by_certificate(one, door) else "no login"
        for way in spelled(path):
            yield attempt(name=name, path=way, lines=[*visitors.forged], source=inside or "127.0.0.1")
    if door == LOGIN and one.allow == ANYONE and not one.folder:
        yield from _out_of(host, one, attempt, visitors)
    if one.addresses:
        claims = [*visitors.forged, f"X-Forwarded-For: {inside}", f"Forwarded: for={inside}"]
        outside = next((text for text in OUTSIDE if not _has(one, text)), None)
        if outside:
            certificate = None if door == TOKEN else "user"
            yield attempt(
                name="from another address", path=path, certificate=certificate, lines=claims, source=outside
            )


def _out_of(host: Host, one: Location, attempt: Attempt, visitors: Visitors) -> Iterator[ProbeAttempt]:
    """From a location where nobody is asked to what is beside it, where a login is needed."""
    beside = f"{one.path.rpartition('/')[0]}/poms-ops-x"
    if any(apache.is_within(beside, other.path) for other in locations_on(host, LOGIN)):
        return
    for way in ("../poms-ops-x", "%2e%2e/poms-ops-x", "..%2fpoms-ops-x", ".%2e/poms-ops-x"):
        yield attempt(name="out of an open location", path=f"{one.path}/{way}", lines=[*visitors.forged])


def by_certificate(host: Host, own: Attempt, visitors: Visitors, is_file: bool = False) -> Iterator[ProbeAttempt]:
    """With the user's certificate, with each intruder's, and with none; `own` makes an attempt of a place."""
    forged = [*visitors.forged]
    user = functools.partial(own, certificate="user", user=None if is_file else visitors.user)
    if is_file:
        user = functools.partial(user, nameless=True, must_arrive=True)
    yield user(name="a certificate of its own")
    yield user(name="a certificate of its own and false headers", lines=forged)
    for how, lines in disguised(host, visitors.forged).items():
        yield user(name=f"a certificate of its own and false headers, {how}", lines=lines)
    yield own(name="no certificate", lines=forged)
    for certificate in visitors.intruders:
        yield own(
            name=f"a certificate ({certificate})",
            certificate=certificate,
            lines=forged,
            needs_another_ca=visitors.needs_another_ca(host, certificate),
        )


def _unnamed(host: Host, one: Location, door: str, kit: tuple[Attempt, Visitors]) -> Iterator[ProbeAttempt]:
    """Those who come in without a name: with a token, or unasked."""
    allowed, visitors = kit
    forged = [*visitors.forged]
    is_token = door == TOKEN and one.allow != ANYONE
    if is_token:
        yield allowed(name="no token", lines=forged[:-1])
        yield allowed(name="no token, but a password", lines=[*forged[:-1], "Authorization: Basic cDpw"])
    token = [f"Authorization: {BEARER}"] if is_token else []
    if is_token and host.token and host.token.checked_by == "apache":
        yield allowed(name="a token that nobody has issued", lines=token)
        yield allowed(name="a token that nobody has issued, and false headers", lines=[*forged[:-1], *token])
        return
    must = functools.partial(
        allowed,
        nameless=True,
        must_arrive=True,
        token=BEARER if is_token else "",
        certificate=None if door in (LOGIN, TOKEN) else "user",
    )
    name = "a token" if is_token else "anyone"
    last = -1 if is_token else None
    yield must(name=name, lines=token)
    yield must(name=f"{name} and false headers", lines=[*forged[:last], *token])
    for how, lines in disguised(host, visitors.forged[:last]).items():
        yield must(name=f"{name} and false headers, {how}", lines=[*lines, *token])
    if one.folder:
        yield allowed(name="a listing", path=f"{one.path}/", certificate=must.keywords["certificate"])
        yield allowed(name="a link out of it", path=f"{one.path}/{LINK}", certificate=must.keywords["certificate"])


def _beside_tokens(host: Host, port: int, visitors: Visitors) -> Iterator[ProbeAttempt]:
    """What the token door does not have: the app's other paths, and Apache's own pages."""
    lines = [*visitors.forged[:-1], f"Authorization: {BEARER}"]
    has = [one.path for one in locations_on(host, TOKEN)]
    for path in ("/", host.app.path, apache.own_page(host), f"{apache.PAGES}/page.html"):
        if not any(apache.is_within(path, other) for other in has):
            yield ProbeAttempt(name="beside the locations", port=port, path=path, location=path, lines=lines)


def _plain(host: Host, port: int, visitors: Visitors) -> Iterator[ProbeAttempt]:
    """Plain HTTP sends everybody to the host's own name, whatever name they ask for."""
    place = f"https://{host.apache.server_name}{f':{host.apache.port}' if host.apache.port != 443 else ''}"
    for path in dict.fromkeys(["/", host.app.path, f"{host.app.path.rstrip('/')}/x?y=z", apache.own_page(host)]):
        yield ProbeAttempt(
            name="plain HTTP, another name",
            port=port,
            path=path,
            location="/",
            lines=[*visitors.forged],
            host=OTHER_NAME,
            is_plain=True,
            redirects_to=f"{place}{path}",
        )


def _address_in(one: Location) -> str | None:
    """An address that may come there: the host's own, or one of the location's; None for IPv6 alone."""
    if not one.addresses or _has(one, "127.0.0.1"):
        return "127.0.0.1"
    networks = [ipaddress.ip_network(text) for text in one.addresses]
    first = next((network for network in networks if network.version == 4), None)
    return str(first[min(1, first.num_addresses - 1)]) if first else None


def _has(one: Location, address: str) -> bool:
    return any(ipaddress.ip_address(address) in ipaddress.ip_network(text) for text in one.addresses)
