"""supervisord itself as values of the inventory: its own settings, and the doors by which it takes commands."""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ops.importing.imported import Imported
from ops.importing.settings import SUPERVISORD
from ops.importing.supervisor_settings import Parsed
from ops.importing.supervisor_texts import put_environment, put_texts, raw_environment, text_of

PASSWORD = "supervisor_password"  # noqa: S105 - the name of a secret
_LEVELS = {50: "critical", 40: "error", 30: "warn", 20: "info", 10: "debug", 5: "trace", 3: "blather"}
_UMASK = 0o022  # supervisord's own
_PATHS = ("logfile", "pidfile")


@dataclass(frozen=True)
class Key:
    """A setting that the inventory has a key for; `default` is the inventory's."""

    name: str
    default: Any
    read: Callable[[Any], Any] = lambda value: value


def size_text(number: int) -> str:
    """A number of bytes in the words of the file."""
    for unit, bits in (("MB", 20), ("KB", 10)):
        if number and number % (1 << bits) == 0:
            return f"{number >> bits}{unit}"
    return str(number)


def octal_text(mask: int | None) -> str | None:
    """A mask in the words of the file."""
    return None if mask is None else f"{mask:03o}"


# Settings of supervisord, by the name that its parser has for each; a path has no default here.
DAEMON = {
    "logfile": Key("logfile", None),
    "logfile_maxbytes": Key("logfile_maxbytes", "50MB", size_text),
    "logfile_backups": Key("logfile_backups", 10),
    "loglevel": Key("loglevel", "info", lambda level: _LEVELS.get(level, "info")),
    "pidfile": Key("pidfile", None),
    "minfds": Key("minfds", 1024),
    "directory": Key("directory", None),
    "umask": Key("umask", octal_text(_UMASK), octal_text),
    "identifier": Key("identifier", "supervisor"),
}


def read(conf: str, parsed: Parsed, into: Imported) -> None:
    """Add what the file `conf` has of supervisord itself."""
    folder = posixpath.dirname(conf)
    for name, key in DAEMON.items():
        value = key.read(parsed["daemon"][name])
        if name in _PATHS:
            value = posixpath.normpath(posixpath.join(folder, value))
        if value != key.default:
            into.put(value, "supervisor", key.name)
    _read_environment(folder, parsed, into)
    for server in parsed["servers"]:
        if server.get("file"):
            into.put(server["file"], "supervisor", "socket")
        else:
            _read_port(server, into)


def _read_environment(folder: str, parsed: Parsed, into: Imported) -> None:
    raw = raw_environment(dict(dict(parsed["sections"]).get("supervisord", [])).get("environment", ""))
    known = {"here": folder}
    found = {
        variable: text
        for variable, value in (parsed["daemon"]["environment"] or {}).items()
        if (text := text_of([value], raw.get(variable, ""), known))
    }
    plain = put_environment(found, ("supervisor",), into)
    put_texts({("environment", variable): text for variable, text in plain.items()}, ("supervisor",), into)


def _read_port(server: dict[str, Any], into: Imported) -> None:
    """A port for supervisorctl: of this host alone, with a name and a password."""
    host, port = server["host"] or "*", server["port"]
    is_local = host == "localhost" or host.startswith("127.")
    if not (is_local and server["username"] and server["password"]):
        advice = "whoever reaches it controls every program: it needs a loopback address, a username and a password"
        into.leave_out(SUPERVISORD, f"the control port {host}:{port}", f"{advice} (supervisor.inet_http_server)")
        return
    values = {"port": f"{host}:{port}", "username": server["username"], "password": PASSWORD}
    into.put(values, "supervisor", "inet_http_server")
    into.put_secret(PASSWORD)
    into.explained[SUPERVISORD, f"control port {port}", "password"] = ""
    advice = f"say where it comes from: secrets.{PASSWORD} (docs/guide/secrets.md)"
    into.leave_out(SUPERVISORD, f"the password of the control port {port}", advice)
