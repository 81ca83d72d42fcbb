"""The settings of a uWSGI file, with one name for each option: uWSGI has several for some."""

import re
from collections.abc import Iterable

from ops.formats.uwsgi import known_options
from ops.importing.settings import UWSGI, Setting

# Source: uwsgi_base_options in core/uwsgi.c and the options of its Python plugin.
ALIASES = {
    "processes": "workers",
    "uwsgi-socket": "socket",
    "chmod": "chmod-socket",
    "wsgi": "module",
    "file": "wsgi-file",
    "pythonpath": "python-path",
    "pp": "python-path",
    "venv": "virtualenv",
    "home": "virtualenv",
    "pyhome": "virtualenv",
    "stats-server": "stats",
    "plugin": "plugins",
    "set-ph": "set-placeholder",
    "max-request": "max-requests",
}
PLACEHOLDER = "set-placeholder"
_NAMED = re.compile(r"%\(([^()]+)\)")
ON, OFF = ("", "true", "yes", "on", "1"), ("false", "no", "off", "0")


def settings_of(place: str, options: Iterable[tuple[str, str]]) -> list[Setting]:
    """The settings; an option without a value, and a switch that is on in any spelling, is "true"."""
    return [Setting(UWSGI, place, *_named(key, value), key) for key, value in written_out(options)]


def written_out(options: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The options, each by its one name and without placeholders: each %(NAME) is the value of NAME, as for uWSGI."""
    known: dict[str, str] = {}
    found = []
    for key, text in ((ALIASES.get(key, key), text) for key, text in options):
        text = _NAMED.sub(lambda name: known.get(name[1], name[0]), text)
        if key == PLACEHOLDER:
            name, _, value = text.partition("=")
            known[name] = value
            continue
        known[key] = text
        found.append((key, text))
    return found


def _named(key: str, value: str) -> tuple[str, str]:
    if key == "env":
        variable, equals, text = value.partition("=")
        return f"env.{variable}", text if equals else ""
    return key, switch(key, value)


def switch(key: str, value: str) -> str:
    """The value of an option; of a switch, "true" or "false"."""
    if value == "":
        return "true"
    if not known_options().get(key):  # it takes a value, or is unknown
        return value
    return "true" if value.lower() in ON else "false" if value.lower() in OFF else value
