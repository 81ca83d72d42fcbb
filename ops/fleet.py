"""Several hosts: looked at side by side, changed in rolling order."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from threading import Event
from typing import Generic, TypeVar

from ops.errors import OperatorError
from ops.schema import Host

AT_ONCE = 20  # docs/decisions/speed.md has what was measured
Result = TypeVar("Result")


@dataclass(frozen=True)
class Answer(Generic[Result]):
    """What came of one host: a result, or the error that it ended in; neither where it was not tried."""

    host: Host
    result: Result | None = None
    error: OperatorError | None = None


def ask_all(hosts: list[Host], ask: Callable[[Host], Result], parallel: int = AT_ONCE) -> list[Answer[Result]]:
    """`ask` every host, `parallel` at once; the answers come in the order of `hosts`, and an error stops no other."""

    def one(host: Host) -> Answer[Result]:
        try:
            return Answer(host, result=ask(host))
        except OperatorError as error:
            return Answer(host, error=error)

    if len(hosts) == 1:
        return [one(hosts[0])]
    with ThreadPoolExecutor(parallel) as pool:
        return list(pool.map(one, hosts))


def change_in_turn(hosts: list[Host], change: Callable[[Host], object]) -> None:
    """`change` one host after the other; the first error ends it, and names the hosts that were not tried."""
    for number, answer in enumerate(roll_out(hosts, change)):
        if answer.error:
            rest = [host.name for host in hosts[number + 1 :]]
            if rest:
                answer.error.add_note(f"  not tried: {', '.join(rest)}")
            raise answer.error


def roll_out(
    hosts: list[Host],
    change: Callable[[Host], Result],
    parallel: int = 1,
    interrupt: Callable[[], None] = lambda: None,
) -> list[Answer[Result]]:
    """`change` the first host alone, then the others, `parallel` at once; after an error none is begun any more.

    The answers are in the order of `hosts`. Several at once are changed in threads, which Ctrl-C does not reach:
    `interrupt` is called for it, and then those under way are waited for.
    """
    answers = {host.name: Answer[Result](host) for host in hosts}
    stopped = Event()

    def one(host: Host) -> None:
        if stopped.is_set():
            return
        try:
            answers[host.name] = Answer(host, result=change(host))
        except OperatorError as error:
            stopped.set()
            answers[host.name] = Answer(host, error=error)

    alone = hosts if parallel == 1 else hosts[:1]
    for host in alone:
        one(host)
    if len(alone) < len(hosts):
        with ThreadPoolExecutor(parallel) as pool:
            begun = [pool.submit(one, host) for host in hosts[1:]]
            try:
                wait(begun)
            except KeyboardInterrupt:
                stopped.set()
                interrupt()
            for future in begun:
                future.result()
    return [answers[host.name] for host in hosts]
