"""The base of every table of the inventory."""

from msgspec import Struct


class Table(Struct, forbid_unknown_fields=True, frozen=True):
    """One table of the inventory: unknown keys are refused, values are not converted, the table is immutable."""
