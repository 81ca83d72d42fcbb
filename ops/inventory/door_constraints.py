"""The constraints on Apache's further locations and doors, and on what they add to the identity headers."""

import ipaddress
import re
from collections.abc import Iterator

from ops.agent.apache_doors import backends_in
from ops.door_tables import ANYONE, CERTIFICATE, LOGIN, TOKEN, USER, Location
from ops.formats import apache, apps
from ops.formats.apache import is_within
from ops.formats.locations import IDENTITY
from ops.schema import Host

Rule = tuple[tuple[str, ...], str]
# Headers that Apache itself or every app reads: an attribute in one would not be an attribute.
TAKEN = ("authorization", "connection", "content-length", "cookie", "host", "transfer-encoding")


def door_rules(host: Host) -> Iterator[Rule]:
    """(path of keys, rule) for each value of a location or door that the others contradict."""
    for name, one in apps.locations(host).items():
        for rule in _path_rules(host, name, one):
            yield (*name.split("."), "path"), rule
    for name, one in host.locations.items():
        for key, rule in (*_entry_rules(host, one), *_backend_rules(host, one)):
            yield ("locations", name, key), rule
        for number, network in enumerate(one.addresses):
            if rule := _not_a_network(network):
                yield ("locations", name, "addresses", str(number)), rule
    if host.token and not any(TOKEN in one.on for one in host.locations.values()):
        yield ("token",), 'needs a location with on = ["token"]: without one, this door has nothing'
    for header in host.identity.attributes:
        if header.lower() in (*TAKEN, *(name.lower() for name in IDENTITY)):
            yield ("identity", "attributes", header), "must be another header: this one has a meaning of its own"
    for number, address in enumerate(host.apache.addresses):
        if rule := _not_a_network(address):
            yield ("apache", "addresses", str(number)), rule


def apache_ports(host: Host) -> list[tuple[tuple[str, ...], int]]:
    """(path of keys, port) of each port of Apache."""
    own = host.apache
    ports: list[tuple[tuple[str, ...], int]] = [
        (("apache", "port"), own.port),
        (("apache", "cert_port"), own.cert_port),
    ]
    ports += [(("apache", "redirect_from"), own.redirect_from)] if own.redirect_from else []
    ports += [(("token", "port"), host.token.port)] if host.token else []
    return ports + [(("apache", "other_ports", str(number)), port) for number, port in enumerate(own.other_ports)]


def _path_rules(host: Host, name: str, one: Location) -> Iterator[str]:
    for place in (apache.OWN, apache.PAGES, apache.SHIBBOLETH):
        if is_within(one.path, place):
            yield f"must not be in {place}, which has a meaning of its own"
    if {LOGIN, CERTIFICATE} & set(one.on) and is_within(host.app.path, one.path):
        yield f"must not be app.path or contain it ({host.app.path}): the app's own rules hold there"
    for other, two in apps.locations(host).items():
        if other < name and one.path == two.path and set(one.on) & set(two.on):
            yield f"{one.path} is also {other}.path, on the same door"


def _entry_rules(host: Host, one: Location) -> Iterator[tuple[str, str]]:
    if TOKEN in one.on and not host.token:
        yield "on", "needs the table token too, since that door is not there without it"
    if one.allow == CERTIFICATE and TOKEN in one.on:
        yield "allow", "must not be 'certificate' on the token door, which asks for none"
    if one.allow == ANYONE and not (one.reason or one.addresses):
        yield "allow", "needs reason too: why nobody is asked there"
    if _holds_every_address(one.addresses):
        yield "addresses", "must not hold every address: leave it out where visitors may come from anywhere"
    if one.reason and one.allow != ANYONE:
        yield "reason", "must be left out unless allow is 'anyone'"
    if one.require_attributes and (one.allow != USER or one.on != [LOGIN]):
        yield "require_attributes", 'needs on = ["login"] and allow = "user": only a login has attributes'


def _holds_every_address(texts: list[str]) -> bool:
    """Whether the networks together are all of IPv4 or of IPv6."""
    networks = [ipaddress.ip_network(text) for text in texts if not _not_a_network(text)]
    four = [one for one in networks if isinstance(one, ipaddress.IPv4Network)]
    six = [one for one in networks if isinstance(one, ipaddress.IPv6Network)]
    prefixes = [one.prefixlen for one in ipaddress.collapse_addresses(four)]
    prefixes += [one.prefixlen for one in ipaddress.collapse_addresses(six)]
    return 0 in prefixes


def _backend_rules(host: Host, one: Location) -> Iterator[tuple[str, str]]:
    for view in apps.views(host):
        if one.url and view.app.listen in backends_in(f"ProxyPass / {one.url}"):
            named = "true" if apps.is_main(view) else f'"{view.app_name}"'
            yield "url", f"is where the app listens: write app = {named}"
    if isinstance(one.app, str) and one.app not in host.apps:
        yield "app", f"must be true, or the name of a further app; the inventory has {', '.join(host.apps) or 'none'}"
    port = re.search(r":([0-9]{1,5})(?:/|$)", one.url or "")
    if port and not 1 <= int(port[1]) <= 65535:
        yield "url", "must have a port from 1 to 65535"
    if not one.folder:
        return
    if TOKEN in one.on and one.allow == USER:
        yield "folder", "must not be on the token door: nobody would check the token"
    if re.search(r"\$\{|[*?\[\]]", one.folder):
        yield "folder", "must not contain '${', '*', '?' or brackets, which have a meaning in Apache's <Directory>"
    private = (host.config_dir, host.log_dir, host.state_dir, host.apache.server_root, host.apache.log_dir)
    for place in (*private, host.home):
        if is_within(place, one.folder) or (place != host.home and is_within(one.folder, place)):
            yield "folder", f"must be apart from {place}: visitors get every file in it"
            return


def _not_a_network(text: str) -> str:
    try:
        ipaddress.ip_network(text)
    except ValueError as error:
        return f"must be an address or a network: {error}"
    return ""
