"""`shell`: a terminal on a host, with the products set up."""

import shlex
from typing import Any

from ops.errors import BadInput
from ops.ssh.session import connect
from ops.ui import console
from tasks._task import named, task


@task(positional=["host"], help={"host": "A host of the inventory."})
def shell(context: Any, host: str) -> int:
    """Open a terminal on a host, as the account, with the products set up. Its exit code becomes fab's."""
    chosen = named(host, everywhere=False)
    if len(chosen) != 1:
        raise BadInput(f"{host} names {len(chosen)} hosts, but shell takes one. Nothing was connected to.")
    if not console.is_terminal():
        raise BadInput("shell needs a terminal. Nothing was connected to.")
    with connect(chosen[0], context.config) as remote:
        # activate gets a bash of its own, which becomes the interactive one.
        words = f"bash -c {shlex.quote(f'{chosen[0].activation}; exec bash -i')}"
        done = remote.connection.run(words, pty=True, warn=True)
    return int(done.exited)
