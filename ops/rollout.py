"""Work on several hosts: read in parallel, change in rolling order."""

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

AT_ONCE = 20  # measured in docs/decisions/speed.md
HELD_SECONDS = 2.0  # the longest time that an answer waits for others, to be shown together and in order
Result = TypeVar("Result")


@dataclass(frozen=True)
class HostResult(Generic[Result]):
    """The result of one host, or its error; neither where it was not tried."""

    host: Host
    result: Result | None = None
    error: OperatorError | None = None


Show = Callable[[list[HostResult[Result]], list[Host]], None]


def map_hosts(
    hosts: list[Host],
    ask: Callable[[Host], Result],
    parallel: int = AT_ONCE,
    show: Show[Result] = lambda _answers, _waiting: None,
) -> list[HostResult[Result]]:
    """`ask` every host, `parallel` at once, and return the answers in the order of `hosts`; an error stops no other.

    `show` gets each answer once, new ones together and in the order of `hosts`: when all hosts have answered, or
    when an answer has waited for HELD_SECONDS. Its second argument is the hosts that have not answered yet.
    Ctrl-C ends the wait: the answer of such a host is then the error Interrupted.
    """
    todo, came = deque(hosts), SimpleQueue[HostResult[Result] | BaseException]()
    begun: set[str] = set()

    def work() -> None:
        while todo:
            try:
                host = todo.popleft()
            except IndexError:  # another thread took the last host
                return
            begun.add(host.name)
            try:
                came.put(HostResult(host, result=ask(host)))
            except OperatorError as error:
                came.put(HostResult(host, error=error))
            except BaseException as error:  # noqa: BLE001 - _collect raises it
                came.put(error)

    answers: dict[str, HostResult[Result]] = {}
    shown: set[str] = set()

    def show_new() -> None:
        new = [answers[host.name] for host in hosts if host.name in answers and host.name not in shown]
        shown.update(answer.host.name for answer in new)
        show(new, [host for host in hosts if host.name in begun - answers.keys()])

    try:
        # Daemon threads: after Ctrl-C nothing waits for a silent host; its connection ends with this process.
        for _ in range(min(parallel, len(hosts))):
            Thread(target=work, daemon=True).start()
        _collect(len(hosts), came, answers, show_new)
    except KeyboardInterrupt:
        todo.clear()
        for host in hosts:
            answers.setdefault(host.name, HostResult(host, error=Interrupted(host.name)))
    show_new()
    return [answers[host.name] for host in hosts]


def _collect(
    count: int,
    came: "SimpleQueue[HostResult[Result] | BaseException]",
    answers: dict[str, HostResult[Result]],
    show_new: Callable[[], None],
) -> None:
    """Collect `count` answers; call `show_new` when the first new one has waited for HELD_SECONDS."""
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


def apply_serially(hosts: list[Host], change: Callable[[Host], object]) -> None:
    """`change` one host after the other. The first error is raised, with a note of the hosts that were not tried.

    Ctrl-C raises LeftAtWork.
    """

    def one(host: Host) -> object:
        def pressed(_times: int) -> None:
            raise LeftAtWork(host.name)

        return uninterrupted(lambda: change(host), pressed)

    for number, answer in enumerate(rolling_apply(hosts, one)):
        if answer.error:
            rest = [host.name for host in hosts[number + 1 :]]
            if rest:
                answer.error.add_note(f"  not tried: {', '.join(rest)}")
            raise answer.error


def rolling_apply(
    hosts: list[Host],
    change: Callable[[Host], Result],
    parallel: int = 1,
    interrupt: Callable[[], None] = lambda: None,
) -> list[HostResult[Result]]:
    """`change` the first host alone, then the others, `parallel` at once; after an error, no other host is started.

    The answers are in the order of `hosts`. Hosts in parallel are changed in threads, which Ctrl-C does not reach: it
    calls `interrupt`, starts no other host and waits for the running ones.
    """
    answers = {host.name: HostResult[Result](host) for host in hosts}
    stopped = Event()

    def one(host: Host) -> None:
        if stopped.is_set():
            return
        try:
            answers[host.name] = HostResult(host, result=change(host))
        except OperatorError as error:
            stopped.set()
            answers[host.name] = HostResult(host, error=error)

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
