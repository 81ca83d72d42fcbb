"""The inventory's locations as Apache has them: on which door, with which backend, and for whom.

Source: Apache 2.4 manual, "Configuration Sections" (how sections are merged), mod_proxy, mod_headers.
"""

import itertools
from collections.abc import Iterator, Mapping

from ops.door_tables import CERTIFICATE, LOGIN, TOKEN, USER, Location
from ops.formats import apache, apps
from ops.schema import Host

IDENTITY = ("X-Shib-Userid", "X-Shib-Email", "X-Shib-Name-First", "X-Shib-Name-Last")
BEARER = "-n req_novary('Authorization') && req_novary('Authorization') =~ m#^Bearer +[!-~]+$#i"


def door_ports(host: Host) -> dict[str, int]:
    """Each door and its port."""
    ports = {LOGIN: host.apache.port, CERTIFICATE: host.apache.cert_port}
    return ports | ({TOKEN: host.token.port} if host.token else {})


def locations_on(host: Host, door: str) -> list[Location]:
    """The locations of a door; one that is below another comes after it, since Apache's last match wins."""
    return sorted((one for one in apps.locations(host).values() if door in one.on), key=lambda one: len(one.path))


def identity_headers(host: Host) -> list[str]:
    """The headers that tell the app who the visitor is."""
    return [*IDENTITY, *host.identity.attributes]


def dropped_headers(host: Host, door: str) -> list[str]:
    """The headers that a door drops from every request before anything else.

    Authorization too, except where the app is to check a token: mod_proxy_uwsgi passes it on. A backend of HTTP gets
    names with "_", and may take them for "-"; mod_proxy_uwsgi drops those.
    """
    names = list(dict.fromkeys([*identity_headers(host), *host.identity.dropped_headers]))
    names += ["Authorization"] if door in (LOGIN, CERTIFICATE) else []
    if any(is_http(one) for one in locations_on(host, door)):
        names = list(dict.fromkeys(spelling for name in names for spelling in _spellings(name)))
    return names


def _spellings(name: str) -> Iterator[str]:
    parts = name.split("-")
    for joints in itertools.product("-_", repeat=len(parts) - 1):
        yield parts[0] + "".join(joint + part for joint, part in zip(joints, parts[1:], strict=True))


def is_http(location: Location) -> bool:
    """Whether the backend gets HTTP, and not uWSGI's protocol."""
    return "http://" in (location.url or "")


def shares_worker(host: Host, location: Location, door: str) -> bool:
    """Whether Apache uses the worker of the app's own location for this one, with its settings."""
    own = apps.app_of(host, location).app.path
    is_own = isinstance(location.app, str) and location.path == own
    return bool(location.app and own and not is_own and door != TOKEN and apache.is_within(location.path, own))


def target(host: Host, location: Location) -> str:
    """Where ProxyPass sends the requests of a location; what follows its path is appended."""
    if location.url is None:
        return apache.proxy_target(apps.app_of(host, location), location.path)
    return location.url.rstrip("/")


def reverse_target(location: Location) -> str:
    """What a redirect of the backend begins with, which Apache replaces by the location; "" if that is not HTTP."""
    return (location.url or "").rpartition("|")[2].rstrip("/") if is_http(location) else ""


def from_addresses(location: Location) -> str:
    """The expression that is true for a connection from the location's addresses; no header changes that one."""
    return " || ".join(f"%{{CONN_REMOTE_ADDR}} -ipmatch '{network}'" for network in location.addresses)


def has_optional_certificate(host: Host) -> bool:
    """Whether the login door asks for a certificate, which a visitor need not have."""
    return any(is_by_certificate(one, LOGIN) for one in locations_on(host, LOGIN))


def is_by_certificate(location: Location, door: str) -> bool:
    """Whether a client certificate proves who enters there."""
    return location.allow == CERTIFICATE or (location.allow == USER and door == CERTIFICATE)


def attribute_headers(host: Host) -> Mapping[str, str]:
    """Each header of a login but the user's id, and the attribute that it has."""
    own = host.identity
    named = {"X-Shib-Email": own.email_attribute, "X-Shib-Name-First": own.first_name_attribute}
    return named | {"X-Shib-Name-Last": own.last_name_attribute} | own.attributes
