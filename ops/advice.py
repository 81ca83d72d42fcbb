"""The written form of advice on how to keep a hand edit: lines of the inventory, and a patch of the templates."""

import difflib
import json
import re
from typing import Any

from ops.adopt import Advice, Value
from ops.adopt_values import GONE, Place
from ops.complaints import has
from ops.schema import Host

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def table_of(host: Host, value: Value, data: dict[str, Any]) -> str:
    """The table of the inventory to write the value into: the host's own.

    Of the defaults it is where a host cannot have it otherwise: a key that is to go, an entry of a list.
    """
    tables, key = _split(value.place)
    shared = value.after is GONE or len(key) > 1
    first = ("defaults",) if shared and _written(host, value, data) == "defaults" else ("hosts", host.name)
    return _dotted((*first, *tables))


def assignment(value: Value) -> str:
    """The line that sets the value, or says that it is to go."""
    key = _split(value.place)[1]
    name = (
        _dotted(key) if len(key) == 1 else f"{key[0]}, entry {int(key[1]) + 1}: {_dotted(key[2:])}".removesuffix(": ")
    )
    return f"(take out {name})" if value.after is GONE else f"{name} = {_toml(value.after)}"


def origin_of(host: Host, value: Value, data: dict[str, Any]) -> str:
    """What is there now, and where it is from."""
    if value.before in (GONE, None):
        return "now there is none"
    of = {"hosts": "its own", "defaults": f"of [{_dotted(('defaults', *_split(value.place)[0]))}], for all hosts"}
    return f"now {_toml(value.before)}, {of.get(_written(host, value, data), 'the default')}"


def patch(advice: Advice) -> str:
    """The change of the templates as `git apply` and `patch -p1` take it."""
    lines: list[str] = []
    for name, (before, after) in advice.templates.items():
        old, new = (re.findall(r"[^\n]*\n|[^\n]+", text) for text in (before, after))
        for line in difflib.unified_diff(old, new, f"a/templates/{name}", f"b/templates/{name}"):
            lines.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(lines)


def _written(host: Host, value: Value, data: dict[str, Any]) -> str:
    """ "hosts", "defaults" or "": whose value the host has now."""
    loc = tuple(str(part) for part in value.place)
    if has(data.get("hosts", {}).get(host.name, {}), loc):
        return "hosts"
    return "defaults" if has(data.get("defaults", {}), loc) else ""


def _split(place: Place) -> tuple[Place, Place]:
    """The tables, and the key in the last one; with an entry of a list goes the way to it from the list's key."""
    entry = next((number for number, part in enumerate(place) if isinstance(part, int)), len(place))
    return place[: entry - 1], place[entry - 1 :]


def _dotted(parts: Place) -> str:
    return ".".join(str(part) if _BARE.fullmatch(str(part)) else json.dumps(part) for part in parts)


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
