"""Inventory values that may reproduce a hand edit: candidates to try by rendering.

Guesses are cheap and need not be right: only a value that renders like the host's file counts.
"""

import re
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import msgspec
from msgspec.structs import replace

from ops.formats import apache
from ops.importing.line_edits import Hunk
from ops.inventory.constraints import constraint_violations, unwritable_values
from ops.inventory.defaults import host_from
from ops.schema import Host

KeyPath = tuple[str | int, ...]
Candidate = tuple[KeyPath, Any]
ABSENT = object()  # as a value: remove the key
NOT_IN_FILES = ("name", "port", "ssh", "deploy", "checks", "secrets")
PAIRS = 64  # up to this product, compare every old with every new line of a hunk; beyond it, line by line
_KEYED = re.compile(r"\s*([\w.-]+)\s*[=:\s]\s*(.*?)\s*")
_VARIABLE = re.compile(r"""([A-Za-z0-9_/.+():-]+)=(?:"([^"]*)"|'([^']*)')""")
_WORD = re.compile(r"[\w./:@%+-]+")


def _unescaped(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


# How a value is written in the files, and how it is parsed.
_FORMS: list[tuple[Callable[[str], str], Callable[[str], str]]] = [
    (lambda value: value, lambda text: text),
    (lambda value: value.replace("%", "%%"), lambda text: text.replace("%%", "%")),
    (lambda value: value.replace("%", "%%%%"), lambda text: text.replace("%%%%", "%")),
    (lambda value: apache.quote(value)[1:-1], _unescaped),
    (lambda value: apache.quote(apache.regex_escape(value))[1:-1], lambda text: _unescaped(_unescaped(text))),
]


def candidates(host: Host, hunk: Hunk) -> Iterator[Candidate]:
    """Values, each with its place in the inventory, that may produce the new lines of `hunk`, without duplicates."""
    data = {key: value for key, value in msgspec.to_builtins(host).items() if key not in NOT_IN_FILES}
    seen = set()
    for key_path, value in _all(data, hunk):
        mark = (key_path, repr(value))
        if mark not in seen:
            seen.add(mark)
            yield key_path, value


def value_at(host: Host, key_path: KeyPath) -> Any:
    """The inventory's value at `key_path`; GONE if there is none."""
    here: Any = msgspec.to_builtins(host)
    for part in key_path:
        if isinstance(here, dict) and part not in here:
            return ABSENT
        here = here[part]
    return here


def with_value(host: Host, candidate: Candidate) -> Host | None:
    """`host` with that value; None if the schema or a constraint rejects it."""
    key_path, value = candidate
    data = msgspec.to_builtins(replace(host, secrets={}))
    here: Any = data
    for part in key_path[:-1]:
        here = here[part]
    if value is ABSENT:
        del here[key_path[-1]]
    else:
        here[key_path[-1]] = value
    if value is not ABSENT and any(unwritable_values("", {".".join(map(str, key_path)): value})):
        return None
    try:
        made = host_from(data)
    except msgspec.ValidationError:
        return None
    if any(True for _ in constraint_violations(made)):
        return None
    return replace(made, secrets=host.secrets)


def _all(data: dict[str, Any], hunk: Hunk) -> Iterator[Candidate]:
    leaves = list(_leaves(data))
    old, new = ([line.rstrip("\n") for line in lines] for lines in (hunk.old, hunk.new))
    pairs = product(old, new) if len(old) * len(new) <= PAIRS else zip(old, new, strict=False)
    for before, after in pairs:
        for key_path, value in leaves:
            yield from _replaced(key_path, value, before, after)
        yield from _variables(data, before, after)
    for line in new:
        key, text = _key_and_value(line)
        named = [(key_path, value) for key_path, value in leaves if key_path[-1] == key]
        for key_path, _ in named:
            yield from ((key_path, typed) for typed in _typed(text))
        if key and key not in data["uwsgi"]["options"]:
            yield from ((("uwsgi", "options", key), typed) for typed in _typed(text))
        for key_path, value in named:
            if key_path[:2] == ("uwsgi", "options"):  # the option is repeated
                values = value if isinstance(value, list) else [value]
                yield from ((key_path, [*values, typed]) for typed in _typed(text))
    for line in old if not new else []:
        key, _ = _key_and_value(line)
        for key_path, value in leaves:
            if key and key_path[-1] == key:
                yield key_path, ABSENT
                if isinstance(value, list):
                    yield from ((key_path, value[:n] + value[n + 1 :]) for n in range(len(value)))


def _leaves(data: Any, key_path: KeyPath = ()) -> Iterator[Candidate]:
    """Every value that is not a table; lists as a whole, too."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _leaves(value, (*key_path, key))
        return
    if isinstance(data, list):
        for number, item in enumerate(data):
            yield from _leaves(item, (*key_path, number))
    yield key_path, data


def _replaced(key_path: KeyPath, value: Any, before: str, after: str) -> Iterator[Candidate]:
    """The text in `after` at the place of the value in `before`, if the text around it is the same."""
    if isinstance(value, list):
        yield from _lists(key_path, value, before, after)
        return
    written = str(value).lower() if isinstance(value, bool) else str(value)
    for write, read in _FORMS:
        form = write(written)
        for start in _starts(form, before) if form else []:
            behind = before[start + len(form) :]
            fits = len(after) >= start + len(behind) and after.startswith(before[:start]) and after.endswith(behind)
            if fits:
                text = read(after[start : len(after) - len(behind)])
                yield from ((key_path, typed) for typed in _typed(text))


def _starts(part: str, text: str) -> Iterator[int]:
    start = text.find(part)
    while start >= 0:
        yield start
        start = text.find(part, start + 1)


def _lists(key_path: KeyPath, values: list[Any], before: str, after: str) -> Iterator[Candidate]:
    """The list without one item, or with one new word of the line."""
    if any(isinstance(item, dict | list) for item in values) or not all(str(item) in before for item in values):
        return
    for number in range(len(values)):
        yield key_path, values[:number] + values[number + 1 :]
    for word in dict.fromkeys(_WORD.findall(after)):
        if word not in before:
            for text in (word, word.lstrip("+-")):
                yield from ((key_path, [*values, typed]) for typed in _typed(text))


def _variables(data: dict[str, Any], before: str, after: str) -> Iterator[Candidate]:
    """Variables that were added to or removed from an environment; `_replaced` covers changed ones."""
    old, new = (
        {found[1]: found[2] or found[3] or "" for found in _VARIABLE.finditer(line)} for line in (before, after)
    )
    tables: dict[KeyPath, dict[str, str]] = {("supervisor", "environment"): data["supervisor"]["environment"]}
    tables |= {("programs", name, "environment"): table["environment"] for name, table in data["programs"].items()}
    for key_path, table in tables.items():
        for name in new.keys() - old.keys():
            yield from (((*key_path, name), read(new[name])) for _, read in _FORMS[:3])
        yield from (((*key_path, name), ABSENT) for name in old.keys() - new.keys() if name in table)


def _key_and_value(line: str) -> tuple[str, str]:
    found = _KEYED.fullmatch(line)
    return (found[1], found[2]) if found else ("", "")


def _typed(text: str) -> Iterator[Any]:
    """`text` as each type that it may have; the trial rejects wrong types."""
    if text in ("true", "false"):
        yield text == "true"
    if re.fullmatch(r"-?(0|[1-9][0-9]{0,17})", text):
        yield int(text)
    yield text.strip("\"'")
    yield from (read(text) for _, read in _FORMS)
    parts = [part.strip() for part in text.split(",")]
    if all(part.isdigit() and len(part) < 18 for part in parts):
        yield [int(part) for part in parts]
    yield parts
