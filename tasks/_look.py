"""What every verb that only looks does: ask its hosts side by side, and end with what came of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ops import console
from ops.errors import BadInput
from ops.files import RenderedFile
from ops.fleet import AT_ONCE, Answer, ask_all
from ops.schema import Host
from ops.ssh_query import ask_ahead
from tasks._verb import NEEDS_ATTENTION, chosen, show_error

if TYPE_CHECKING:
    from ops.connection import Remote

Result = TypeVar("Result")
PARALLEL_HELP = {"parallel": f"How many hosts are asked at once (default {AT_ONCE})."}


def ask_hosts(
    context: Any,
    parallel: int,
    ask: "Callable[[Remote], Result]",
    prepare: Callable[[list[Host]], None] = lambda _: None,
) -> list[Answer[Result]]:
    """`ask` the hosts of this run, `parallel` at once; the answers are in the inventory's order.

    `prepare` is called with the hosts while the first logins are under way. Without -H: all hosts.
    """
    if not 1 <= parallel <= 200:
        raise BadInput(f"--parallel={parallel}: must be from 1 to 200. Nothing was connected to.")
    hosts = chosen(everywhere=True)
    ask_ahead(context.config, hosts)
    from ops.connection import Lines  # takes as long to load as ssh to answer

    with Lines(context.config, ahead=hosts[:parallel]) as lines:
        prepare(hosts)
        console.get_ready()

        def one(host: Host) -> Result:
            with lines.connect(host) as remote:
                return ask(remote)

        return ask_all(hosts, one, parallel)


def rendered(hosts: list[Host], *, values: bool = True) -> dict[str, list[RenderedFile]]:
    """The managed files of each host, by its name; `values` as in `render`. Raises BadInput."""
    from ops.templates import render  # jinja2 takes as long as the login that is under way meanwhile

    return {host.name: render(host, values=values) for host in hosts}


def code_of(answers: list[Answer[Any]], *, attention: bool = False) -> int:
    """Show the errors; fab's exit code: 1 where there is one, 2 where something needs attention."""
    for answer in answers:
        if answer.error:
            show_error(answer.error)
    if any(answer.error for answer in answers):
        return 1
    return NEEDS_ATTENTION if attention else 0
