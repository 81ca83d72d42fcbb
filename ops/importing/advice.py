"""The text of advice on a hand edit: inventory lines, and a patch of the templates."""

import difflib
import re
from collections.abc import Callable
from typing import Any

from ops.importing.adopt import Advice
from ops.importing.adopt_values import ABSENT, Value
from ops.importing.toml_text import dotted, toml_value
from ops.inventory.schema_errors import has
from ops.schema import Host


def table_of(host: Host, value: Value, data: dict[str, Any]) -> str:
    """The inventory table for the value: the host's own, or that of the defaults to remove a key of the defaults."""
    shared = value.after is ABSENT and _written(host, value, data) == "defaults"
    return dotted((*(("defaults",) if shared else ("hosts", host.name)), *value.key_path[:-1]))


def assignment(value: Value) -> str:
    """The TOML line that sets the value, or a comment that says what to remove."""
    name = dotted(value.key_path[-1:])
    return f"# remove {name}" if value.after is ABSENT else f"{name} = {toml_value(value.after)}"


def inventory_lines(
    host: Host, values: list[Value], data: dict[str, Any], masked: Callable[[str], str]
) -> list[tuple[str, list[str]]]:
    """TOML lines for the inventory `data`, each table once with its lines.

    `masked` masks possible secrets; numbers are never masked.
    """
    tables: dict[str, list[str]] = {}
    for value in values:
        lines = tables.setdefault(table_of(host, value, data), [])
        written = f"{assignment(value)}    # {origin_of(host, value, data)}"
        lines.append(written if isinstance(value.after, int) else masked(written))
        if value.elsewhere:
            lines.append("# this puts the line at another place of the file")
    return list(tables.items())


def origin_of(host: Host, value: Value, data: dict[str, Any]) -> str:
    """The current value, and where it is set."""
    if value.before in (ABSENT, None):
        return "now not set"
    of = {"hosts": "its own", "defaults": f"of [{dotted(('defaults', *value.key_path[:-1]))}], for all hosts"}
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
    loc = value.key_path
    if has(data.get("hosts", {}).get(host.name, {}), loc):
        return "hosts"
    return "defaults" if has(data.get("defaults", {}), loc) else ""
