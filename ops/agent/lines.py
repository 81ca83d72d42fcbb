"""Messages as lines of JSON, on a host."""

import binascii
import json

from ops.agent import messages
from ops.agent.plain_message import field_names


def to_line(message: messages.Message) -> str:
    """One line of JSON without its line end."""
    return json.dumps(message, default=_plain, separators=(",", ":"))


def from_line(line: str) -> messages.Message:
    """The message of a line. Raises ValueError for an unknown type, a field too many or too few."""
    values = json.loads(line)
    kind = values.pop("type", None)
    found = getattr(messages, str(kind), None)
    if not isinstance(found, type) or not issubclass(found, messages.Message):
        raise ValueError(f"there is no message '{kind}'")
    return found(**values)


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return binascii.b2a_base64(value, newline=False).decode()
    return _fields(value)


def _fields(message: object) -> "dict[str, object]":
    values: dict[str, object] = {"type": type(message).__name__}
    values.update((name, getattr(message, name)) for name in field_names(type(message)))
    return values
