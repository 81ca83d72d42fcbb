"""Where the apps and supervisord listen, and whether two addresses, each HOST:PORT, are one port twice."""

import re
from collections.abc import Iterator

from ops.formats import processes, uwsgi_options
from ops.formats.apps import Key, app_key, uwsgi_key, views
from ops.formats.web_program import holds_app_socket
from ops.schema import Host

EVERY = ("", "*", "0.0.0.0")  # noqa: S104 - compared, not bound
EVERY_IPV6 = "[::]"
LOCALHOST = ("localhost", "127.0.0.1")  # uWSGI and supervisord use the address of IPv4


def listening(host: Host) -> Iterator[tuple[Key, str]]:
    """(path of keys, address) of the apps, of their uWSGIs' further sockets, and of what supervisord opens."""
    for view in views(host):
        yield from of_app(view)
    if host.supervisor.inet_http_server:
        yield ("supervisor", "inet_http_server", "port"), host.supervisor.inet_http_server.port
    for name in host.programs:
        if (address := processes.socket_of(host, name)) and not is_of_app(host, name):
            yield ("programs", name, "socket"), address


def of_app(view: Host) -> Iterator[tuple[Key, str]]:
    """(path of keys, address) of an app, and of the further sockets of its uWSGI."""
    yield app_key(view, "listen"), view.app.listen
    if view.app.cron_listen:
        yield app_key(view, "cron_listen"), view.app.cron_listen
    for number, address in enumerate(view.uwsgi.sockets):
        yield uwsgi_key(view, "sockets", str(number)), address
    for name, value in view.uwsgi.options.items():
        for address in uwsgi_options.listening(name, value):
            if address.startswith("/") or re.fullmatch(r"[^/]*:[0-9]{1,5}", address):
                yield uwsgi_key(view, "options", name), address


def is_of_app(host: Host, program: str) -> bool:
    """Whether supervisord opens an app's socket for this program."""
    return any(holds_app_socket(view, program) for view in views(host))


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
