"""The findings on maintenance that is on: its end has passed, or visitors do not get the page."""

from collections.abc import Iterator

from ops.monitoring.findings import ERROR, OK, WARNING, Finding
from ops.schema import Host
from ops.services.maintenance_state import Maintenance

WHAT = "maintenance"


def overdue(host: Host, on: Maintenance | None, now: int) -> Iterator[Finding]:
    """Maintenance past its end at the time `now`: it may have been forgotten."""
    if on and on.is_overdue(now):
        yield Finding(WHAT, WARNING, f"still on: {on.describe(now)}", f"fab -H {host.name} maintenance off ends it")


def state(host: Host, on: Maintenance | None, now: int) -> Iterator[Finding]:
    """The same, and maintenance that is on as it should be."""
    yield from overdue(host, on, now)
    if on and not on.is_overdue(now):
        yield Finding(WHAT, OK, f"on: {on.describe(now)}")


def unshown(host: Host, status: int) -> Finding:
    """Maintenance is on, and a visitor gets that status of something else."""
    fab = f"fab -H {host.name}"
    said = f"it is on, but a visitor gets status {status} on {host.apache.port}"
    return Finding(WHAT, ERROR, said, f"{fab} diff, {fab} reload-apache; or {fab} maintenance off")
