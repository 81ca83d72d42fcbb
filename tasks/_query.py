"""The common part of read-only tasks: ask hosts in parallel, show the answers, end with an exit code."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ops.errors import BadInput, HostError, Interrupted
from ops.rendering.rendered_file import RenderedFile
from ops.rollout import AT_ONCE, HostResult, map_hosts
from ops.schema import Host
from ops.ssh.ssh_config_query import ask_ahead
from ops.ui import colours, console
from tasks._task import NEEDS_ATTENTION, chosen, show_error

if TYPE_CHECKING:
    from ops.ssh.session import Remote

Result = TypeVar("Result")
PARALLEL_HELP = {"parallel": f"How many hosts are asked at once (default {AT_ONCE})."}


@dataclass(frozen=True)
class WithErrors(Generic[Result]):
    """A `show` for `ask_hosts` that also prints the errors of hosts."""

    show: Callable[[list[HostResult[Result]]], None]


def ask_hosts(
    context: Any,
    parallel: int,
    ask: "Callable[[Remote], Result]",
    show: Callable[[list[HostResult[Result]]], None] | WithErrors[Result],
    prepare: Callable[[list[Host]], None] = lambda _: None,
) -> list[HostResult[Result]]:
    """`ask` the hosts of this run (without -H: all), `parallel` at once; answers are in the inventory's order.

    `show` prints answers on standard output: all together, or those at hand while slower hosts are waited for. Errors
    are printed before them on standard error, and a last line names their hosts; `WithErrors` prints errors itself.
    `prepare` is called with the hosts during the first logins.
    """
    if not 1 <= parallel <= 200:
        raise BadInput(f"--parallel={parallel}: must be from 1 to 200. Nothing was connected to.")
    hosts = chosen(everywhere=True)
    ask_ahead(context.config, hosts)
    from ops.ssh.session import Connections  # loaded while ssh answers: both take as long

    with Connections(context.config, ahead=hosts[:parallel]) as lines:
        prepare(hosts)
        console.get_ready()

        def one(host: Host) -> Result:
            with lines.connect(host) as remote:
                return ask(remote)

        aside = not isinstance(show, WithErrors)
        shown = show.show if isinstance(show, WithErrors) else show

        def show_new(answers: list[HostResult[Result]], waiting: list[Host]) -> None:
            for answer in answers if aside else []:
                if answer.error and not isinstance(answer.error, Interrupted):
                    show_error(answer.error)
            shown(answers)
            sys.stdout.flush()  # for a pipe
            _show_waiting(answers, waiting)

        answers = map_hosts(hosts, one, parallel, show_new)
    if aside and len(hosts) > 1:
        _show_failed(answers)
    return answers


def _show_failed(answers: list[HostResult[Any]]) -> None:
    """Print the hosts that failed: their errors may have scrolled off the screen."""
    failed: dict[str, list[Host]] = {}
    for answer in answers:
        if isinstance(answer.error, Interrupted):  # already printed
            return
        if answer.error:
            ended = answer.error.ended if isinstance(answer.error, HostError) else HostError.ended
            failed.setdefault(ended, []).append(answer.host)
    if failed:
        named = "; ".join(f"{ended}: {_names(hosts)}" for ended, hosts in failed.items())
        console.say(f"Of {len(answers)} hosts: {named}", colours.ERROR, err=True)


def _show_waiting(answers: list[HostResult[Any]], waiting: list[Host]) -> None:
    """Print the hosts that have not answered yet, or not before Ctrl-C."""
    if waiting:
        console.say(f"waiting for {_names(waiting)} (Ctrl-C ends the wait)", err=True)
    if missing := [answer.host for answer in answers if isinstance(answer.error, Interrupted)]:
        console.say(f"Interrupted. No answer from {_names(missing)}", err=True)


def _names(hosts: list[Host]) -> str:
    return ", ".join(host.name for host in hosts)


def nothing(_answers: list[HostResult[Any]]) -> None:
    """The `show` for answers that are printed as one JSON document at the end."""


def by_host(answers: list[HostResult[Result]], facts: Callable[[HostResult[Result]], object]) -> dict[str, object]:
    """For a JSON document: per host the `facts` of its answer, or {"error": its message}."""
    return {one.host.name: {"error": str(one.error)} if one.error else facts(one) for one in answers}


def rendered(hosts: list[Host], *, values: bool = True) -> dict[str, list[RenderedFile]]:
    """The managed files of each host, by its name; `values` as in `render`. Raises BadInput."""
    from ops.rendering.renderer import render  # jinja2 is loaded during the login: both take as long

    return {host.name: render(host, values=values) for host in hosts}


def code_of(answers: list[HostResult[Any]], *, attention: bool = False) -> int:
    """fab's exit code: 130 after Ctrl-C, 1 where there is an error, 2 where something needs attention."""
    errors = [answer.error for answer in answers if answer.error]
    if errors:
        return Interrupted.code if any(isinstance(error, Interrupted) for error in errors) else 1
    return NEEDS_ATTENTION if attention else 0
