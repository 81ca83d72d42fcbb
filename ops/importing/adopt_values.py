"""Values of the inventory that a hand edit has changed: what two readings of a file differ in."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from ops.importing.imported import Data
from ops.importing.toml_text import dotted
from ops.inventory.constraints import unwritable_values
from ops.inventory.loader import validate
from ops.schema import Host

KeyPath = tuple[str, ...]
ABSENT = object()  # as a value: there is none; to remove the key


@dataclass(frozen=True)
class Value:
    """A value for the inventory. `elsewhere`: its line is written at another place of the file than by hand."""

    key_path: KeyPath
    before: Any
    after: Any
    elsewhere: bool = False


def changed_values(host: Host, before: Data, after: Data) -> list[Value]:
    """The values of `host` that lead from one reading of a file to the other.

    A key counts only if the first reading, of the file as rendered, has the inventory's own value for it, if any.
    """
    return [
        _as_written(host, Value(key_path, value_at(host, key_path), new))
        for key_path, old, new in _differences(before, after)
        if _is_understood(host, key_path, old)
    ]


def value_at(host: Host, key_path: KeyPath) -> Any:
    """The inventory's value at `key_path`; ABSENT if there is none."""
    here: Any = msgspec.to_builtins(host)
    for part in key_path:
        if not isinstance(here, dict) or part not in here:
            return ABSENT
        here = here[part]
    return here


def with_values(host: Host, values: Iterable[Value]) -> tuple[Host, list[Value], list[str]]:
    """`host` with the values; those that it has then; and the rules that the others break.

    A value that has its default from others follows them: it is left out where it contradicts a new one.
    """
    kept, refused = [], []
    for value in values:
        broken = [one.rule for one in unwritable_values("", {dotted(value.key_path): value.after})]
        kept += [] if broken else [value]
        refused += [f"{dotted(value.key_path)} {rule}" for rule in broken[:1]]
    follows: list[KeyPath] = []
    while True:
        made, errors = validate(_data_with(host, [*kept, *(Value(loc, None, ABSENT) for loc in follows)]))
        if made and not errors:
            return made, kept, refused
        wrong = [(value, rule) for loc, rule in errors for value in kept if _is_at(loc, value.key_path)]
        refused += [f"{dotted(value.key_path)} {rule}" for value, rule in wrong]
        kept = [value for value in kept if value not in [one for one, _ in wrong]]
        left = [loc for loc, _ in errors if loc not in follows] if not wrong else []
        follows += left
        if not wrong and not left:
            return host, [], refused


def _data_with(host: Host, values: Iterable[Value]) -> Data:
    data: Data = msgspec.to_builtins(host)
    for value in values:
        here = data
        for part in value.key_path[:-1]:
            here = here.setdefault(part, {}) if isinstance(here, dict) else {}
        if value.after is ABSENT:
            here.pop(value.key_path[-1], None)
        else:
            here[value.key_path[-1]] = value.after
    return data


def _differences(before: Any, after: Any, key_path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any, Any]]:
    """Each key that differs with both values; tables by their keys."""
    if isinstance(after, dict) and (before is ABSENT or isinstance(before, dict)):
        old: Data = before if isinstance(before, dict) else {}
        for key in [*old, *(key for key in after if key not in old)]:
            yield from _differences(old.get(key, ABSENT), after.get(key, ABSENT), (*key_path, key))
    elif before != after:
        yield key_path, before, after


def _is_understood(host: Host, key_path: KeyPath, read: Any) -> bool:
    """Whether the value that was read is the inventory's: otherwise the file has it from elsewhere."""
    if "secrets" in key_path or "environment_secrets" in key_path:
        return False  # a reading has no values of secrets
    now = value_at(host, key_path)
    if read is ABSENT or isinstance(read, dict):
        return now is ABSENT or isinstance(now, dict) or _plain(now) == _plain(_default(host, key_path))
    return now in (None, ABSENT) or _plain(now) == _plain(read)


def _plain(value: Any) -> list[str]:
    """A value in one spelling: a list may have one item, and in any order."""
    return sorted(str(one).lower() if isinstance(one, bool) else str(one) for one in _items(value))


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _default(host: Host, key_path: KeyPath) -> Any:
    """What the inventory has without the key."""
    made, _, _ = with_values(host, [Value(key_path, None, ABSENT)])
    return value_at(made, key_path)


def _as_written(host: Host, value: Value) -> Value:
    """The value as the inventory writes it: a list stays one, and the default of the program is written out."""
    if value.after is not ABSENT:
        is_list = isinstance(value.before, list) and not isinstance(value.after, list)
        return replace(value, after=[value.after]) if is_list else value
    default = _default(host, value.key_path)
    if default in (ABSENT, None) or isinstance(default, dict):
        return value
    return replace(value, after=None if _plain(default) == _plain(value.before) else default)


def _is_at(loc: KeyPath, key_path: KeyPath) -> bool:
    return loc[: len(key_path)] == key_path or key_path[: len(loc)] == loc
