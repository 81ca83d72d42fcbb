"""`workers`: each uWSGI worker, its memory, its growth and its reloads."""

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType

from ops.monitoring import workers as nouns
from ops.monitoring.workers import Pools
from ops.rollout import AT_ONCE, HostResult
from ops.ui import console, workers_view
from ops.ui import watch as live
from tasks._query import PARALLEL_HELP, ask_hosts, by_host, code_of, nothing
from tasks._task import chosen, print_json, task

LOG_EVERY = 30  # seconds between two readings of the log with --watch; reading it costs more than the rest


@task(
    help={
        **live.HELP,
        **PARALLEL_HELP,
        "json": "Print one JSON document: per host, its limits and workers; MB, seconds, MB an hour.",
    }
)
def workers(
    context: Any, watch: bool = False, every: int = live.EVERY, json: bool = False, parallel: int = AT_ONCE
) -> int:
    """Show each uWSGI worker: its memory and both limits, the time left to the soft limit, why it was replaced.

    Growth and reasons come from uWSGI's log on the host. Exit code 2 if a worker is over the soft limit, or if the
    workers cannot be read. Without -H: all hosts of the inventory.
    """
    if watch:
        live.check(every, json=json)
        hosts = chosen(everywhere=True)
        trends = {host.name: nouns.Trend(every=LOG_EVERY) for host in hosts}

        def draw(watched: list[live.Watched[Pools]], width: int) -> Iterator[RenderableType]:
            yield from workers_view.draw([(one.host, one.last) for one in watched if one.last], width)

        live.keep(hosts, context.config, lambda remote, _last: trends[remote.host.name].collect(remote), draw, every)
        return 0
    answers = ask_hosts(context, parallel, nouns.collect, nothing if json else _show)
    if json:
        print_json(by_host(answers, lambda answer: answer.result and nouns.facts(answer.host, answer.result)))
    full = any(one.result and nouns.needs_attention(one.host, one.result) for one in answers)
    return code_of(answers, attention=full)


def _show(answers: list[HostResult[Pools]]) -> None:
    seen = [(one.host, one.result) for one in answers if one.result]
    if seen:
        console.show(*workers_view.draw(seen, console.width()))
