"""The maintenance page of one host: switch it, ask as visitors do, and show what came of it."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from ops.deploy.smoke_checks import MAINTENANCE, NOT_ASKED, CheckResult, page_checks, run_smoke_checks
from ops.errors import HostError
from ops.schema import Host
from ops.services.maintenance_state import Maintenance
from ops.services.maintenance_switch import Moment, Switched, switch_off, switch_on
from ops.ssh.session import Remote
from ops.ui import colours, console


@dataclass(frozen=True)
class Done:
    """The switch, and what of it was not checked, a sentence each."""

    switched: Switched
    unchecked: list[str]


def switch_host(remote: Remote, message: str, until: Moment | None) -> Done:
    """Switch the page on with a `message`, off without one, and ask for pages from outside. Raises HostError."""
    host, is_on = remote.host, bool(message)
    switched = switch_on(remote, message, until) if is_on else switch_off(remote)
    results = run_smoke_checks(remote, page_checks(host))
    wrong = [one for one in results if one.state != NOT_ASKED and (one.state == MAINTENANCE) != is_on]
    if is_on and host.maintenance.allow:  # this machine's address may be one of these
        wrong = []
    if wrong:
        raise HostError(
            host.name,
            f"the maintenance page is {'on' if is_on else 'off'}, but from outside: " + _list(wrong),
            next_step=f"fab -H {host.name} status, and fab -H {host.name} reload-apache if its files are newer",
        )
    return Done(switched, list(_unchecked(host, results)) if is_on else [])


def _list(results: list[CheckResult]) -> str:
    return "; ".join(f"{one.name}: {one.got}" for one in results)


def _unchecked(host: Host, results: list[CheckResult]) -> Iterator[str]:
    for one in results:
        if one.state != MAINTENANCE:
            passing = "" if one.state == NOT_ASKED else ": this machine may be one of maintenance.allow"
            yield f"{one.name}: {one.got}{passing}"
    if not any(check.port == host.apache.cert_port for check in page_checks(host)):
        yield (
            f"{host.apache.cert_port} was not asked, since that needs a client certificate: give the inventory a "
            "check with one"
        )


def show(host: Host, done: Done) -> None:
    """Print what is on now."""
    before, now = done.switched.before, done.switched.now
    if now:
        again = "still on, with the new message and end" if before else "on"
        console.say(f"{host.name}: the maintenance page is {again}: {_words(now)}", colours.OK)
    else:
        ended = f"off; it was on {_words(before)}" if before else "off, as it was"
        console.say(f"{host.name}: the maintenance page is {ended}", colours.OK)
    for what in done.unchecked:
        console.say(f"{host.name}: not checked: {what}", colours.WARNING)


def _words(one: Maintenance) -> str:
    return one.describe(int(time.time()))


def facts(done: Done) -> dict[str, object]:
    """The same as JSON values."""
    before, now = (one and one.facts(int(time.time())) for one in (done.switched.before, done.switched.now))
    return {"before": before, "now": now, "unchecked": done.unchecked}
