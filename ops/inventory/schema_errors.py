"""All schema errors of the inventory at once, in the operator's words.

msgspec stops at the first invalid value; here every value is checked by itself.
"""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec.structs import fields

from ops.table import Table
from ops.text import did_you_mean

Location = tuple[str, ...]
SchemaError = tuple[Location, str]
TYPE_NAMES = {str: "text", bool: "true or false", int: "a whole number", list: "a list", dict: "a table"}


def schema_errors(data: Any, kind: Any) -> Iterator[SchemaError]:
    """Every value in `data` that is invalid in a `kind`: (path of keys, rule)."""
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        inside = list(_inside(data, kind))
        yield from inside or [((), str(error.__cause__ or _rule(data, kind)))]


def _inside(data: Any, kind: Any) -> Iterator[SchemaError]:
    """The schema errors inside `data`, if `data` and `kind` are both a list or both a table."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        yield from _inside(data, arguments[0])
    elif origin in (Union, types.UnionType):
        for one in arguments:
            yield from _inside(data, one)
    elif isinstance(data, list) and origin is list:
        for number, value in enumerate(data):
            yield from _at(str(number), schema_errors(value, arguments[0]))
    elif isinstance(data, dict) and origin is dict:
        for key, value in data.items():
            yield from _at(key, schema_errors(key, arguments[0]))
            yield from _at(key, schema_errors(value, arguments[1]))
    elif isinstance(data, dict) and isinstance(kind, type) and issubclass(kind, Table):
        known = {field.encode_name: field for field in fields(kind)}
        for key, value in data.items():
            if key in known:
                yield from _at(key, schema_errors(value, known[key].type))
            else:
                yield (key,), unknown_key(key, [*known])
        yield from (((key,), "is missing") for key, field in known.items() if field.required and key not in data)


def _at(key: str, found: Iterator[SchemaError]) -> Iterator[SchemaError]:
    return (((key, *loc), rule) for loc, rule in found)


def _rule(data: Any, kind: Any) -> str:
    """The rule that `data` breaks as a `kind`."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        inner, meta = arguments
        if meta.description and (inner is not str or isinstance(data, str)):
            return str(meta.description)
        if data == [] and meta.min_length:
            return "must not be empty"
        return _rule(data, inner) + (f" from {meta.ge} to {meta.le}" if inner is int else "")
    if origin in (Union, types.UnionType):
        rules = [_rule(data, one) for one in arguments if one is not types.NoneType]
        return " or ".join(dict.fromkeys(rules)).replace(" or must be ", " or ")
    if origin is Literal:
        return f"must be {' or '.join(repr(word) for word in arguments)}"
    return f"must be {TYPE_NAMES.get(origin or kind, 'a table')}"


def unknown_key(key: str, known: list[str]) -> str:
    """The rule for a key that is not in `known`."""
    return f"unknown key{did_you_mean(key, known)}"


def unknown_name(name: str, known: list[str]) -> str:
    """The rule for a name that is neither a host nor a group."""
    return f"{name!r} is neither a host nor a group of the inventory{did_you_mean(name, known)}"


def has(data: Any, loc: Location) -> bool:
    """Whether `data` itself has a value at `loc`."""
    for part in loc:
        if isinstance(data, list):
            return True
        if not isinstance(data, dict) or part not in data:
            return False
        data = data[part]
    return True


def value_at(data: Any, loc: Location) -> Any:
    """The value at `loc`; None if that is a table or missing."""
    for part in loc:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list):
            data = data[int(part)]
    return None if isinstance(data, dict) else data


def without(data: Any, locs: list[Location]) -> Any:
    """A copy without the values at `locs`; a list with such a value is left out as a whole."""
    if not isinstance(data, dict):
        return data
    kept = {}
    for key, value in data.items():
        below = [loc[1:] for loc in locs if loc[:1] == (key,)]
        if () in below or (below and not isinstance(value, dict)):
            continue
        if key in ("programs", "apps") and isinstance(value, dict):
            broken = {loc[0] for loc in below}
            kept[key] = {name: table for name, table in value.items() if name not in broken}
        else:
            kept[key] = without(value, below)
    return kept
