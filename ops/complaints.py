"""pydantic's complaints about the inventory, in the operator's words."""

import difflib
from typing import Any

from pydantic import ValidationError

from ops.schema import Table

Location = tuple[str, ...]


def _leads_on(here: Any, part: int | str) -> bool:
    return part in here if isinstance(here, dict) else isinstance(here, list) and isinstance(part, int)


def plain(error: ValidationError, data: Any, model: type[Table]) -> list[tuple[Location, str]]:
    """pydantic's errors as (path of keys, rule); the branches of a union become one rule."""
    rules: dict[Location, list[str]] = {}
    for item in error.errors():
        loc: list[str] = []
        here = data
        for part in item["loc"]:
            if _leads_on(here, part):
                here = here[part]
            elif item["type"] != "missing" or part != item["loc"][-1]:
                continue  # the name of a union's branch
            loc.append(str(part))
        if item["type"] == "extra_forbidden":
            rule = unknown_key(loc[-1], _known_keys(model, item["loc"][:-1]))
        elif item["type"] == "missing":
            rule = "is missing"
        else:
            rule = _in_plain_words(item["type"], item["msg"])
        rules.setdefault(tuple(loc), []).append(rule)
    # What is wrong with an item of a list says more than what else could stand there instead of the list.
    outer = {loc[:-1] for loc in rules if isinstance(value_at(data, loc[:-1]), list)}
    told = {loc: " or ".join(dict.fromkeys(found)) for loc, found in rules.items() if loc not in outer}
    return [(loc, rule.replace(" or must be ", " or ")) for loc, rule in told.items()]


def _in_plain_words(kind: str, message: str) -> str:
    if kind in ("model_type", "dict_type"):
        return "must be a table"
    if kind == "too_short":
        return "must not be empty"
    rule = message.removeprefix("Value error, ").replace("Input should be", "must be")
    rule = rule.replace("a valid string", "text").replace("a valid integer", "a whole number")
    return (
        rule.replace("a valid boolean", "true or false").replace("a valid list", "a list").replace("False", "false")
    )


def _known_keys(model: type[Table], loc: tuple[int | str, ...]) -> list[str]:
    """The keys of the table at `loc`, as the file spells them."""
    for part in loc:
        fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        annotation = fields.get(str(part))
        inner = [annotation, *getattr(annotation, "__args__", ())]
        tables = [kind for kind in inner if isinstance(kind, type) and issubclass(kind, Table)]
        model = tables[0] if tables else model
    return [field.alias or name for name, field in model.model_fields.items()]


def unknown_key(key: str, known: list[str]) -> str:
    """The rule for a key that is none of `known`."""
    return f"unknown key{did_you_mean(key, known)}"


def unknown_name(name: str, known: list[str]) -> str:
    """The rule for a name that is no host or group."""
    return f"{name!r} is neither a host nor a group of the inventory{did_you_mean(name, known)}"


def did_you_mean(word: str, known: list[str]) -> str:
    """The nearest of `known`, or all of them, to be put behind a complaint about `word`."""
    near = difflib.get_close_matches(word, known, n=3, cutoff=0.5)
    if near:
        return f"; nearest: {', '.join(near)}"
    return f"; known: {', '.join(sorted(known))}" if known else ""


def has(data: Any, loc: Location) -> bool:
    """Whether `data` itself says something at `loc`."""
    for part in loc:
        if isinstance(data, list):
            return True
        if not isinstance(data, dict) or part not in data:
            return False
        data = data[part]
    return True


def value_at(data: Any, loc: Location) -> Any:
    """What stands at `loc`; None where that is a table or nothing."""
    for part in loc:
        if isinstance(data, dict):
            data = data.get(part)
        elif isinstance(data, list):
            data = data[int(part)]
    return None if isinstance(data, dict) else data


def without(data: Any, locs: list[Location]) -> Any:
    """A copy with the values at `locs` left out; of a list, the whole."""
    if not isinstance(data, dict):
        return data
    kept = {}
    for key, value in data.items():
        below = [loc[1:] for loc in locs if loc[:1] == (key,)]
        if () in below or (below and not isinstance(value, dict)):
            continue
        if key == "programs" and isinstance(value, dict):
            broken = {loc[0] for loc in below}
            kept[key] = {name: program for name, program in value.items() if name not in broken}
        else:
            kept[key] = without(value, below)
    return kept
