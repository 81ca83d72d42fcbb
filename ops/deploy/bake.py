"""The bake of a deploy: what the host is asked to watch (`ops/agent/bake.py`), and how it ended."""

import time

from ops.agent.bake_end_messages import BakeEndRequest, BakeEndState
from ops.agent.probe_messages import BakeState
from ops.agent.transaction_messages import BakeBegun, BakeWanted
from ops.errors import Unreachable
from ops.formats.processes import stdout_log
from ops.formats.uwsgi_log import ANSWER, patterns
from ops.formats.web_program import web_program
from ops.schema import Host
from ops.ssh.session import Remote
from ops.text import age

LONG_ENOUGH = 120  # seconds, for the memory of workers: see ops/agent/bake_rule.py


def bake_wanted(host: Host) -> BakeWanted | None:
    """The bake of a deploy; None if the inventory wants none."""
    name = web_program(host)
    if not (name and host.deploy.bake_seconds):
        return None
    return BakeWanted(
        seconds=host.deploy.bake_seconds,
        needs_operator=host.deploy.bake_needs_operator,
        app=host.app_name,
        log=stdout_log(host, name),
        patterns=patterns(host, ANSWER),
    )


def announced(seconds: int) -> str:
    """What a plan says of it."""
    short = "; that is too short to compare memory" if seconds < LONG_ENOUGH else ""
    return f"on trial under real traffic for {age(seconds)} before it is kept (deploy.bake){short}"


def begun(host: Host, bake: BakeBegun) -> str:
    """What happens now, and what the operator can do."""
    line = "a lost connection rolls it back" if host.deploy.bake_needs_operator else "it needs no open connection"
    return (
        f"the release is on trial for {age(bake.seconds)}, until {clock(bake.until)}; {line}, and Ctrl-C or "
        f"fab -H {host.name} rollback ends it by a rollback"
    )


def goes_on(host: Host, until: int) -> Unreachable:
    """The error for a connection that was lost during a bake that does not need it."""
    return Unreachable(
        host.name,
        "the connection was lost during the bake, which the host ends by itself",
        left=f"on trial until {clock(until)}; then the host keeps the release, or rolls it back if it is worse",
        next_step=f"fab -H {host.name} status, as soon as it can be reached: it says how the bake went",
        outcome="connection lost; the host goes on with the bake",
    )


def clock(seconds: int) -> str:
    """A time as the operator's own clock has it."""
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def under_way(bake: BakeState) -> str:
    """That a release is on trial, for the operator."""
    return f"release {bake.release} is on trial for {age(bake.seconds_left)} more (deploy.bake)"


ENDS = {
    "committed": "the release was kept",
    "rolled-back": "the release was rolled back",
    "files-back": "the release was rolled back, but a service is not as before (fab status)",
    "broken": "the release was NOT rolled back: a file could not be restored",
}


def ended(host: Host, bake: BakeState) -> str:
    """How a bake ended that nobody followed to its end."""
    how = ENDS.get(bake.how, "it is unknown how")
    shows = f"fab -H {host.name} releases {bake.release} shows what it saw"
    return f"the bake of release {bake.release} has ended without an operator: {how}; {shows}"


def on_trial(remote: Remote) -> str:
    """The release that is on trial; "" if there is none."""
    return remote.answer(BakeEndRequest(state_dir=remote.host.state_dir)).only(BakeEndState).release


def end_by_rollback(remote: Remote, release: str) -> str:
    """Have the host roll back a release, if it is still on trial, and wait for it; how it ended, by its record."""
    why = f"rolled back during its bake by {remote.who}"
    asked = BakeEndRequest(state_dir=remote.host.state_dir, release=release, why=why)
    return remote.answer(asked).only(BakeEndState).ended
