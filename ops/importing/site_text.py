"""The files of an imported site: its inventory, and the blocks of its own templates."""

from ops.importing.imported import Data, Imported
from ops.importing.toml_text import dotted, toml_value
from ops.inventory.location import INVENTORY
from ops.inventory.new_site import README

_HEAD = """# Read from {name} by fab import.
# docs/inventory.md of poms-ops explains each key; one that is left out has its default.
"""
OWN = ("ssh", "port")  # how to log in
_INLINE = ("environment", "environment_secrets", "response_headers", "check_headers")


def site_files(name: str, address: str, imported: Imported, folder: str) -> dict[str, str]:
    """The files of the site by their path; values that are the host's own are in its table, the others are shared."""
    shared = {key: value for key, value in imported.data.items() if key not in ("apache", *OWN)}
    apache = dict(imported.data.get("apache", {}))
    own: Data = {"address": address} | {key: imported.data[key] for key in OWN if key in imported.data}
    if "server_name" in apache:
        own["apache"] = {"server_name": apache.pop("server_name")}
    lines = [_HEAD.format(name=name), "[fleet]", f"default = {toml_value(name)}", ""]
    lines += _table(("defaults",), shared | ({"apache": apache} if apache else {}))
    lines += _table(("hosts", name), own)
    files = {
        INVENTORY: "\n".join(lines),
        "README.md": README.format(name=name, folder=folder),
        "templates/.gitkeep": "",
    }
    for template, blocks in imported.blocks.items():
        if text := _template(template, blocks):
            files[f"templates/{template}"] = text
    return files | {f"templates/{template}": "" for template in imported.emptied}


def _table(path: tuple[str, ...], values: Data) -> list[str]:
    """A table and those in it, in TOML."""
    inner = {
        key: value
        for key, value in values.items()
        if isinstance(value, dict) and key not in _INLINE and path[-1] != "secrets"
    }
    lines = [f"{dotted((key,))} = {toml_value(value)}" for key, value in values.items() if key not in inner]
    found = [f"[{dotted(path)}]", *lines, ""] if lines else []
    for key, value in inner.items():
        found += _table((*path, key), value)
    return found


def _template(name: str, blocks: dict[str, list[str]]) -> str:
    filled = {block: lines for block, lines in blocks.items() if lines}
    if not filled:
        return ""
    parts = [f'{{% extends "toolkit:{name}" %}}']
    for block, lines in filled.items():
        parts += [f"{{% block {block} %}}", *map(_line, lines), "{% endblock %}"]
    return "\n".join(parts) + "\n"


def _line(text: str) -> str:
    """A host's own line in a template. What Jinja would carry out is a text there: it would run on this machine."""
    if not any(mark in text for mark in ("{{", "{%", "{#")):
        return text
    literal = text.encode("unicode_escape").decode("ascii").replace('"', '\\"')
    return f'{{{{ "{literal}" }}}}'
