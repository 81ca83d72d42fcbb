"""The findings on what the inventory itself opens, which nobody may miss."""

from collections.abc import Iterator

from ops.deploy.undeclared_doors import undeclared_ports
from ops.formats.uwsgi_options import listening
from ops.monitoring.findings import ERROR, WARNING, Finding
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host


def open_sockets(host: Host) -> Iterator[Finding]:
    """Each option of uWSGI by which others can connect to the app, with the reason that the inventory has."""
    for name, reason in host.uwsgi.open_to_anyone.items():
        places = ", ".join(listening(name, host.uwsgi.options[name]))
        said = f"{name} = {places}: whoever connects can impersonate anyone; the reason given: {reason}"
        yield Finding("open socket", WARNING, said, "close it as soon as you can: uwsgi.open_to_anyone")


def undeclared(host: Host, files: list[RenderedFile]) -> Iterator[Finding]:
    """Each port that the files open and the inventory does not have."""
    for said in undeclared_ports(host, files):
        yield Finding("doors", ERROR, said, "declare it: see apache.other_ports in docs/inventory.md")
