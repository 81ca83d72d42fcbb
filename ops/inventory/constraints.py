"""What must hold between the values of one host, beyond the type of each."""

import ipaddress
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from ops.errors import Problem
from ops.formats import apache, supervisor, uwsgi, uwsgi_options
from ops.inventory import program_commands
from ops.inventory.defaults import follows_from
from ops.inventory.schema_errors import has
from ops.inventory.validation_levels import LEVELS
from ops.schema import Host

Location = tuple[str, ...]
Rule = tuple[Location, str]
Written = Callable[[Location], bool]  # whether somebody has written a value there
SSH_PORT = 22
SHARED_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/var/run")  # noqa: S108 - named to be refused


def values_no_file_holds(file: str, data: Any, key: str = "") -> Iterator[Problem]:
    """Every key and value with a control character, and numbers too long for those who read them."""
    if isinstance(data, dict):
        for name, value in data.items():
            inner = f"{key}.{name}" if key else name
            if _has_control(name):
                yield Problem(file, ascii(inner), None, "a key must not hold a control character")
            else:
                yield from values_no_file_holds(file, value, inner)
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from values_no_file_holds(file, value, f"{key}.{number}")
    elif isinstance(data, str) and _has_control(data):
        shown = None if ".secrets." in f".{key}." else data
        yield Problem(file, key, shown, "must not hold a control character")
    elif isinstance(data, int) and abs(data) >= 10**18:
        yield Problem(file, key, None, "must have at most 18 digits")


def contradictions(host: Host, data: Any = None) -> Iterator[Rule]:
    """Values that are each well-formed and cannot hold together: (path of keys, rule).

    `data` is the host's table as it was written. Where it is given, each rule is told of a key that stands in it: of
    two that clash, of the one that was written; of a value that follows from another, of that one.
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
            yield source, f"{'.'.join(loc)}, which follows from it, {rule}"


def _contradictions(host: Host, written: Written) -> Iterator[Rule]:
    yield from _validation(host)
    yield from _uwsgi_numbers(host, written)
    yield from _ports(host, written)
    yield from _files(host, written)
    yield from _places(host, written)
    yield from _socket_folder(host)
    yield from _names(host)
    if "all" in host.programs:
        yield ("programs", "all"), "must have another name: supervisorctl takes 'all' for every program"
    for loc, rule in apache.unwritable(host):
        yield loc, rule
    if host.app.check_through_apache and _within(host.app.path, apache.OWN):
        yield ("app", "path"), f"must not be in {apache.OWN}, where the host asks itself (app.check_through_apache)"
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
        yield ("apache", "server_name"), "must be given where the address is no name that Apache can go by"


def _validation(host: Host) -> Iterator[Rule]:
    lower = host.deploy.validation != LEVELS[-1]
    if lower and not host.deploy.validation_reason:
        rule = "must have deploy.validation_reason beside it: why this host cannot be validated further"
        yield ("deploy", "validation"), rule
    if not lower and host.deploy.validation_reason:
        yield ("deploy", "validation_reason"), f"must only be given where deploy.validation is below {LEVELS[-1]}"


def _either(written: Written, one: Rule, other: Rule) -> Rule:
    """Of two keys that clash, what to say of the first one that somebody wrote."""
    return other if written(other[0]) and not written(one[0]) else one


def _uwsgi_numbers(host: Host, written: Written) -> Iterator[Rule]:
    numbers = host.uwsgi
    if numbers.cheaper >= numbers.workers:
        yield ("uwsgi", "cheaper"), f"must be under workers ({numbers.workers})"
    if written(("uwsgi", "cheaper-initial")):  # else it follows from the two
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
            one, other = (f"port {port} is used by {'.'.join(by)} as well" for by in (first, loc))
            yield _either(written, (loc, one), (first, other))
        used.setdefault(port, loc)


def _uwsgi_ports(host: Host) -> Iterator[tuple[Location, int]]:
    """The ports that further options of uWSGI listen on."""
    for name, value in host.uwsgi.options.items():
        for address in uwsgi_options.listening(name, value):
            port = re.fullmatch(r"[^/]*:([0-9]{1,5})", address)
            if port:
                yield ("uwsgi", "options", name), int(port[1])


def _files(host: Host, written: Written) -> Iterator[Rule]:
    """No two of what lies on the host may have one path."""
    ours = {
        f"{host.home}/supervisord.conf": "supervisord's configuration",
        f"{host.config_dir}/uwsgi-service.ini": "uWSGI's configuration",
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
            yield loc, f"{path} is {ours[path]} as well"
        elif path in used:
            first = used[path]
            one, other = (f"{path} is {'.'.join(by)} as well" for by in (first, loc))
            yield _either(written, (loc, one), (first, other))
        used.setdefault(path, loc)


def _places(host: Host, written: Written) -> Iterator[Rule]:
    """What a file belongs to follows from where it lies, so the places of Apache and of the account must be apart."""
    server_root, conf_d = ("apache", "server_root"), ("apache", "conf_d")
    roots: dict[Location, str] = {server_root: host.apache.server_root, conf_d: host.apache.conf_d}
    apache_has = f"must not be in a folder of Apache ({' or '.join(roots.values())})"
    home_in = f"must not hold the account's home ({host.home})"
    colon = "must not hold a colon: uWSGI takes what follows it for a section of its file"
    if ":" in host.home:
        yield ("home",), colon
    elif _within(host.home, host.apache.server_root):
        yield _either(written, (("home",), apache_has), (server_root, home_in))
    elif _within(host.apache.conf_d, host.home):
        rule = f"must not be the account's home ({host.home}) or in it"
        around = f"must not hold apache.conf_d ({host.apache.conf_d})"
        yield _either(written, (conf_d, rule), (("home",), around))
    elif _within(host.home, host.apache.conf_d):
        yield _either(written, (("home",), apache_has), (conf_d, home_in))
    elif ":" in host.config_dir:
        yield ("config_dir",), colon
    elif inside := [loc for loc, root in roots.items() if _within(host.config_dir, root)]:
        rule = f"must not hold config_dir ({host.config_dir})"
        yield _either(written, (("config_dir",), apache_has), (inside[0], rule))


def _app_sockets(host: Host) -> dict[str, str]:
    """Where the app listens, or is to for the host's own jobs, if that is a path."""
    found = {"listen": host.app.listen, "cron_listen": host.app.cron_listen or ""}
    return {key: path for key, path in found.items() if path.startswith("/")}


def _socket_folder(host: Host) -> Iterator[Rule]:
    """What is made in the folder of Apache's socket, Apache may read and write."""
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
        yield ("app", "listen"), "must be in a folder of its own: Apache gets access to what is made in it"
    if str(PurePosixPath(host.app.cron_listen or "x").parent) in SHARED_FOLDERS:
        yield ("app", "cron_listen"), "must be in a folder that other accounts cannot write"


def _within(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/")


def _has_control(text: str) -> bool:
    return any(unicodedata.category(char) in ("Cc", "Zl", "Zp", "Cs") for char in text)
