"""What must hold between the values of one host, beyond the type of each."""

import re
import unicodedata
from collections.abc import Iterator
from typing import Any

from ops import apache, supervisor, uwsgi
from ops.errors import Problem
from ops.schema import Host

Location = tuple[str, ...]


def control_characters(file: str, data: Any, key: str = "") -> Iterator[Problem]:
    """Every key and value that holds a control character: no file of a host can hold one safely."""
    if isinstance(data, dict):
        for name, value in data.items():
            inner = f"{key}.{name}" if key else name
            if _has_control(name):
                yield Problem(file, ascii(inner), None, "a key must not hold a control character")
            else:
                yield from control_characters(file, value, inner)
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from control_characters(file, value, f"{key}.{number}")
    elif isinstance(data, str) and _has_control(data):
        yield Problem(file, key, data, "must not hold a control character")


def contradictions(host: Host) -> Iterator[tuple[Location, str]]:
    """Values that are each well-formed and cannot hold together: (path of keys, rule)."""
    yield from _uwsgi_numbers(host)
    yield from _ports(host)
    yield from _log_files(host)
    try:
        re.compile(host.identity.user_id)
    except re.error as error:
        yield ("identity", "user_id"), f"must be a regular expression: {error}"
    for loc, rule in apache.unwritable(host):
        yield loc, rule
    for rule in uwsgi.unwritable_listen(host.app.listen):
        yield ("app", "listen"), rule
    for key, rule in uwsgi.unwritable(host.uwsgi):
        yield ("uwsgi", *key.split(".", 1)), rule
    for key, rule in supervisor.unwritable_supervisor(host.supervisor):
        yield ("supervisor", *key.split(".", 1)), rule
    for name, program in host.programs.items():
        for key, rule in supervisor.unwritable_program(name, program):
            yield ("programs", name, *key.split(".", 1)), rule


def _uwsgi_numbers(host: Host) -> Iterator[tuple[Location, str]]:
    numbers = host.uwsgi
    if numbers.cheaper >= numbers.workers:
        yield ("uwsgi", "cheaper"), f"must be under workers ({numbers.workers})"
    if numbers.cheaper_initial > numbers.workers:
        yield ("uwsgi", "cheaper-initial"), f"must not be over workers ({numbers.workers})"
    if numbers.cheaper_initial < numbers.cheaper:
        yield ("uwsgi", "cheaper-initial"), f"must not be under cheaper ({numbers.cheaper})"
    if numbers.reload_on_as >= numbers.evil_reload_on_as:
        rule = f"must be under evil-reload-on-as ({numbers.evil_reload_on_as}), the hard limit"
        yield ("uwsgi", "reload-on-as"), rule


def _ports(host: Host) -> Iterator[tuple[Location, str]]:
    used: dict[int, str] = {}
    ports: list[tuple[Location, int]] = [
        (("port",), host.port),
        (("apache", "port"), host.apache.port),
        (("apache", "cert_port"), host.apache.cert_port),
    ]
    if not host.app.listen.startswith("/"):
        listen = int(host.app.listen.rpartition(":")[2])
        if not 1 <= listen <= 65535:
            yield ("app", "listen"), "must have a port from 1 to 65535"
        ports.append((("app", "listen"), listen))
    for loc, port in ports:
        if port in used:
            yield loc, f"port {port} is used by {used[port]} as well"
        used.setdefault(port, ".".join(loc))


def _log_files(host: Host) -> Iterator[tuple[Location, str]]:
    used = {host.supervisor.logfile: "supervisor.logfile"}
    for name, program in host.programs.items():
        logs = supervisor.log_files(name, program, host.log_dir)
        for key, path in logs.items():
            if path in used:
                yield ("programs", name, key), f"{path} is the log of {used[path]} as well"
            used.setdefault(path, f"programs.{name}.{key}")


def _has_control(text: str) -> bool:
    return any(unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") for char in text)
