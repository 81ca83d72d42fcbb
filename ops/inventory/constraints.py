"""The constraints between the values of one host, beyond the type of each value."""

import functools
import ipaddress
import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from ops.errors import Problem
from ops.formats import apache, apps, processes, supervisor, uwsgi, uwsgi_log, uwsgi_options
from ops.formats.apache import is_within
from ops.formats.web_program import web_program
from ops.inventory import (
    addresses,
    config_files,
    further_apps,
    program_commands,
    program_groups,
    supervisor_words,
)
from ops.inventory.defaults import follows_from
from ops.inventory.door_constraints import apache_ports, door_rules
from ops.inventory.schema_errors import has
from ops.inventory.validation_levels import LEVELS
from ops.schema import Host
from ops.value_types import VERSION

Location = tuple[str, ...]
Rule = tuple[Location, str]
Written = Callable[[Location], bool]  # whether the inventory has a value there
SSH_PORT = 22
SHARED_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/var/run")  # noqa: S108 - these are refused


def unwritable_values(file: str, data: Any, key: str = "") -> Iterator[Problem]:
    """Every key and value with a control character, and every number that is too long for its readers."""
    if isinstance(data, dict):
        for name, value in data.items():
            inner = f"{key}.{name}" if key else name
            if _has_control(name):
                yield Problem(file, ascii(inner), None, "a key must not contain a control character")
            else:
                yield from unwritable_values(file, value, inner)
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from unwritable_values(file, value, f"{key}.{number}")
    elif isinstance(data, str) and _has_control(data):
        shown = None if ".secrets." in f".{key}." else data
        yield Problem(file, key, shown, "must not contain a control character")
    elif isinstance(data, int) and abs(data) >= 10**18:
        yield Problem(file, key, None, "must have at most 18 digits")


def constraint_violations(host: Host, data: Any = None) -> Iterator[Rule]:
    """Values that are valid each and contradict each other: (path of keys, rule).

    `data` is the host's table in the file. With it, each rule names a key of that table: of two conflicting keys the
    one that is in the table, for a default that follows from another value the key of that value.
    """
    if data is None:
        yield from _contradictions(host, lambda _: True)
        return
    found = list(_contradictions(host, lambda loc: has(data, loc)))
    for loc, rule in found:
        source = follows_from(loc, data)
        if source == loc:
            yield loc, rule
        elif (source, rule) not in found:
            yield source, f"{'.'.join(loc)}, whose default follows from it, {rule}"


def _contradictions(host: Host, written: Written) -> Iterator[Rule]:
    yield from _validation(host)
    yield from _bake(host)
    for view in apps.views(host):
        yield from _app(view)
        yield from _uwsgi_numbers(view, written)
    yield from further_apps.contradictions(host)
    yield from _ports(host, written)
    yield from _files(host, written)
    yield from _places(host, written)
    yield from config_files.rules(host, written)
    yield from _socket_folder(host)
    yield from _names(host)
    yield from _software(host)
    yield from program_groups.rules(host, written)
    yield from supervisor_words.rules(host)
    for loc, rule in apache.unwritable(host):
        yield loc, rule
    yield from _maintenance(host)
    yield from door_rules(host)
    for rule in uwsgi.unwritable_handover(host):
        yield ("state_dir",), rule
    yield from uwsgi_options.unsafe_options(host)
    for key, rule in supervisor.unwritable_supervisor(host.supervisor):
        yield ("supervisor", *key.split(".", 1)), rule
    for name, program in host.programs.items():
        for key, rule in supervisor.unwritable_program(name, program):
            yield ("programs", name, *key.split(".", 1)), rule
        for variable, secret in program.environment_secrets.items():
            if secret not in host.secrets:
                rule = f"must be the name of a secret; the inventory has {', '.join(host.secrets) or 'none'}"
                yield ("programs", name, "environment_secrets", variable), rule
        for rule in program_commands.shell_syntax(program):
            yield ("programs", name, "command"), rule


def _app(view: Host) -> Iterator[Rule]:
    """What each app must be by itself; the paths of further apps are checked as locations."""
    for place, what in ((apache.OWN, "which app.check_through_apache uses"), (apache.PAGES, "the maintenance page")):
        is_used = place != apache.OWN or view.app.check_through_apache
        if apps.is_main(view) and is_used and is_within(view.app.path, place):
            yield ("app", "path"), f"must not be in {place}: {what}"
    for key, address in (("listen", view.app.listen), ("cron_listen", view.app.cron_listen)):
        for rule in uwsgi.unwritable_listen(address or ""):
            yield apps.app_key(view, key), rule
    for number, address in enumerate(view.uwsgi.sockets):
        for rule in uwsgi.unwritable_listen(address):
            yield apps.uwsgi_key(view, "sockets", str(number)), rule
    for key, rule in uwsgi.unwritable(view.uwsgi):
        yield apps.uwsgi_key(view, *key.split(".", 1)), rule


def _names(host: Host) -> Iterator[Rule]:
    if ":" in host.address:
        try:
            ipaddress.IPv6Address(host.address)
        except ValueError:
            yield ("address",), "must be a name or IP address"
            return
    if not host.apache.server_name:
        yield ("apache", "server_name"), "must be given, since Apache cannot use the address as its name"


def _software(host: Host) -> Iterator[Rule]:
    if host.software is None:
        return
    if VERSION not in host.activate:
        yield ("activate",), f"must contain {VERSION}, so that programs run the version that software.version wants"
    for key in ("folder", "link", "setup"):
        if VERSION in (getattr(host.software, key) or ""):
            yield ("software", key), f"must not contain {VERSION}: it is the same for all versions"
    for view in [view for view in apps.views(host) if "binary-path" in view.uwsgi.options]:
        loc = apps.uwsgi_key(view, "options", "binary-path")
        yield loc, "must not be set with software: a reload needs start-program there"


def _validation(host: Host) -> Iterator[Rule]:
    lower = host.deploy.validation != LEVELS[-1]
    if lower and not host.deploy.validation_reason:
        rule = "needs deploy.validation_reason too: why this host cannot be validated further"
        yield ("deploy", "validation"), rule
    if not lower and host.deploy.validation_reason:
        yield ("deploy", "validation_reason"), f"must be left out if deploy.validation is {LEVELS[-1]}, its default"


def _bake(host: Host) -> Iterator[Rule]:
    least, most = 20, 3600  # seconds; nothing else can be done to the host then
    if host.deploy.bake and not least <= host.deploy.bake_seconds <= most:
        yield ("deploy", "bake"), f"must be from {least}s to {most // 3600}h"
    if host.deploy.bake and web_program(host) is None:
        yield ("deploy", "bake"), "needs a program that runs uWSGI with the app: its log is what a bake compares"
    elif host.deploy.bake and "status" not in uwsgi_log.patterns(host, ("status",)):
        rule = "needs %(status) in uwsgi.options.log-format, before or behind all that clients write, as %(uri)"
        yield ("deploy", "bake"), rule
    if host.deploy.bake_needs_operator and not host.deploy.bake:
        yield ("deploy", "bake_needs_operator"), "needs deploy.bake too"


def _either(written: Written, one: Rule, other: Rule) -> Rule:
    """Of two conflicting keys, the rule for the first one that the inventory has."""
    return other if written(other[0]) and not written(one[0]) else one


def _uwsgi_numbers(view: Host, written: Written) -> Iterator[Rule]:
    numbers, key = view.uwsgi, functools.partial(apps.uwsgi_key, view)
    if numbers.cheaper >= numbers.workers:
        yield key("cheaper"), f"must be under workers ({numbers.workers})"
    if written(key("cheaper-initial")):  # otherwise it follows from the two
        if numbers.cheaper and numbers.cheaper_initial > numbers.workers:
            yield key("cheaper-initial"), f"must not be over workers ({numbers.workers})"
        if numbers.cheaper_initial < numbers.cheaper:
            yield key("cheaper-initial"), f"must not be under cheaper ({numbers.cheaper})"
    if (numbers.reload_on_as or 0) >= (numbers.evil_reload_on_as or sys.maxsize):
        soft = f"must be under evil-reload-on-as ({numbers.evil_reload_on_as}), the hard limit"
        hard = f"must be over reload-on-as ({numbers.reload_on_as}), the soft limit"
        yield _either(written, (key("reload-on-as"), soft), (key("evil-reload-on-as"), hard))


def _ports(host: Host, written: Written) -> Iterator[Rule]:
    used: list[tuple[Location, str]] = []
    of_apache = [(loc, f":{port}") for loc, port in apache_ports(host)]
    ports: list[tuple[Location, str]] = [(("port",), f":{host.port or SSH_PORT}"), *of_apache]
    for loc, address in addresses.listening(host):
        if not address.startswith("/"):
            if not 1 <= addresses.port_of(address) <= 65535:
                yield loc, "must have a port from 1 to 65535"
            ports.append((loc, address))
    for loc, address in ports:
        for first in [by for by, other in used if addresses.are_one(address, other)][:1]:
            port = addresses.port_of(address)
            one, other = (f"port {port} is also used by {'.'.join(by)}" for by in (first, loc))
            yield _either(written, (loc, one), (first, other))
        used.append((loc, address))


def _files(host: Host, written: Written) -> Iterator[Rule]:
    """No two files or sockets on the host may have the same path."""
    ours = {
        host.supervisor.file: "supervisord's configuration",
        **{uwsgi.ini_path(view): "uWSGI's configuration" for view in apps.views(host)},
        f"{host.config_dir}/start-program": "the script that starts programs",
    }
    used: dict[str, Location] = {}
    files: list[tuple[Location, str]] = [
        (("supervisor", key), getattr(host.supervisor, key)) for key in ("socket", "pidfile", "logfile")
    ]
    of_apps = [found for view in apps.views(host) for found in addresses.of_app(view)]
    files += [(loc, path) for loc, path in of_apps if path.startswith("/")]
    for name in host.programs:
        logs = [(("programs", name, log.key), log.path) for log in processes.log_files(host, name)]
        address = "" if addresses.is_of_app(host, name) else processes.socket_of(host, name)
        files += [
            *dict.fromkeys(logs),
            *([(("programs", name, "socket"), address)] if address.startswith("/") else []),
        ]
    for loc, path in files:
        if path in ours:
            yield loc, f"{path} is also {ours[path]}"
        elif path in used:
            first = used[path]
            one, other = (f"{path} is also {'.'.join(by)}" for by in (first, loc))
            yield _either(written, (loc, one), (first, other))
        used.setdefault(path, loc)


def _places(host: Host, written: Written) -> Iterator[Rule]:
    """A file's folder decides its service, so the folders of Apache and of the account must be separate."""
    server_root, conf_d = ("apache", "server_root"), ("apache", "conf_d")
    roots: dict[Location, str] = {server_root: host.apache.server_root, conf_d: host.apache.conf_d}
    apache_has = f"must not be in a folder of Apache ({' or '.join(roots.values())})"
    home_in = f"must not contain the account's home ({host.home})"
    colon = "must not contain a colon: uWSGI reads the text after it as a section of its file"
    if ":" in host.home:
        yield ("home",), colon
    elif is_within(host.home, host.apache.server_root):
        yield _either(written, (("home",), apache_has), (server_root, home_in))
    elif is_within(host.apache.conf_d, host.home):
        rule = f"must not be the account's home ({host.home}) or in it"
        around = f"must not contain apache.conf_d ({host.apache.conf_d})"
        yield _either(written, (conf_d, rule), (("home",), around))
    elif is_within(host.home, host.apache.conf_d):
        yield _either(written, (("home",), apache_has), (conf_d, home_in))
    elif ":" in host.config_dir:
        yield ("config_dir",), colon
    elif inside := [loc for loc, root in roots.items() if is_within(host.config_dir, root)]:
        rule = f"must not contain config_dir ({host.config_dir})"
        yield _either(written, (("config_dir",), apache_has), (inside[0], rule))


def _socket_folder(host: Host) -> Iterator[Rule]:
    """Apache's socket needs a folder of its own, since Apache may read and write whatever is made there."""
    kept = [
        *SHARED_FOLDERS,
        host.home,
        host.config_dir,
        host.log_dir,
        host.state_dir,
        str(PurePosixPath(host.supervisor.socket).parent),
    ]
    for view in apps.views(host):
        socket = PurePosixPath(view.app.listen)
        if socket.is_absolute() and str(socket.parent) in kept:
            rule = "must be in a folder of its own: Apache gets access to all that is made in it"
            yield apps.app_key(view, "listen"), rule
        if str(PurePosixPath(view.app.cron_listen or "x").parent) in SHARED_FOLDERS:
            yield apps.app_key(view, "cron_listen"), "must be in a folder that other accounts cannot write"


def _maintenance(host: Host) -> Iterator[Rule]:
    """The page's folder is readable for everybody; no address may let the host's own question through to the app."""
    folder, apache_folders = host.maintenance.folder, (host.apache.server_root, host.apache.conf_d)
    kept = [*SHARED_FOLDERS, host.home, host.config_dir, host.log_dir, host.state_dir]
    of_apps = [path for view in apps.views(host) for _, path in addresses.of_app(view)]
    sockets = [path for path in (*of_apps, host.supervisor.socket) if path.startswith("/")]
    kept += [str(PurePosixPath(path).parent) for path in sockets]
    if folder in kept:
        yield ("maintenance", "folder"), "must be a folder of its own: everybody may read what lies in it"
    elif not is_within(folder, host.home) and any(map(functools.partial(is_within, folder), apache_folders)):
        yield ("maintenance", "folder"), "must not be in a folder of Apache"
    paths = [view.app.path for view in apps.with_pages(host)]
    for number, path in enumerate(host.maintenance.paths):
        if not any(is_within(path, app) for app in paths):
            yield ("maintenance", "paths", str(number)), f"must be a page of the app, below {' or '.join(paths)}"
    for number, text in enumerate(host.maintenance.allow):
        try:
            network = ipaddress.ip_network(text)
        except ValueError as error:
            yield ("maintenance", "allow", str(number)), f"must be an address or a network: {error}"
            continue
        if network.version == 4 and ipaddress.IPv4Address("127.0.0.1") in network:
            yield (
                ("maintenance", "allow", str(number)),
                "must not have 127.0.0.1 in it: from there the host asks whether Apache shows the page",
            )


def _has_control(text: str) -> bool:
    return any(unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") for char in text)
