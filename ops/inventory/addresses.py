"""Where the app and supervisord listen, and whether two addresses, each HOST:PORT, are one port twice."""

import re
from collections.abc import Iterator

from ops.formats import processes, uwsgi_options
from ops.formats.web_program import holds_app_socket
from ops.schema import Host

EVERY = ("", "*", "0.0.0.0")  # noqa: S104 - spellings of every address of IPv4
EVERY_IPV6 = "[::]"
LOCALHOST = ("localhost", "127.0.0.1")  # uWSGI and supervisord use the address of IPv4


def listening(host: Host) -> Iterator[tuple[tuple[str, ...], str]]:
    """(path of keys, address) of the app, of uWSGI's further sockets, and of what supervisord opens."""
    yield ("app", "listen"), host.app.listen
    if host.app.cron_listen:
        yield ("app", "cron_listen"), host.app.cron_listen
    for number, address in enumerate(host.uwsgi.sockets):
        yield ("uwsgi", "sockets", str(number)), address
    for name, value in host.uwsgi.options.items():
        for address in uwsgi_options.listening(name, value):
            if re.fullmatch(r"[^/]*:[0-9]{1,5}", address):
                yield ("uwsgi", "options", name), address
    if host.supervisor.inet_http_server:
        yield ("supervisor", "inet_http_server", "port"), host.supervisor.inet_http_server.port
    for name in host.programs:
        if (address := processes.socket_of(host, name)) and not holds_app_socket(host, name):
            yield ("programs", name, "socket"), address


def port_of(address: str) -> int:
    """Its port. Raises ValueError."""
    return int(address.rpartition(":")[2])


def are_one(address: str, other: str) -> bool:
    """Whether both cannot be listened on. An address without a host is every one, of IPv4 and IPv6."""
    if port_of(address) != port_of(other):
        return False
    one, two = (_host(text) for text in (address, other))
    if "" in (one, two) or one == two:
        return True
    if one.startswith("[") != two.startswith("["):
        return False
    return any(host in (*EVERY, EVERY_IPV6) for host in (one, two))


def _host(address: str) -> str:
    host = address.rpartition(":")[0]
    return LOCALHOST[1] if host in LOCALHOST else host
