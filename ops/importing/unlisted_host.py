"""A host by its name alone: one of the inventory, or one that is in none yet."""

import re
from pathlib import Path
from typing import Any

import msgspec

from ops.errors import BadInput
from ops.inventory.defaults import host_from
from ops.inventory.loader import read_inventory
from ops.schema import Host

_LOGIN = re.compile(
    r"(?:(?P<account>[^@]+)@)?(?:\[(?P<v6>[^]]+)\]|(?P<name>[^:]+)|(?P<bare>[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[^]@/]*))"
    r"(?::(?P<port>[0-9]+))?"
)

MOST_PORT = 65535


def host_named(given: str, inventory: Path) -> Host:
    """The host of the inventory with that name, else one with the defaults: ACCOUNT@NAME:PORT, the account poms.

    What ssh_config has for the name holds. Raises BadInput for what is neither.
    """
    if inventory.is_file() and given in (hosts := read_inventory(inventory).hosts):
        return hosts[given]
    found = _LOGIN.fullmatch(given)
    if not found:
        raise BadInput(
            f"{given!r} is no host: write NAME, ACCOUNT@NAME or ACCOUNT@NAME:PORT. Nothing was connected to."
        )
    name = found["v6"] or found["name"] or found["bare"]
    host_name = re.sub(r"[:%]", "-", f"ip{name}" if ":" in name else name)
    data: dict[str, Any] = {"name": host_name, "address": name, "account": found["account"] or "poms"}
    if found["port"]:
        if not 1 <= (port := int(found["port"])) <= MOST_PORT:
            raise BadInput(f"{given!r}: there is no port {port}. Nothing was connected to.")
        data["port"] = port
    if ":" in name:
        data["apache"] = {"server_name": "unknown"}
    try:
        return host_from(data)
    except msgspec.ValidationError:
        raise BadInput(
            f"{given!r} is no host: {name} is neither a name nor an address. Nothing was connected to."
        ) from None
