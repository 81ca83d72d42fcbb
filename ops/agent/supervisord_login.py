"""The user name and password of supervisord's socket, from the files that may hold them.

They are sent only to that socket: never in an argument, an environment variable or a message.
"""

import glob
import os

SECTIONS = ("unix_http_server", "supervisorctl")


def logins(conf: str, state_dir: str) -> "list[tuple[str, str]]":
    """Each (user name, password) that supervisord may take, the most likely first.

    As its file `conf` has it now, and as it had it before a deploy that is under way, whose backups are in
    `state_dir`. A digest, "{SHA}...", cannot be used.
    """
    found = []
    for path in [conf, *sorted(glob.glob(os.path.join(state_dir, "pending", "old.*")))]:
        values = settings(path)
        for section in SECTIONS:
            user, password = values.get((section, "username")), values.get((section, "password"))
            if user is None or password is None or password.upper().startswith("{SHA}"):
                continue
            if (user, password) not in found:
                found.append((user, password))
    return found


def settings(path: str) -> "dict[tuple[str, str], str]":
    """(section, key) to value of a supervisord.conf; empty if it is none, or cannot be read."""
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(strict=False, inline_comment_prefixes=(";", "#"))
    try:
        parser.read([path])
    except (Error, UnicodeDecodeError):
        return {}
    return {
        (section, key): _expanded(value or "", path)
        for section in parser.sections()
        for key, value in parser.items(section)
    }


def _expanded(value: str, path: str) -> str:
    """`value` with %(here)s and %(ENV_NAME)s filled in as supervisord does; as it is if that is not possible."""
    known = {f"ENV_{name}": text for name, text in os.environ.items()}
    known["here"] = os.path.dirname(os.path.abspath(path))
    try:
        return value % known
    except (KeyError, ValueError, TypeError):
        return value
