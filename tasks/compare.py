"""`compare`: what differs in effect between two hosts."""

from typing import Any

from ops.errors import read_answer
from ops.importing.comparing import compare_hosts, is_whole, problems
from ops.importing.reading import HostReading, read_host
from ops.importing.settings import Difference
from ops.importing.unlisted_host import host_named
from ops.inventory.location import inventory_path
from ops.schema import Host
from ops.ssh.session import Connections
from ops.ui import colours, console
from tasks._task import NEEDS_ATTENTION, print_json, task


@task(
    positional=["first", "second"],
    help={
        "first": "A host of the inventory, or ACCOUNT@NAME:PORT of any other.",
        "second": "The same.",
        "json": "Print one JSON document: what differs, and how many settings are equal.",
    },
)
def compare(context: Any, first: str, second: str, json: bool = False) -> int:
    """Show what differs in effect between two hosts: supervisord, uWSGI, Apache, the crontab, the products.

    Reads what runs, by each program's own parser. No inventory is needed, and nothing is changed. Exit code 2 for a
    difference, or if something could not be read.
    """
    hosts = [host_named(name, inventory_path()) for name in (first, second)]
    with Connections(context.config, ahead=hosts) as lines:
        readings = [_read(lines, host) for host in hosts]
    with read_answer(" or ".join(host.name for host in hosts), "reading"):
        equal, differing = compare_hosts(*readings)
    unread = [f"{one.host.name}: {said}" for one in readings for said in problems(one)]
    if json:
        print_json({"equal": len(equal), "differences": [*map(_facts, differing)], "unread": unread})
    else:
        _show(differing, [host.name for host in hosts], len(equal), whole=all(map(is_whole, readings)))
        for said in unread:
            console.say(said, colours.WARNING, err=True)
    return NEEDS_ATTENTION if differing or not all(map(is_whole, readings)) else 0


def _read(lines: Connections, host: Host) -> HostReading:
    with lines.connect(host) as remote:
        return read_host(remote)


def _facts(one: Difference) -> dict[str, object]:
    first, second = one.shown()
    return {"of": one.of, "place": one.place, "name": one.name, "first": first, "second": second}


def _show(differing: list[Difference], names: list[str], equal: int, *, whole: bool) -> None:
    for of in dict.fromkeys(one.of for one in differing):
        console.say(of, "bold")
        for one in (one for one in differing if one.of == of):
            console.say(f"  {one.describe()}")
            for name, side in zip(names, one.shown(), strict=True):
                console.say(f"    {name}: {side or 'not set'}")
    said = f"{names[0]} and {names[1]} are equal in effect: " if whole and not differing else ""
    console.say(f"{said}{equal} settings are equal", colours.OK if whole else "")
