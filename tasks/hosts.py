"""`hosts`: the hosts of the inventory."""

from typing import Any

from ops.inventory import capacity
from ops.inventory.constraints import SSH_PORT
from ops.ui import console
from tasks._task import inventory, print_json, task


@task(help={"json": "Print one JSON document: per host, its address, account, groups and capacity."})
def hosts(context: Any, json: bool = False) -> None:  # noqa: ARG001 - fab's signature
    """List the hosts of the inventory with their groups and capacity. Connects to nothing."""
    known = inventory()
    groups = {
        name: [group for group, members in known.fleet.groups.items() if name in members] for name in known.hosts
    }
    if json:
        print_json(
            {
                name: {
                    "address": host.address,
                    "port": host.port or SSH_PORT,
                    "account": host.account,
                    "groups": groups[name],
                    "default": name == known.fleet.default,
                    "requests_at_once": capacity.at_once(host),
                }
                for name, host in known.hosts.items()
            }
        )
        return
    rows = [
        (
            name + (" (default)" if name == known.fleet.default else ""),
            f"{host.account}@{host.address}" + (f" port {host.port}" if host.port not in (None, SSH_PORT) else ""),
            f"{capacity.terms(host)} = {capacity.at_once(host)}",
            ", ".join(groups[name]),
        )
        for name, host in known.hosts.items()
    ]
    console.table(("host", "login", "requests at once", "groups"), rows)
    console.say(capacity.describe(known.hosts.values(), known.fleet))
