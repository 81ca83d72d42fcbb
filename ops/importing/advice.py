"""The text of advice on a hand edit: inventory lines, and a patch of the templates."""

import difflib
import re
from collections.abc import Callable
from typing import Any

from ops.importing.adopt import Advice, Value
from ops.importing.adopt_values import ABSENT, KeyPath, value_at, with_value
from ops.importing.toml_text import dotted, toml_value
from ops.inventory.schema_errors import has
from ops.schema import Host


def table_of(host: Host, value: Value, data: dict[str, Any]) -> str:
    """The inventory table for the value: the host's own, or that of the defaults to remove a key of the defaults."""
    tables = _split(value.key_path)[0]
    shared = value.after is ABSENT and _written(host, value, data) == "defaults"
    return dotted((*(("defaults",) if shared else ("hosts", host.name)), *tables))


def assignment(host: Host, value: Value) -> str:
    """The TOML line that sets the value, or a comment that says what to remove.

    `host` already has the new values: for an entry of a list, the line contains the whole list.
    """
    tables, (name, *entry) = _split(value.key_path)
    if value.after is ABSENT and not entry:
        return f"# remove {dotted((name,))}"
    return f"{dotted((name,))} = {toml_value(value_at(host, (*tables, name)) if entry else value.after)}"


def with_values(host: Host, values: list[Value]) -> Host:
    """`host` with the advised values."""
    for value in values:
        host = with_value(host, (value.key_path, value.after)) or host
    return host


def inventory_lines(
    host: Host, values: list[Value], data: dict[str, Any], masked: Callable[[str], str]
) -> list[tuple[str, list[str]]]:
    """TOML lines for the inventory `data`, each table once with its lines.

    `masked` masks possible secrets; numbers are never masked.
    """
    becomes, tables = with_values(host, values), dict[str, dict[str, str]]()
    for value in values:
        lines = tables.setdefault(table_of(host, value, data), {})
        line = assignment(becomes, value)
        written = f"{line}    # {origin_of(host, value, data)}"
        lines[line] = written if isinstance(value.after, int) else masked(written)
        if value.elsewhere:
            lines[f"{line}, elsewhere"] = "# this puts the line at another place of the file"
    return [(table, list(lines.values())) for table, lines in tables.items()]


def origin_of(host: Host, value: Value, data: dict[str, Any]) -> str:
    """The current value, and where it is set."""
    if value.before in (ABSENT, None):
        return "now not set"
    of = {"hosts": "its own", "defaults": f"of [{dotted(('defaults', *_split(value.key_path)[0]))}], for all hosts"}
    return f"now {toml_value(value.before)}, {of.get(_written(host, value, data), 'the default')}"


def patch(advice: Advice) -> str:
    """The change of the templates, as a patch for `git apply` and `patch -p1`."""
    lines: list[str] = []
    for name, (before, after) in advice.templates.items():
        old, new = (re.findall(r"[^\n]*\n|[^\n]+", text) for text in (before, after))
        for line in difflib.unified_diff(old, new, f"a/templates/{name}", f"b/templates/{name}"):
            lines.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(lines)


def _written(host: Host, value: Value, data: dict[str, Any]) -> str:
    """ "hosts", "defaults" or "": where the host's current value is set."""
    loc = tuple(str(part) for part in value.key_path)
    if has(data.get("hosts", {}).get(host.name, {}), loc):
        return "hosts"
    return "defaults" if has(data.get("defaults", {}), loc) else ""


def _split(key_path: KeyPath) -> tuple[KeyPath, KeyPath]:
    """The tables, and the key in the last one; for an entry of a list, the path from the list's key."""
    entry = next((number for number, part in enumerate(key_path) if isinstance(part, int)), len(key_path))
    return key_path[: entry - 1], key_path[entry - 1 :]
