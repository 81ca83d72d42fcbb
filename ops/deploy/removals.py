"""What a deploy removes: running programs, ports and virtual hosts that no new file has.

Removing what the last release deployed is planned: the inventory or a template has changed. What somebody set up by
hand is not planned: a deploy lists it and requires --remove.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ops.deploy.supervisor_changes import Effect
from ops.formats import uwsgi, uwsgi_options
from ops.inventory.addresses import EVERY, EVERY_IPV6

PROGRAM, PORT, VIRTUAL_HOST, INCLUDE = "program", "port", "virtual host", "include"
SOCKET = "socket"
# Options that open a way in for requests, such as cron's.
_WAYS_IN = ("socket", "uwsgi-socket", "http-socket", "http11-socket", "fastcgi-socket", "scgi-socket")


@dataclass(frozen=True)
class Removal:
    """One thing that the deploy removes. `where` says more; `planned`: the last release had it."""

    kind: str
    name: str
    where: str
    planned: bool = False

    def describe(self) -> str:
        """Its text in the plan."""
        return f"{self.kind} {self.name} ({self.where})"


@dataclass(frozen=True)
class Replaced:
    """A file that a deploy writes or removes: its text before and after; `planned`: the last release wrote it so."""

    path: str
    before: str
    after: str
    planned: bool = False


def removed_programs(
    before: Effect | None, after: Effect | None, told: dict[str, str] | None, conf: Replaced
) -> Iterator[Removal]:
    """The processes that end, of those that supervisord lists (`told`: name to state; None: it was not asked).

    Nobody has deployed those of included files.
    """
    known = before.processes if before else frozenset()
    included = before.included if before else frozenset()
    wanted = after.processes if after else frozenset()
    if told is None:
        told = dict.fromkeys(known, "")
    goes_on = bool(after and before and set(before.includes) <= set(after.includes) and before.includes)
    for name in sorted(told.keys() - wanted):
        state = f"{told[name]}, " if told[name] else ""
        if name in included:
            yield Removal(PROGRAM, name, f"{state}of a file that {conf.path} includes")
        elif name in known:
            yield Removal(PROGRAM, name, f"{state}of {conf.path}", conf.planned)
        elif not goes_on:  # otherwise the new file includes the same further files
            yield Removal(PROGRAM, name, f"{told[name]}, known to supervisord, not in {conf.path} itself")


def removed_ports(before: Effect | None, after: Effect | None, conf: Replaced) -> Iterator[Removal]:
    """The ports of supervisord itself and of the sockets that it opens for programs."""
    if before:
        for port in sorted(before.ports - (after.ports if after else frozenset())):
            planned = conf.planned and port not in before.included
            yield Removal(PORT, port.removeprefix(":"), f"supervisord's, of {conf.path}", planned)


def removed_uwsgi_ports(ini: Replaced) -> Iterator[Removal]:
    """The ports that uWSGI's file opens, and the sockets for requests."""
    kept = {address for _, address in _uwsgi_addresses(ini.after)}
    for option, address in _uwsgi_addresses(ini.before):
        if address not in kept:
            kind = SOCKET if address.startswith("/") else PORT
            yield Removal(kind, address.removeprefix(":"), f"{option} of {ini.path}", ini.planned)


def _uwsgi_addresses(text: str) -> list[tuple[str, str]]:
    found = []
    for option, value in uwsgi.pairs_of(text):
        addresses = [value] if option in ("socket", "uwsgi-socket") else uwsgi_options.listening(option, value)
        found += [(option, one) for one in addresses if re.fullmatch(r"[^/]*:[0-9]+", one)]
        found += [(option, one) for one in addresses if one.startswith("/") and option in _WAYS_IN]
    return found


# ---- Apache -------------------------------------------------------------------------------------------------------


@dataclass
class _Apache:
    """What some Apache files configure: ports, virtual hosts by port, and included files."""

    listens: dict[str, str] = field(default_factory=dict)
    hosts: dict[tuple[str, str], str] = field(default_factory=dict)
    includes: dict[str, str] = field(default_factory=dict)


def removed_from_apache(replaced: Sequence[Replaced], kept: Sequence[str]) -> Iterator[Removal]:
    """What only the old files have, and neither the new ones nor `kept` (the texts of unchanged managed files).

    Any virtual host on the same port replaces one without a name.
    """
    after = _Apache()
    for number, text in enumerate([*kept, *(file.after for file in replaced)]):
        _read(f"{number}", text, after)
    ports = {port for port, _ in after.hosts}
    any_address = {port for port in after.listens if ":" not in port}
    for file in replaced:
        before = _Apache()
        _read(file.path, file.before, before)
        for port, path in before.listens.items():
            if port not in after.listens and port.rpartition(":")[2] not in any_address:
                yield Removal(PORT, port, f"Listen in {path}", file.planned)
        for (port, name), path in before.hosts.items():
            if (port not in ports) if not name else ((port, name) not in after.hosts):
                yield Removal(VIRTUAL_HOST, f"{name or '*'}:{port}", f"in {path}", file.planned)
        for pattern, path in before.includes.items():
            if pattern not in after.includes:
                yield Removal(INCLUDE, pattern, f"in {path}", file.planned)


def _read(path: str, text: str, into: _Apache) -> None:
    ports: list[str] = []
    name = ""
    for words in _directives(text):
        directive, arguments = words[0].lower(), words[1:]
        if directive == "listen" and arguments:
            into.listens[_port(arguments[0])] = path
        elif directive == "<virtualhost":
            ports, name = [address.rpartition(":")[2] for address in arguments], ""
        elif directive == "servername" and arguments:
            name = re.sub(r"^[a-z]+://|:[0-9]+$", "", arguments[0].lower())
        elif directive == "</virtualhost":
            into.hosts |= {(port, name): path for port in ports}
        elif directive in ("include", "includeoptional") and arguments:
            into.includes[arguments[0]] = path


def _directives(text: str) -> Iterator[list[str]]:
    """The words of each line, without quotes and closing brackets; a backslash continues a line."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        words = [quoted or plain for quoted, plain in re.findall(r'"((?:[^"\\]|\\.)*)"|([^\s">]+)', line)]
        if words and not words[0].startswith("#"):
            yield words


def _port(address: str) -> str:
    """An address to listen on; only the port if it listens on every address."""
    host, _, port = address.rpartition(":")
    return port if host in (*EVERY, EVERY_IPV6) else f"{host}:{port}"
