"""The base of all messages on a host, which has only the standard library: a small msgspec Struct."""


def field_names(kind: type) -> "list[str]":
    """The fields of a class of messages; it has no annotations of its own without one."""
    return list(vars(kind).get("__annotations__", ()))


class Message:
    """An object with the fields of its class's annotations. Raises ValueError for a field too many or too few."""

    def __init__(self, **values: object) -> None:
        kind = type(self)
        known = field_names(kind)
        for name in values:
            if name not in known:
                raise ValueError(f"{kind.__name__} has no field '{name}'")
        for name in known:
            if name not in values and not hasattr(kind, name):
                raise ValueError(f"{kind.__name__} lacks the field '{name}'")
            setattr(self, name, values[name] if name in values else _copy(getattr(kind, name)))

    def __init_subclass__(cls, **_: object) -> None:
        """A subclass may have the options of a Struct."""


def _copy(default: object) -> object:
    """Each message has a list of its own."""
    return list(default) if isinstance(default, list) else dict(default) if isinstance(default, dict) else default
