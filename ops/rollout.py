"""Several hosts: looked at side by side, changed in rolling order."""

import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event, Thread
from typing import Generic, TypeVar

from ops.errors import Interrupted, LeftAtWork, OperatorError
from ops.interrupts import uninterrupted
from ops.schema import Host

AT_ONCE = 20  # docs/decisions/speed.md has what was measured
HELD_SECONDS = 2.0  # that an answer waits for the others, so that they are shown together and in their order
Result = TypeVar("Result")


@dataclass(frozen=True)
class Answer(Generic[Result]):
    """What came of one host: a result, or the error that it ended in; neither where it was not tried."""

    host: Host
    result: Result | None = None
    error: OperatorError | None = None


Show = Callable[[list[Answer[Result]], list[Host]], None]


def ask_all(
    hosts: list[Host],
    ask: Callable[[Host], Result],
    parallel: int = AT_ONCE,
    show: Show[Result] = lambda _answers, _waiting: None,
) -> list[Answer[Result]]:
    """`ask` every host, `parallel` at once; the answers come in the order of `hosts`, and an error stops no other.

    `show` gets each answer once, those at hand together and in the order of `hosts`: when all hosts have answered, or
    when one of the answers has waited for HELD_SECONDS. It also gets the hosts that are being asked still.
    Ctrl-C ends the wait: a host that has not answered has the error Interrupted then.
    """
    todo, came = deque(hosts), SimpleQueue[Answer[Result] | BaseException]()
    begun: set[str] = set()

    def work() -> None:
        while todo:
            try:
                host = todo.popleft()
            except IndexError:  # another thread was quicker
                return
            begun.add(host.name)
            try:
                came.put(Answer(host, result=ask(host)))
            except OperatorError as error:
                came.put(Answer(host, error=error))
            except BaseException as error:  # noqa: BLE001 - it is raised where the answers are collected
                came.put(error)

    answers: dict[str, Answer[Result]] = {}
    shown: set[str] = set()

    def show_new() -> None:
        new = [answers[host.name] for host in hosts if host.name in answers and host.name not in shown]
        shown.update(answer.host.name for answer in new)
        show(new, [host for host in hosts if host.name in begun - answers.keys()])

    try:
        # Daemons, since nobody waits at Ctrl-C for a host that does not answer: its line ends with this process.
        for _ in range(min(parallel, len(hosts))):
            Thread(target=work, daemon=True).start()
        _collect(len(hosts), came, answers, show_new)
    except KeyboardInterrupt:
        todo.clear()
        for host in hosts:
            answers.setdefault(host.name, Answer(host, error=Interrupted(host.name)))
    show_new()
    return [answers[host.name] for host in hosts]


def _collect(
    count: int,
    came: "SimpleQueue[Answer[Result] | BaseException]",
    answers: dict[str, Answer[Result]],
    show_new: Callable[[], None],
) -> None:
    """Put what comes into `answers` until there are `count`; `show_new` when the first has waited long enough."""
    due = None
    while len(answers) < count:
        try:
            got = came.get(timeout=None if due is None else max(0.0, due - time.monotonic()))
        except Empty:
            show_new()
            due = None
            continue
        if isinstance(got, BaseException):
            raise got
        answers[got.host.name] = got
        due = due or time.monotonic() + HELD_SECONDS


def change_in_turn(hosts: list[Host], change: Callable[[Host], object]) -> None:
    """`change` one host after the other; the first error ends it, and names the hosts that were not tried.

    Ctrl-C raises LeftAtWork.
    """

    def one(host: Host) -> object:
        def pressed(_times: int) -> None:
            raise LeftAtWork(host.name)

        return uninterrupted(lambda: change(host), pressed)

    for number, answer in enumerate(roll_out(hosts, one)):
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

    def change_others() -> None:
        with ThreadPoolExecutor(parallel) as pool:
            for future in [pool.submit(one, host) for host in hosts[1:]]:
                future.result()

    def pressed(times: int) -> None:
        stopped.set()
        if times == 1:
            Thread(target=interrupt, daemon=True).start()

    if len(alone) < len(hosts):
        uninterrupted(change_others, pressed)
    return [answers[host.name] for host in hosts]
