"""One setting of a supervisord.conf as supervisord reads it, and the settings that it has without being told.

Source: `supervisor/options.py` and `supervisor/datatypes.py` of 4.3.0: defaults, expansions, numbers, sizes,
booleans, signals, octal modes and environments. Unknown expansions, such as `%(ENV_NAME)s` of the host, stay as text.
"""

import posixpath
import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ops.inventory.addresses import EVERY

Settings = dict[str, Any]
Reader = Callable[[str], object]
_TRUE, _FALSE = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
_SIZES = {"kb": 1024, "mb": 1024**2, "gb": 1024**3}
_SIGNALS = {"1": "HUP", "2": "INT", "3": "QUIT", "9": "KILL", "10": "USR1", "12": "USR2", "15": "TERM"}  # Linux


@dataclass(frozen=True)
class Context:
    """Where a section is read: the account, its home, the known expansions, and the keys that are expanded twice."""

    account: str
    home: str
    known: Mapping[str, object]
    twice: tuple[str, ...]


class _Known(dict[str, object]):
    """Expansions; an unknown one stays as it is."""

    def __missing__(self, key: str) -> str:
        return f"\0{key}\0"


def expand(text: str, known: Mapping[str, object], times: int = 1) -> str:
    """Expand as supervisord does; a text that cannot be expanded stays as it is."""
    if re.search(r"%\([^)]*\)[^a-zA-Z%]*[0-9]{4}", text):
        return text  # such a field width is a mistake, and would use much memory
    for _ in range(times):
        try:
            text = text % _Known(known)
        except (ValueError, TypeError):
            return text
    return text


def read_settings(context: Context, values: Mapping[str, str], readers: Mapping[str, Reader]) -> Settings:
    """Each setting as supervisord reads it; without a user or owner that is the account itself."""
    found: Settings = {}
    for key, text in values.items():
        expanded = expand(text, context.known, 2 if key in context.twice else 1)
        if key in _ACCOUNTS and expanded in ("", context.account, f"{context.account}:{context.account}"):
            continue
        if key in _PATHS:
            found[key] = _path(expanded, context)
        else:
            found[key] = _read(readers.get(key, str.strip), expanded)
    return found


def _read(reader: Reader, text: str) -> object:
    try:
        return reader(text)
    except ValueError:
        return text


def _boolean(text: str) -> object:
    word = text.lower()
    return True if word in _TRUE else False if word in _FALSE else text


def _restart(text: str) -> object:
    return "unexpected" if text.lower() == "unexpected" else _boolean(text)


def _size(text: str) -> int:
    unit = _SIZES.get(text[-2:].lower())
    return int(text[:-2]) * unit if unit else int(text)


def _octal(text: str) -> int:
    return int(text, 8)


def _signal(text: str) -> str:
    name = _SIGNALS.get(text.strip(), text.strip().upper())
    return name.removeprefix("SIG")


def _codes(text: str) -> list[int]:
    return sorted({int(code) for code in text.split(",") if code.strip()})


def _words(text: str) -> list[str]:
    return sorted({word.strip().upper() for word in text.split(",")})


def read_environment(text: str) -> dict[str, str]:
    """The variables of an environment. Raises ValueError."""
    lexer = shlex.shlex(text)
    lexer.wordchars += "/.+-():"
    words = list(lexer)
    if any(words[at + 1 : at + 2] != ["="] or at + 2 >= len(words) for at in range(0, len(words), 4)):
        raise ValueError(text)
    return {words[at]: words[at + 2].strip("'\"") for at in range(0, len(words), 4)}


def read_address(text: str) -> str:
    """HOST:PORT in one spelling; without a host for every address. Raises ValueError."""
    address, _, port = text.strip().lower().rpartition(":")
    return f"{'' if address in EVERY else address}:{int(port)}"


def _path(text: str, context: Context) -> str:
    word = text.strip()
    if word.lower() in ("none", "off", "auto", "syslog"):
        return "none" if word.lower() == "off" else word.lower()
    word = re.sub(rf"^~({re.escape(context.account)})?(?=/|$)", lambda _: context.home, word)
    return posixpath.normpath(word) if word.startswith("/") else word


_PATHS = ("file", "logfile", "pidfile", "directory", "childlogdir", "stdout_logfile", "stderr_logfile")
_ACCOUNTS = ("user", "chown", "socket_owner")
UNIX: dict[str, Reader] = {"chmod": _octal}
INET: dict[str, Reader] = {"port": read_address}
_NUMBERS = (
    *("logfile_backups", "minfds", "minprocs", "priority", "startsecs", "startretries", "stopwaitsecs"),
    *("buffer_size", "socket_backlog", "stdout_logfile_backups", "stderr_logfile_backups"),
)
_SWITCHES = (
    *("nodaemon", "silent", "nocleanup", "strip_ansi", "autostart", "stopasgroup", "killasgroup"),
    *("redirect_stderr", "stdout_events_enabled", "stderr_events_enabled", "stdout_syslog", "stderr_syslog"),
)
_BYTES = (
    *("logfile_maxbytes", "stdout_logfile_maxbytes", "stderr_logfile_maxbytes"),
    *("stdout_capture_maxbytes", "stderr_capture_maxbytes"),
)
READERS: dict[str, Reader] = {
    **dict.fromkeys(_NUMBERS, int),
    **dict.fromkeys(_SWITCHES, _boolean),
    **dict.fromkeys(_BYTES, _size),
    "umask": _octal,
    "socket_mode": _octal,
    "loglevel": str.lower,
    "environment": read_environment,
    "events": _words,
    "autorestart": _restart,
    "stopsignal": _signal,
    "exitcodes": _codes,
}


def _defaults(text: str) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in text.split())


DAEMON_DEFAULTS = _defaults("""
    logfile=supervisord.log logfile_maxbytes=50MB logfile_backups=10 loglevel=info pidfile=supervisord.pid
    minfds=1024 minprocs=200 umask=022 nodaemon=false silent=false nocleanup=false strip_ansi=false
    identifier=supervisor childlogdir=/tmp environment=
""")
PROGRAM_DEFAULTS = _defaults("""
    priority=999 autostart=true autorestart=unexpected startsecs=1 startretries=3 exitcodes=0 stopsignal=TERM
    stopwaitsecs=10 stopasgroup=false redirect_stderr=false process_name=%(program_name)s serverurl=AUTO
    stdout_logfile=auto stdout_logfile_maxbytes=50MB stdout_logfile_backups=10 stdout_capture_maxbytes=0
    stdout_events_enabled=false stdout_syslog=false
    stderr_logfile=auto stderr_logfile_maxbytes=50MB stderr_logfile_backups=10 stderr_capture_maxbytes=0
    stderr_events_enabled=false stderr_syslog=false
""")
