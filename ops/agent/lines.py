"""Messages as lines of JSON, on a host."""

import binascii
import json

from ops.agent import messages
from ops.agent.plain_message import field_names


def to_line(value: object) -> str:
    """One line of JSON without its line end: of a message, or of a list and the like with messages in it."""
    return json.dumps(value, default=_plain, separators=(",", ":"))


def value_of(line: str) -> object:
    """What to_line has written. Raises ValueError for an unknown message or field."""
    return json.loads(line, object_hook=_message)


def kind_of(line: str) -> str:
    """The type of the message of a line. Raises ValueError."""
    values = json.loads(line)
    if not isinstance(values, dict):
        raise ValueError(f"it is no message: '{line.strip()[:60]}'")
    return str(values.get("type"))


def from_line(line: str) -> messages.Message:
    """The message of a line, whose module is imported. Raises ValueError for an unknown type or field, or none."""
    message = value_of(line)
    if not isinstance(message, messages.Message):
        raise ValueError(f"it is no message: '{line.strip()[:60]}'")
    return message


def _message(values: "dict[str, object]") -> object:
    """The message of a JSON object with a type; other objects, which have names and values of ours, stay."""
    if "type" not in values:
        return values
    kind = values.pop("type")
    found = next((one for one in messages.Message.__subclasses__() if one.__name__ == kind), None)
    if found is None:
        raise ValueError(f"there is no message '{kind}'")
    for name, annotation in vars(found).get("__annotations__", {}).items():
        text = values.get(name)
        if isinstance(text, str) and (annotation is bytes or str(annotation).startswith("bytes")):
            values[name] = binascii.a2b_base64(text)
    return found(**values)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return binascii.b2a_base64(value, newline=False).decode()
    return _fields(value)


def _fields(message: object) -> "dict[str, object]":
    values: dict[str, object] = {"type": type(message).__name__}
    values.update((name, getattr(message, name)) for name in field_names(type(message)))
    return values
