"""The options of a uWSGI file as the inventory writes them: with their placeholders, where it may have them.

uWSGI knows three ways to name a text for `%(NAME)`: `set-placeholder`, an option of any name that it does not know,
and the options themselves. The inventory has the first; the second becomes the first, and the third is written out.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from ops.formats.uwsgi import SOCKETS, known_options
from ops.importing.imported import Imported
from ops.importing.settings import UWSGI, is_secret_variable
from ops.importing.uwsgi_settings import ALIASES, PLACEHOLDER, written_out

OWN_NAME = "a name of the file's own is a placeholder (set-placeholder)"
_NAMED = re.compile(r"%\(([^()]+)\)")
# Where uWSGI listens, and its numbers: nothing stands for another text there.
_WRITTEN_OUT = re.compile(rf"{SOCKETS.pattern}|stats(-server)?|workers|threads|cheaper.*|.*reload-on-as")


class Option(NamedTuple):
    """An option by its one name."""

    name: str
    text: str


def options_for_inventory(path: str, given: Sequence[tuple[str, str]], into: Imported) -> list[Option]:
    """The options of the file `path`, the placeholders first; what cannot be one is left out, or written out."""
    used = {name for _, text in given for name in _NAMED.findall(text)}
    placeholders: dict[str, str] = {}
    known: list[tuple[str, str]] = []  # what stands before an option
    found = []
    for key, text in ((ALIASES.get(key, key), text) for key, text in given):
        plain = _plain(known, key, text)
        known.append((key, text))
        kept = plain if _WRITTEN_OUT.fullmatch(key) else _with_placeholders(text, plain, placeholders)
        name, _, value = kept.partition("=")
        if any(map(is_secret_variable, _NAMED.findall(text))):
            into.leave_out(UWSGI, f"{path}: {key}", "it has a secret in it: give that to the program (secrets.md)")
        elif key == PLACEHOLDER and name in known_options():
            advice = "a placeholder must not have the name of an option; where it is used, its value is written out"
            into.leave_out(UWSGI, f"{path}: {PLACEHOLDER} = {name}", advice)
        elif key == PLACEHOLDER:
            placeholders[name] = value
        elif key in used and key not in known_options():
            placeholders[key] = kept
            into.explained[UWSGI, path, key] = "" if is_secret_variable(key) else OWN_NAME
        else:
            found.append(Option(key, kept))
    shown = {name: value for name, value in placeholders.items() if not is_secret_variable(name)}
    return [Option(PLACEHOLDER, f"{name}={value}") for name, value in shown.items()] + found


def _plain(known: list[tuple[str, str]], key: str, text: str) -> str:
    """The text of an option behind those that are known, with nothing to stand for another text."""
    return written_out([*known, (key if key != PLACEHOLDER else "", text)])[-1][1]


def _with_placeholders(text: str, plain: str, placeholders: dict[str, str]) -> str:
    """The text as it is written, if only placeholders of the inventory's stand for something in it."""
    expanded = _NAMED.sub(lambda name: placeholders.get(name[1], name[0]), text)
    while expanded != (again := _NAMED.sub(lambda name: placeholders.get(name[1], name[0]), expanded)):
        expanded = again
    return text if expanded == plain else plain
