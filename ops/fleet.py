"""Several hosts at once: looked at side by side, changed one after the other."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

from ops.errors import OperatorError
from ops.schema import Host

AT_ONCE = 10
Result = TypeVar("Result")


@dataclass(frozen=True)
class Answer(Generic[Result]):
    """What came of one host: a result, or the error that it ended in."""

    host: Host
    result: Result | None = None
    error: OperatorError | None = None


def ask_all(hosts: list[Host], ask: Callable[[Host], Result]) -> list[Answer[Result]]:
    """`ask` every host, ten at once; the answers are in the order of `hosts`, and one error stops nobody else."""

    def one(host: Host) -> Answer[Result]:
        try:
            return Answer(host, result=ask(host))
        except OperatorError as error:
            return Answer(host, error=error)

    if len(hosts) == 1:
        return [one(hosts[0])]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, hosts))


def change_in_turn(hosts: list[Host], change: Callable[[Host], object]) -> None:
    """`change` one host after the other; the first error ends it, and names the hosts that were not tried."""
    for number, host in enumerate(hosts):
        try:
            change(host)
        except OperatorError as error:
            rest = [other.name for other in hosts[number + 1 :]]
            if rest:
                error.add_note(f"  not tried: {', '.join(rest)}")
            raise
