# supervisord_login.py: the user name and password of supervisord's socket, from the files that may hold them. They are sent
# only to that socket: never in an argument, an environment variable or a message.
import glob
import os

try:
    from configparser import Error, RawConfigParser
except ImportError:
    from ConfigParser import Error, RawConfigParser


def logins(conf, state_dir):
    """Each (user name, password) that supervisord may take: as its file `conf` has it now, and as it had it before the
    deploy under way, which keeps what it replaces in `state_dir`. A digest, "{SHA}...", cannot be used."""
    found = []
    for path in [conf] + sorted(glob.glob(os.path.join(state_dir, "pending", "old.*"))):
        values = settings(path)
        for section in ("unix_http_server", "supervisorctl"):
            pair = (values.get((section, "username")), values.get((section, "password")))
            if None not in pair and not pair[1].upper().startswith("{SHA}") and pair not in found:
                found.append(pair)
    return found


def settings(path):
    """(section, key) to value of a supervisord.conf; empty for what is none, or cannot be read."""
    parser = RawConfigParser()
    try:
        parser = RawConfigParser(strict=False, inline_comment_prefixes=(";", "#"))
    except TypeError:  # Python 2, which takes a ; for a comment anyway
        pass
    try:
        parser.read([path])
    except (Error, UnicodeDecodeError):
        return {}
    values = {}
    for section in parser.sections():
        for key, value in parser.items(section):
            values[section, key] = expanded(value or "", path)
    return values


def expanded(value, path):
    """`value` with %(here)s and %(ENV_NAME)s filled in as supervisord does; as it stands where that is not possible."""
    known = dict(("ENV_" + name, text) for name, text in os.environ.items())
    known["here"] = os.path.dirname(os.path.abspath(path))
    try:
        return value % known
    except (KeyError, ValueError, TypeError):
        return value
