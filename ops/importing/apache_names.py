"""The names and addresses by which an Apache is reached, as values of the inventory."""

import ipaddress

from ops.agent.apache_words import Directive
from ops.importing.apache_hosts import VirtualHost
from ops.importing.imported import Imported
from ops.importing.settings import APACHE


def read(found: list[Directive], hosts: list[VirtualHost], into: Imported) -> None:
    """Add the further names of the virtual hosts, and the addresses where Apache listens for them."""
    aliases = [name for one in hosts for words in one.own("serveralias") for name in words]
    if aliases:
        into.put(list(dict.fromkeys(aliases)), "apache", "aliases")
    listens = {one.port: _addresses(found, one.port) for one in hosts}
    same = {tuple(each) for each in listens.values()}
    if len(same) == 1 and (addresses := same.pop()):
        into.put(list(addresses), "apache", "addresses")
        return
    for one in hosts:
        if not one.heading.startswith("virtualhost *:"):
            advice = "poms-ops listens on every address of the port (apache.addresses)"
            into.leave_out(APACHE, f"the address in {one.heading}", advice)


def _addresses(found: list[Directive], port: int) -> list[str]:
    """The addresses where Apache listens for a port, but 127.0.0.1; none if there is one without an address."""
    hosts = [one.words[0].rpartition(":") for one in found if one.name == "listen" and one.words]
    own = [host for host, _, number in hosts if number == str(port)]
    return sorted({host for host in own if host != "127.0.0.1"}) if all(map(_is_ipv4, own)) else []


def _is_ipv4(text: str) -> bool:
    try:
        return not ipaddress.IPv4Address(text).is_unspecified
    except ValueError:
        return False
