"""The options in a command that starts uWSGI, as its own reader (getopt_long) takes them.

Source: the options' tables of uWSGI 2.0.30 (`uwsgi_options.txt`), getopt_long(3).
"""

import re
import shlex
from collections.abc import Collection, Iterator

from ops.formats.uwsgi import known_options
from ops.value_types import UwsgiValue

# uWSGI's short options: the long name of those that matter here, and which ones take a value.
_SHORT = {"s": "http-socket", "S": "set", "d": "daemonize", "x": "xml", "y": "yaml", "j": "json"}
_SHORT_SWITCHES = {"a": "abstract-socket", "h": "help", "C": "chmod-socket"}
_SHORT_WITH_VALUE = "AHJOQRSbdjlpstvwxyz"
# Long options whose value can only follow a "=" (optional_argument in uWSGI's tables), never in the next word.
_VALUE_OPTIONAL = re.compile(
    r"chmod(-socket)?|snmp|exit|ksm|mule(-msg-size)?|need-app|check-cache|end-?(if|for)|log-?date|log-prefix|log-syslog"
    r"|(fastrouter|http|rawrouter|sslrouter)-use-(cache|socket)|http-(enable-proxy-protocol|keepalive|manage-expect)"
    r"|(pl|py|rb)shell(-oneshot)?|ssl-sessions?-use-cache|ssl-verify-depth|tuntap-use-credentials|zabbix-template"
)


def on_command_line(command: str, more: Collection[str]) -> Iterator[tuple[str, UwsgiValue]]:
    """The options in a command that starts uWSGI, with their values; `more`: further names of options."""
    try:
        words = shlex.split(command)[1:]
    except ValueError:  # another rule reports it
        return
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            given, equals, value = word[2:].partition("=")
            options = _meant(given, more)
            if not equals and words and any(_takes_next(option) for option in options):
                value = words.pop(0)
            yield from ((option, value) for option in options)
        elif word.startswith("-"):
            letters, value = _cluster(word[1:])
            if letters and letters[-1] in _SHORT_WITH_VALUE and not value and words:
                value = words.pop(0)
            yield from ((_SHORT[letter], value) for letter in letters if letter in _SHORT)
            yield from ((_SHORT_SWITCHES[letter], value) for letter in letters if letter in _SHORT_SWITCHES)


def _takes_next(option: str) -> bool:
    return not known_options().get(option) and not _VALUE_OPTIONAL.fullmatch(option)


def _cluster(letters: str) -> tuple[str, str]:
    """Short options in one word up to the first that takes a value, and the value that follows it in that word."""
    for at, letter in enumerate(letters):
        if letter in _SHORT_WITH_VALUE or letter == "C":
            return letters[: at + 1], letters[at + 1 :]
    return letters, ""


def _meant(given: str, more: Collection[str]) -> list[str]:
    """The options that a long option on the command line can mean: getopt_long accepts the first letters."""
    known = [*known_options(), *more]
    if given in known or not given:
        return [given]
    return list(dict.fromkeys(name for name in known if name.startswith(given))) or [given]
