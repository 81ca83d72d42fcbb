"""The constraints between the values of one host, beyond the type of each value."""

import functools
import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from ops.errors import Problem
from ops.formats import apache, supervisor, uwsgi, uwsgi_log, uwsgi_options
from ops.formats.web_program import web_program
from ops.inventory import config_files, program_commands
from ops.inventory.defaults import follows_from
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
    yield from _uwsgi_numbers(host, written)
    yield from _ports(host, written)
    yield from _files(host, written)
    yield from _places(host, written)
    yield from config_files.rules(host, written)
    yield from _socket_folder(host)
    yield from _names(host)
    yield from _software(host)
    if "all" in host.programs:
        yield ("programs", "all"), "must have another name: 'all' means every program to supervisorctl"
    for loc, rule in apache.unwritable(host):
        yield loc, rule
    if host.app.check_through_apache and _within(host.app.path, apache.OWN):
        yield ("app", "path"), f"must not be in {apache.OWN}, which app.check_through_apache uses"
    yield from _maintenance(host)
    for key, address in (("listen", host.app.listen), ("cron_listen", host.app.cron_listen)):
        for rule in uwsgi.unwritable_listen(address or ""):
            yield ("app", key), rule
    for rule in uwsgi.unwritable_handover(host):
        yield ("state_dir",), rule
    for key, rule in uwsgi.unwritable(host.uwsgi):
        yield ("uwsgi", *key.split(".", 1)), rule
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
    if "binary-path" in host.uwsgi.options:
        yield ("uwsgi", "options", "binary-path"), "must not be set with software: a reload needs start-program there"


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


def _uwsgi_numbers(host: Host, written: Written) -> Iterator[Rule]:
    numbers = host.uwsgi
    if numbers.cheaper >= numbers.workers:
        yield ("uwsgi", "cheaper"), f"must be under workers ({numbers.workers})"
    if written(("uwsgi", "cheaper-initial")):  # otherwise it follows from the two
        if numbers.cheaper and numbers.cheaper_initial > numbers.workers:
            yield ("uwsgi", "cheaper-initial"), f"must not be over workers ({numbers.workers})"
        if numbers.cheaper_initial < numbers.cheaper:
            yield ("uwsgi", "cheaper-initial"), f"must not be under cheaper ({numbers.cheaper})"
    if numbers.reload_on_as >= numbers.evil_reload_on_as:
        soft = f"must be under evil-reload-on-as ({numbers.evil_reload_on_as}), the hard limit"
        hard = f"must be over reload-on-as ({numbers.reload_on_as}), the soft limit"
        yield _either(written, (("uwsgi", "reload-on-as"), soft), (("uwsgi", "evil-reload-on-as"), hard))


def _ports(host: Host, written: Written) -> Iterator[Rule]:
    used: dict[int, Location] = {}
    ports: list[tuple[Location, int]] = [
        (("port",), host.port or SSH_PORT),
        (("apache", "port"), host.apache.port),
        (("apache", "cert_port"), host.apache.cert_port),
    ]
    for key, address in (("listen", host.app.listen), ("cron_listen", host.app.cron_listen)):
        if address and not address.startswith("/"):
            listen = int(address.rpartition(":")[2])
            if not 1 <= listen <= 65535:
                yield ("app", key), "must have a port from 1 to 65535"
            ports.append((("app", key), listen))
    ports += _uwsgi_ports(host)
    for loc, port in ports:
        if port in used:
            first = used[port]
            one, other = (f"port {port} is also used by {'.'.join(by)}" for by in (first, loc))
            yield _either(written, (loc, one), (first, other))
        used.setdefault(port, loc)


def _uwsgi_ports(host: Host) -> Iterator[tuple[Location, int]]:
    """The ports of further options that make uWSGI listen."""
    for name, value in host.uwsgi.options.items():
        for address in uwsgi_options.listening(name, value):
            port = re.fullmatch(r"[^/]*:([0-9]{1,5})", address)
            if port:
                yield ("uwsgi", "options", name), int(port[1])


def _files(host: Host, written: Written) -> Iterator[Rule]:
    """No two files or sockets on the host may have the same path."""
    ours = {
        host.supervisor.file: "supervisord's configuration",
        host.uwsgi.file: "uWSGI's configuration",
        f"{host.config_dir}/start-program": "the script that starts programs",
    }
    used: dict[str, Location] = {}
    files: list[tuple[Location, str]] = [
        (("supervisor", key), getattr(host.supervisor, key)) for key in ("socket", "pidfile", "logfile")
    ]
    files += [(("app", key), path) for key, path in _app_sockets(host).items()]
    for name, program in host.programs.items():
        logs = supervisor.log_files(name, program, host.log_dir)
        files += [(("programs", name, key), path) for key, path in logs.items()]
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
    elif _within(host.home, host.apache.server_root):
        yield _either(written, (("home",), apache_has), (server_root, home_in))
    elif _within(host.apache.conf_d, host.home):
        rule = f"must not be the account's home ({host.home}) or in it"
        around = f"must not contain apache.conf_d ({host.apache.conf_d})"
        yield _either(written, (conf_d, rule), (("home",), around))
    elif _within(host.home, host.apache.conf_d):
        yield _either(written, (("home",), apache_has), (conf_d, home_in))
    elif ":" in host.config_dir:
        yield ("config_dir",), colon
    elif inside := [loc for loc, root in roots.items() if _within(host.config_dir, root)]:
        rule = f"must not contain config_dir ({host.config_dir})"
        yield _either(written, (("config_dir",), apache_has), (inside[0], rule))


def _app_sockets(host: Host) -> dict[str, str]:
    """The app's sockets that have a path: for Apache and for the host's own jobs."""
    found = {"listen": host.app.listen, "cron_listen": host.app.cron_listen or ""}
    return {key: path for key, path in found.items() if path.startswith("/")}


def _socket_folder(host: Host) -> Iterator[Rule]:
    """Apache's socket needs a folder of its own, since Apache may read and write whatever is made there."""
    socket = PurePosixPath(host.app.listen)
    kept = [
        *SHARED_FOLDERS,
        host.home,
        host.config_dir,
        host.log_dir,
        host.state_dir,
        str(PurePosixPath(host.supervisor.socket).parent),
    ]
    if socket.is_absolute() and str(socket.parent) in kept:
        yield ("app", "listen"), "must be in a folder of its own: Apache gets access to all that is made in it"
    if str(PurePosixPath(host.app.cron_listen or "x").parent) in SHARED_FOLDERS:
        yield ("app", "cron_listen"), "must be in a folder that other accounts cannot write"


def _maintenance(host: Host) -> Iterator[Rule]:
    """The page's folder is readable for everybody; no address may let the host's own question through to the app."""
    folder, apache_folders = host.maintenance.folder, (host.apache.server_root, host.apache.conf_d)
    kept = [*SHARED_FOLDERS, host.home, host.config_dir, host.log_dir, host.state_dir]
    kept += [str(PurePosixPath(path).parent) for path in (*_app_sockets(host).values(), host.supervisor.socket)]
    if folder in kept:
        yield ("maintenance", "folder"), "must be a folder of its own: everybody may read what lies in it"
    elif not _within(folder, host.home) and any(map(functools.partial(_within, folder), apache_folders)):
        yield ("maintenance", "folder"), "must not be in a folder of Apache"
    if _within(host.app.path, apache.PAGES):
        yield ("app", "path"), f"must not be in {apache.PAGES}, where Apache has the maintenance page"
    for number, path in enumerate(host.maintenance.paths):
        if not _within(path, host.app.path):
            yield ("maintenance", "paths", str(number)), f"must be a page of the app, below {host.app.path}"
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


def _within(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/")


def _has_control(text: str) -> bool:
    return any(unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") for char in text)
