"""The written form of supervisord's configuration: `KEY=VALUE` lines that it reads back as the inventory has them.

Source: the supervisor manual, "Configuration File"; what it leaves open, `supervisor/options.py` and
`supervisor/datatypes.py`, which read it in the same way in 3.4.0, 4.1.0, 4.2.5 and 4.3.0:
- a blank followed by `;` or `#` begins a comment, in quotes too;
- a value is a format of Python's `%`; `[supervisord] environment` and the names of logs are expanded twice;
- an environment is split by a `shlex` that knows quotes but no escapes, and then loses quotes at both ends.
"""

import os
import re
import shlex
from collections.abc import Iterator

from ops.formats.start_program import OWN_NAMES, own_names, start_program_path
from ops.formats.uwsgi import is_uwsgi
from ops.schema import Host, Program, Supervisor
from ops.table import Table

_COMMENT = re.compile(r"(?<=\s)(?=[;#])")
_NOTHING = "%(here).0s"  # expands to nothing; between a blank and its ; or # it prevents a comment
_WORD = re.compile(r"[A-Za-z0-9_/.+():-]+")  # what that shlex reads as one word without quotes
_WORD_WITH_QUOTES = re.compile(r"""[A-Za-z0-9_/.+():'"-]+""")
_LARGEST = 2**31 - 1  # the largest integer in XML-RPC
_SOCKET_BYTES = 107 - len(".4194304")  # supervisord binds FILE.PID first, and then renames it


# uWSGI reads each variable UWSGI_* as an option, and the products export some (UPS: UWSGI_DIR of a product uwsgi). A
# supervisord that was started by hand or by cron has them, so uWSGI is started without them.
WITHOUT_UWSGI_VARIABLES = """/bin/bash -c 'unset -v "${!UWSGI_@}"; exec "$@"' uwsgi """


def log_files(name: str, program: Program, log_dir: str) -> dict[str, str]:
    """The logs of the program `name`: supervisord's key and the path. Errors have a log unless they are merged."""
    logs = {"stdout_logfile": program.stdout_logfile or f"{log_dir}/{name}.log"}
    if not program.redirect_stderr:
        logs["stderr_logfile"] = program.stderr_logfile or f"{log_dir}/{name}.err"
    return logs


def program_options(host: Host, name: str, secrets: object) -> list[tuple[str, str]]:
    """`[program:NAME]` as (key, text in the file), without unset options; see `unwritable_program`.

    `secrets` has an attribute for each secret (ops/secrets/sources.py). Raises UnwritableSecretError.
    """
    program, log_dir = host.programs[name], host.log_dir
    options = {"command": _prefix(host, program) + _text(program.command)}
    if program.directory is not None:
        options["directory"] = _text(program.directory)
    options |= _scalars(program, "priority", "autostart", "autorestart", "startsecs", "startretries")
    options["exitcodes"] = ",".join(map(str, program.exitcodes))
    options |= _scalars(program, "stopsignal", "stopwaitsecs", "stopasgroup", "killasgroup")
    if program.umask is not None:
        options["umask"] = program.umask
    environment = program.environment | _secret_variables(name, program, secrets)
    if host.software and (names := own_names(host, environment)):
        environment[OWN_NAMES] = names
    if environment:
        options["environment"] = _environment(environment)
    options |= _scalars(program, "redirect_stderr")
    for key, path in log_files(name, program, log_dir).items():
        options[key] = _text(path, expansions=2)
        options |= _scalars(program, f"{key}_maxbytes", f"{key}_backups")
    return list(options.items())


def _prefix(host: Host, program: Program) -> str:
    """What starts the command: it sets its environment."""
    if host.software:
        return _text(shlex.quote(start_program_path(host))) + " "
    return WITHOUT_UWSGI_VARIABLES if is_uwsgi(program) else ""


def supervisord_options(supervisor: Supervisor) -> list[tuple[str, str]]:
    """`[supervisord]` as (key, text in the file); see `unwritable_supervisor`."""
    options = {"logfile": _text(supervisor.logfile)}
    options |= _scalars(supervisor, "logfile_maxbytes", "logfile_backups", "loglevel")
    options["pidfile"] = _text(supervisor.pidfile)
    options |= _scalars(supervisor, "minfds")
    if supervisor.environment:
        options["environment"] = _environment(supervisor.environment, expansions=2)
    return list(options.items())


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
    for key in ("command", "directory", "stdout_logfile", "stderr_logfile"):
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
    for key in ("socket", "pidfile", "logfile"):
        yield from ((key, rule) for rule in _rules(getattr(supervisor, key)))
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


def _environment(environment: dict[str, str], expansions: int = 1) -> str:
    return _text(",".join(f"{name}={_quoted(value)}" for name, value in environment.items()), expansions)


def _quoted(value: str) -> str:
    for mark in ('"', "'"):
        if mark not in value:
            return f"{mark}{value}{mark}"
    return value


def _text(value: str, expansions: int = 1) -> str:
    return _COMMENT.sub(_NOTHING, value.replace("%", "%" * 2**expansions))


def _scalars(table: Table, *keys: str) -> dict[str, str]:
    values = {key: getattr(table, key) for key in keys}
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in values.items()}
