"""Ports that Apache's files open and the inventory does not declare: such a door is not deployed."""

from collections.abc import Iterable, Iterator

from ops.agent.apache_doors import ports_in
from ops.errors import BadInput
from ops.formats.locations import door_ports
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host


def declared_ports(host: Host) -> set[int]:
    """The ports of Apache that the inventory has."""
    plain = [host.apache.redirect_from] if host.apache.redirect_from else []
    return {*door_ports(host).values(), *plain, *host.apache.other_ports}


def undeclared_ports(host: Host, files: Iterable[RenderedFile]) -> Iterator[str]:
    """A sentence for each port of a file that the inventory does not have, or that cannot be read."""
    known = declared_ports(host)
    for file in files:
        if file.service != "apache":
            continue
        ports = dict.fromkeys(ports_in(file.content.decode(errors="replace")))
        for port in ports:
            where = f"{file.path} (templates/{file.template})"
            if port is None:
                yield f"{where}: a port of Listen or <VirtualHost> is no number: write the number"
            elif port not in known:
                yield f"{where}: port {port} is an undeclared door: nothing in the inventory names it"


def refuse_undeclared_ports(host: Host, files: Iterable[RenderedFile]) -> None:
    """Raise BadInput for such a port."""
    found = list(undeclared_ports(host, files))
    if found:
        lines = "\n".join(f"{host.name}: {line}" for line in found)
        raise BadInput(
            f"{lines}\nDeclare it (apache.redirect_from, token.port, or apache.other_ports for a virtual host of "
            "your own templates), so that the identity probe attacks it. Nothing was touched."
        )
