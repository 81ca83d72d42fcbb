"""The settings of an Apache: each directive with its words, by virtual host and section."""

import re
from collections.abc import Iterable

from ops.agent.apache_words import Directive, directives_of, in_effect
from ops.agent.host_reading_messages import ApacheReading
from ops.importing.settings import APACHE, Setting

_PORT = re.compile(r"virtualhost \S*:([0-9]+)")


def directives(reading: ApacheReading) -> list[Directive]:
    """The directives that were read."""
    return [Directive(tuple(one.path), one.name, one.words, one.file) for one in reading.directives]


def of_text(text: str, path: str) -> list[Directive]:
    """The directives of a file's text, without the conditions around them."""
    return in_effect(directives_of(text, path))


def on_any_address(one: Directive) -> Directive:
    """A directive of a virtual host as if that had no address, but its port."""
    named = _PORT.fullmatch(one.path[0]) if one.path else None
    if not named:
        return one
    return Directive((f"virtualhost *:{named[1]}", *one.path[1:]), one.written, one.words, one.file)


def settings_of(found: Iterable[Directive]) -> list[Setting]:
    """The settings; a section counts by what is in it."""
    return [
        Setting(APACHE, place_of(one), one.name, value_of(one), one.written)
        for one in found
        if not one.name.startswith("<")
    ]


def place_of(one: Directive) -> str:
    """The sections around a directive; "server" if there are none."""
    return " > ".join(one.path) or "server"


def value_of(one: Directive) -> str:
    """The words, quoted where they have blanks."""
    return " ".join(map(quoted, one.words))


def quoted(word: str) -> str:
    """A word as Apache reads it back."""
    if re.fullmatch(r"[^\s\"'\\]+", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
