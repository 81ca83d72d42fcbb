"""The virtual hosts of an Apache, and the one of them that leads to uWSGI."""

import re
from dataclasses import dataclass

from ops.agent.apache_words import Directive
from ops.agent.host_reading_messages import ApacheReading
from ops.importing.apache_settings import directives

_HOST = re.compile(r"virtualhost (?:\S*:)?([0-9]+)( .*)?")
BACKEND = re.compile(r"(?:unix:(?P<socket>[^|]+)\|)?uwsgi://(?P<address>[^/]*)(?P<path>/.*)?")


@dataclass(frozen=True)
class VirtualHost:
    """One virtual host: its port, its heading, and the directives that are directly in it, or in its sections."""

    port: int
    heading: str
    found: list[Directive]

    def own(self, name: str) -> list[list[str]]:
        """The words of each such directive that is directly in it."""
        return [one.words for one in self.found if one.name == name and len(one.path) == 1]

    def all(self, name: str) -> list[Directive]:
        """Each such directive in it."""
        return [one for one in self.found if one.name == name]

    @property
    def backend(self) -> "Directive | None":
        """The ProxyPass to uWSGI."""
        return next(
            (one for one in self.all("proxypass") if any(BACKEND.fullmatch(word) for word in one.words)), None
        )


def virtual_hosts(found: list[Directive]) -> list[VirtualHost]:
    """The virtual hosts with TLS, in their order."""
    headings = dict.fromkeys(one.path[0] for one in found if one.path and _HOST.fullmatch(one.path[0]))
    made = []
    for heading in headings:
        named = _HOST.fullmatch(heading)
        inside = [one for one in found if one.path[:1] == (heading,)]
        if named and any(one.name == "sslengine" for one in inside):
            made.append(VirtualHost(int(named[1]), heading, inside))
    return made


def is_login(one: VirtualHost) -> bool:
    """Whether people log in there, by Shibboleth."""
    return any(each.name.startswith("shib") or each.words[:1] == ["shibboleth"] for each in one.found)


def backends(one: VirtualHost) -> list[str]:
    """The addresses of uWSGI that it sends requests to."""
    found = (BACKEND.fullmatch(word) for each in one.all("proxypass") for word in each.words)
    return [address_of(each) for each in found if each]


def leads_to(proxy: Directive, address: str) -> bool:
    """Whether a ProxyPass leads to that uWSGI."""
    found = (BACKEND.fullmatch(word) for word in proxy.words)
    return any(each and address_of(each) == address for each in found)


def address_of(backend: re.Match[str]) -> str:
    """The address in a target that BACKEND matches."""
    return str(backend["socket"] or backend["address"].replace("localhost", "127.0.0.1"))


def addresses_behind_login(reading: ApacheReading | None) -> set[str]:
    """Where the virtual host for people sends requests to uWSGI; any virtual host if there is none for people."""
    hosts = virtual_hosts(directives(reading)) if reading else []
    return {address for one in [one for one in hosts if is_login(one)] or hosts for address in backends(one)}
