"""The virtual hosts of an Apache, and the one of them that leads to uWSGI."""

import re
from dataclasses import dataclass

from ops.agent.apache_words import Directive

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
