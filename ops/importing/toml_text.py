"""Values and keys of the inventory as text in TOML."""

import json
import re

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def dotted(parts: tuple[str | int, ...]) -> str:
    """The name of a table or key."""
    return ".".join(str(part) if _BARE.fullmatch(str(part)) else toml_value(str(part)) for part in parts)


def toml_value(value: object) -> str:
    """A value of the inventory in TOML, on one line, with non-printable characters escaped."""
    if isinstance(value, dict):
        inside = ", ".join(f"{dotted((key,))} = {toml_value(one)}" for key, one in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    text = "false" if value is None else json.dumps(value, ensure_ascii=False)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escaped(ord(char)) for char in text)


def _escaped(number: int) -> str:
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
