"""The options of a uWSGI file, as uWSGI reads them.

Source: `core/ini.c` and `magic_table` in `core/utils.c` of 2.0.31. Blanks around a key and a value do not count; a
line that begins with `#` or `;` is a comment, but behind a value these are part of it; a key may be repeated, or have
no value; only the section [uwsgi] counts. Before all that, `%` and a letter are replaced in the whole text.
"""

import os
import re
import socket

MAGIC = re.compile(r"%(.)", re.DOTALL)


def options_of(text: str, path: str = "") -> "list[tuple[str, str]]":
    """(key, value) of each option in its order; "" for a key without a value. `path`: for %p, %d and their kin."""
    found, section = [], ""
    for line in _without_magic(text, path).split("\n"):
        line = line.strip(" \t\r")
        if not line or line.startswith(("#", ";")):
            continue
        if line.startswith("["):
            section = line[1:].rstrip("]")
            continue
        key, _, value = line.partition("=")
        if section == "uwsgi":
            found.append((key.rstrip(" \t\r"), value.lstrip(" \t\r")))
    return found


def _without_magic(text: str, path: str) -> str:
    """What uWSGI makes of `%` and a letter; a letter that it does not know stays, with its percent sign."""
    folder, name = os.path.split(path)
    known = {"%": "%", "p": path, "d": f"{folder}/", "s": name, "n": name.rpartition(".")[0] or name}
    known.update({"c": os.path.basename(folder), "e": name.rpartition(".")[2], "h": socket.gethostname()})
    return MAGIC.sub(lambda found: known.get(found.group(1), found.group(0)), text)
