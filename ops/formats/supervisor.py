"""The written form of supervisord's configuration: `KEY=VALUE` lines that it reads back as the inventory has them.

Source: the supervisor manual, "Configuration File"; what it leaves open, `supervisor/options.py` and
`supervisor/datatypes.py`, which read it in the same way in 3.4.0, 4.1.0, 4.2.5 and 4.3.0:
- a blank followed by `;` or `#` begins a comment, in quotes too;
- a value is a format of Python's `%` (supervisor_expansion.py); `[supervisord] environment` and the names of logs are
  expanded twice;
- an environment is split by a `shlex` that knows quotes but no escapes, and then loses quotes at both ends.
"""

import os
import re
import shlex
from collections.abc import Iterator

from ops.formats import process_names, processes
from ops.formats import supervisor_expansion as expansion
from ops.formats.start_program import OWN_NAMES, own_names, start_program_path
from ops.formats.uwsgi import is_uwsgi
from ops.program_tables import Program, Supervisor
from ops.schema import Host
from ops.table import Table

_COMMENT = re.compile(r"(?<=\s)(?=[;#])")  # between the two, expansion.NOTHING prevents a comment
_WORD = re.compile(r"[A-Za-z0-9_/.+():-]+")  # what that shlex reads as one word without quotes
_WORD_WITH_QUOTES = re.compile(r"""[A-Za-z0-9_/.+():'"-]+""")
_LARGEST = 2**31 - 1  # the largest integer in XML-RPC
_SOCKET_BYTES = 107 - len(".4194304")  # supervisord binds FILE.PID first, and then renames it
LOGS = ("stdout_logfile", "stderr_logfile")


# uWSGI reads each variable UWSGI_* as an option, and the products export some (UPS: UWSGI_DIR of a product uwsgi). A
# supervisord that was started by hand or by cron has them, so uWSGI is started without them.
WITHOUT_UWSGI_VARIABLES = """/bin/bash -c 'unset -v "${!UWSGI_@}"; exec "$@"' uwsgi """


def program_options(host: Host, name: str, secrets: object) -> list[tuple[str, str]]:
    """The section of a program as (key, text in the file), without unset options; see `unwritable_program`.

    `secrets` has an attribute for each secret (ops/secrets/sources.py). Raises UnwritableSecretError.
    """
    program = host.programs[name]
    options = {"command": _prefix(host, program) + _text(program.command, expand=program.expand)}
    if program.directory is not None:
        options["directory"] = _text(program.directory, expand=program.expand)
    options |= _processes(program) | _of_kind(program)
    options |= _scalars(program, "priority", "autostart", "autorestart", "startsecs", "startretries")
    options["exitcodes"] = ",".join(map(str, program.exitcodes))
    options |= _scalars(program, "stopsignal", "stopwaitsecs", "stopasgroup", "killasgroup")
    if program.umask is not None:
        options["umask"] = program.umask
    plain = _secret_variables(name, program, secrets)
    if host.software and (names := own_names(host, program.environment | plain)):
        plain[OWN_NAMES] = names
    if program.environment or plain:
        options["environment"] = _environment(program.environment, plain, expand=program.expand)
    options |= _scalars(program, "redirect_stderr")
    for key, text in processes.log_texts(host, name).items():
        options[key] = _text(text, expansions=2, expand=True)
        options |= _scalars(program, f"{key}_maxbytes", f"{key}_backups")
        event = key.replace("logfile", "events_enabled")
        options |= _scalars(program, event) if getattr(program, event) else {}
    return list(options.items())


def _prefix(host: Host, program: Program) -> str:
    """What starts the command: it sets its environment."""
    if host.software:
        return _text(shlex.quote(start_program_path(host))) + " "
    return WITHOUT_UWSGI_VARIABLES if is_uwsgi(program) else ""


def _processes(program: Program) -> dict[str, str]:
    options = {} if program.process_name == process_names.DEFAULT else {"process_name": program.process_name}
    options |= _scalars(program, "numprocs") if program.numprocs > 1 else {}
    return options | (_scalars(program, "numprocs_start") if program.numprocs_start else {})


def _of_kind(program: Program) -> dict[str, str]:
    options = {"events": ",".join(program.events)} if program.events else {}
    if program.socket is not None:
        options["socket"] = _text(program.socket, expand=program.expand)
    return options | _given(program, "buffer_size", "socket_mode", "socket_backlog")


def supervisord_options(supervisor: Supervisor) -> list[tuple[str, str]]:
    """`[supervisord]` as (key, text in the file); see `unwritable_supervisor`."""
    options = {"logfile": _text(supervisor.logfile)}
    options |= _scalars(supervisor, "logfile_maxbytes", "logfile_backups", "loglevel")
    options["pidfile"] = _text(supervisor.pidfile)
    options |= _scalars(supervisor, "minfds") | _given(supervisor, "directory", "umask", "identifier")
    if supervisor.environment:
        options["environment"] = _environment(supervisor.environment, {}, 2, expand=supervisor.expand)
    return list(options.items())


def inet_options(host: Host, secrets: object) -> list[tuple[str, str]]:
    """`[inet_http_server]` as (key, text in the file); none without one. Raises UnwritableSecretError."""
    server = host.supervisor.inet_http_server
    if server is None:
        return []
    password = getattr(secrets, server.password)
    for rule in server_text_rules(password):
        where = "supervisor.inet_http_server.password"
        raise UnwritableSecretError(f"{where}: the value of the secret {server.password!r} {rule}")
    texts = {"port": server.port, "username": server.username, "password": password}
    return [(key, text.replace("%", "%%")) for key, text in texts.items()]


def server_text_rules(value: str) -> Iterator[str]:
    """The rules that a text breaks in the section of a server, where supervisord expands no %(here)s."""
    yield from _rules(value)
    if _COMMENT.search(value):
        yield "must not contain a blank followed by ; or #"
    if "%(here)s" in value:
        yield "must not contain %(here)s: supervisord would put a path in its place"


def included_files(supervisor: Supervisor) -> str:
    """The patterns of `[include]` as the file has them; empty if there are none."""
    return " ".join(expansion.literal(pattern, 1) for pattern in supervisor.include)


class UnwritableSecretError(Exception):
    """A secret that supervisord's format does not support; the text says which and why, without its value."""


def _secret_variables(name: str, program: Program, secrets: object) -> dict[str, str]:
    found = {variable: getattr(secrets, secret) for variable, secret in program.environment_secrets.items()}
    for variable, value in found.items():
        for _, rule in _environment_rules({variable: value}):
            raise UnwritableSecretError(
                f"programs.{name}.environment_secrets.{variable}: the value of the secret "
                f"{program.environment_secrets[variable]!r} {rule}"
            )
    return found


def unwritable_program(name: str, program: Program) -> Iterator[tuple[str, str]]:
    """(key, rule) for every value of the program that supervisord's format does not support or it cannot run."""
    for key in ("command", "directory", *LOGS, "socket"):
        yield from ((key, rule) for rule in _rules(getattr(program, key) or ""))
    for key in ("stdout_logfile_maxbytes", "stderr_logfile_maxbytes"):
        if _bytes(getattr(program, key)) > _LARGEST:
            yield (
                key,
                f"must be at most {_LARGEST} bytes (2GB is too large, 2047MB is not): supervisord cannot show larger "
                "numbers, and then it reports nothing",
            )
    try:
        shlex.split(program.command)
    except ValueError as error:
        yield "command", f"supervisord cannot split this into words: {error}"
    if program.stopasgroup and not program.killasgroup:
        yield "killasgroup", "must be true if stopasgroup is true: supervisord refuses false"
    if program.redirect_stderr and program.stderr_logfile is not None:
        yield "stderr_logfile", f"is never written: redirect_stderr sends the errors of {name} to its stdout_logfile"
    yield from _environment_rules(program.environment)
    for variable in program.environment_secrets:
        key = f"environment_secrets.{variable}"
        yield from ((key, rule) for _, rule in _environment_rules({variable: ""}))
        if variable in program.environment:
            yield key, "is also in environment: remove one of the two"


def unwritable_supervisor(supervisor: Supervisor) -> Iterator[tuple[str, str]]:
    """(key, rule) for every value of supervisord itself that its format does not support."""
    for key in ("socket", "pidfile", "logfile", "directory", "identifier"):
        yield from ((key, rule) for rule in _rules(getattr(supervisor, key) or ""))
    if _COMMENT.search(supervisor.socket):
        yield "socket", "must not contain a blank followed by ; or #"  # templates only double its %
    if len(os.fsencode(supervisor.socket)) > _SOCKET_BYTES:
        yield "socket", f"is too long for a unix socket: the limit is {_SOCKET_BYTES} bytes"
    yield from _environment_rules(supervisor.environment)


def _bytes(size: str) -> int:
    units = {"KB": 2**10, "MB": 2**20, "GB": 2**30}
    return int(size[:-2]) * units[size[-2:]] if size[-2:] in units else int(size)


def _rules(value: str) -> Iterator[str]:
    if "\n" in value or "\r" in value:
        yield "must be one line"
    if value != value.strip():
        yield "must not begin or end with a blank: supervisord drops it"


def _environment_rules(environment: dict[str, str]) -> Iterator[tuple[str, str]]:
    for name, value in environment.items():
        key = f"environment.{name}"
        if not _WORD.fullmatch(name):
            yield key, "supervisord allows only letters, digits and _/.+():- in the name of a variable"
        if "\n" in value or "\r" in value:
            yield key, "must be one line"
        if value != value.strip("'\""):
            yield key, "must not begin or end with a quote: supervisord drops it"
        elif "'" in value and '"' in value and not _WORD_WITH_QUOTES.fullmatch(value):
            yield key, "must not contain both kinds of quotes: supervisord has no escape for the one inside the other"


def _environment(environment: dict[str, str], plain: dict[str, str], expansions: int = 1, *, expand: bool) -> str:
    """`plain`: variables that are never expanded."""
    texts = {name: _percent(value, expansions, expand=expand) for name, value in environment.items()}
    texts |= {name: _percent(value, expansions, expand=False) for name, value in plain.items()}
    return _COMMENT.sub(expansion.NOTHING, ",".join(f"{name}={_quoted(value)}" for name, value in texts.items()))


def _quoted(value: str) -> str:
    for mark in ('"', "'"):
        if mark not in value:
            return f"{mark}{value}{mark}"
    return value


def _text(value: str, expansions: int = 1, *, expand: bool = False) -> str:
    return _COMMENT.sub(expansion.NOTHING, _percent(value, expansions, expand=expand))


def _percent(value: str, expansions: int, *, expand: bool) -> str:
    return (expansion.written if expand else expansion.literal)(value, expansions)


def _given(table: Table, *keys: str) -> dict[str, str]:
    """The keys that are set."""
    return {key: _text(str(value)) for key in keys if (value := getattr(table, key)) is not None}


def _scalars(table: Table, *keys: str) -> dict[str, str]:
    values = {key: getattr(table, key) for key in keys}
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in values.items()}
