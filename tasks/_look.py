"""What every verb that only looks does: ask its hosts side by side, show what comes, and end with a code."""

import functools
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ops import console
from ops.errors import BadInput, Interrupted
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
    show: Callable[[list[Answer[Result]]], None],
    prepare: Callable[[list[Host]], None] = lambda _: None,
) -> list[Answer[Result]]:
    """`ask` the hosts of this run, `parallel` at once; the answers are in the inventory's order.

    `show` prints answers on standard output, errors aside: all of them where they come together, else those at hand
    while the slower hosts are waited for and named. Without -H: all hosts.
    `prepare` is called with the hosts while the first logins are under way.
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

        return ask_all(hosts, one, parallel, functools.partial(_show, show))


def _show(show: Callable[[list[Answer[Result]]], None], answers: list[Answer[Result]], waiting: list[Host]) -> None:
    """Print answers and errors, then who is waited for, or who was when Ctrl-C came."""
    show(answers)
    sys.stdout.flush()  # a pipe gets it now, too
    for answer in answers:
        if answer.error and not isinstance(answer.error, Interrupted):
            show_error(answer.error)
    if waiting:
        console.say(f"waiting for {_names(waiting)} (Ctrl-C ends the wait)", err=True)
    if missing := [answer.host for answer in answers if isinstance(answer.error, Interrupted)]:
        console.say(f"Interrupted. No answer from {_names(missing)}", err=True)


def _names(hosts: list[Host]) -> str:
    return ", ".join(host.name for host in hosts)


def nothing(_answers: list[Answer[Any]]) -> None:
    """What is shown of answers that come to one JSON document at the end."""


def rendered(hosts: list[Host], *, values: bool = True) -> dict[str, list[RenderedFile]]:
    """The managed files of each host, by its name; `values` as in `render`. Raises BadInput."""
    from ops.templates import render  # jinja2 takes as long as the login that is under way meanwhile

    return {host.name: render(host, values=values) for host in hosts}


def code_of(answers: list[Answer[Any]], *, attention: bool = False) -> int:
    """fab's exit code: 130 after Ctrl-C, 1 where there is an error, 2 where something needs attention."""
    errors = [answer.error for answer in answers if answer.error]
    if errors:
        return Interrupted.code if any(isinstance(error, Interrupted) for error in errors) else 1
    return NEEDS_ATTENTION if attention else 0
