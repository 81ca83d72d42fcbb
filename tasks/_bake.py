"""What the operator is told of a bake that is under way, or that ended while nobody followed it."""

from ops.deploy import bake
from ops.deploy.snapshot import Snapshot
from ops.schema import Host
from ops.ui import colours, console


def tell_bake(host: Host, snapshot: Snapshot) -> None:
    """Print it to standard error; nothing if there is none."""
    if snapshot.bake:
        said = bake.under_way(snapshot.bake) if snapshot.lock else bake.ended(host, snapshot.bake)
        console.say(f"{host.name}: {said}", colours.WARNING, err=True)
