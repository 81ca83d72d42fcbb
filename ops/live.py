"""A screen that stays: hosts are looked at again and again, each over one line that is held open."""

import contextlib
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Generic, TypeVar

from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from ops import console
from ops.connection import Remote, connect
from ops.errors import BadInput, OperatorError
from ops.schema import Host

EVERY = 2  # seconds between two looks
LONGEST = 3600
AGAIN = 2.0  # seconds until a host that went away is tried again
STALE = 8.0  # seconds beyond the interval after which a host's silence is told
TICK = 0.25  # seconds between two looks at the keyboard
FAREWELL = 0.5  # seconds that the lines get to close

HELP = {
    "watch": "Keep it on the screen until q or Ctrl-C; a host that goes away shows so, and comes back.",
    "every": "Seconds between two looks of --watch.",
}
Seen = TypeVar("Seen")


@dataclass
class Watched(Generic[Seen]):
    """A host under watch: the `last` that was seen of it, when, and the error by which it is gone now."""

    host: Host
    last: Seen | None = None
    at: float = 0.0
    error: OperatorError | None = None
    gone_at: float = 0.0
    changes: int = 0

    def take(self, seen: Seen) -> None:
        """It was seen."""
        self.last, self.at, self.error, self.changes = seen, time.time(), None, self.changes + 1

    def lose(self, error: OperatorError) -> None:
        """It is gone."""
        self.gone_at = self.gone_at if self.error else time.time()
        self.error, self.changes = error, self.changes + 1

    def note(self, every: int) -> str:
        """What the operator has to know of the age of all this; empty where it is fresh."""
        silence = time.time() - self.at
        seen = f"seen {console.age(silence)} ago" if self.at else "not seen yet"
        if self.error:
            return f"GONE, {seen}"
        return seen if silence > every + STALE else ""


def check(every: int, *, json: bool) -> None:
    """Raise BadInput where nothing can be kept on a screen."""
    if not 1 <= every <= LONGEST:
        raise BadInput(f"--every={every}: must be from 1 to {LONGEST} seconds. Nothing was touched.")
    if json:
        raise BadInput("--watch draws on a terminal, --json prints once: one of the two. Nothing was touched.")
    if not console.is_terminal():
        raise BadInput("--watch needs a terminal. For a script: --json, as often as it likes. Nothing was touched.")


def keep(
    hosts: list[Host],
    config: Any,
    look: Callable[[Remote, Any], Seen],
    draw: Callable[[list[Watched[Seen]], int], Iterator[RenderableType]],
    every: int,
) -> None:
    """Draw what `look` sees of the hosts, anew after each look, until q or Ctrl-C.

    `look` gets the open line and what it saw the last time; `draw` gets all hosts and the columns there are.
    """
    over = Event()
    watched: list[Watched[Seen]] = [Watched(host) for host in hosts]
    threads = [Thread(target=_follow, args=(one, config, look, every, over), daemon=True) for one in watched]
    for thread in threads:
        thread.start()
    try:
        with _keys(), Live(console=console.screen(), screen=True, auto_refresh=False) as live:
            drawn: tuple[object, ...] = ()
            while not _asked_to_end():
                state = (int(time.time()), live.console.size, *(one.changes for one in watched))
                if state != drawn:
                    drawn = state
                    live.update(Group(*screen(watched, draw, every, live.console.width)), refresh=True)
    except KeyboardInterrupt:
        pass
    finally:
        over.set()
        end = time.monotonic() + FAREWELL
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))


def screen(
    watched: list[Watched[Seen]],
    draw: Callable[[list[Watched[Seen]], int], Iterator[RenderableType]],
    every: int,
    width: int,
) -> Iterator[RenderableType]:
    """One such screen: what is to be said of hosts that are not there, then what is seen of the others."""
    yield Text(f"{time.strftime('%H:%M:%S')}, every {every} s; q ends", style="dim")
    for one in watched:
        if one.error:
            since = time.strftime("%H:%M:%S", time.localtime(one.gone_at))
            lines = str(one.error).splitlines()
            said = console.cell(f"{lines[0]} (gone since {since}; it is tried again)")
            said.stylize("bold red")
            yield said
            yield from (console.cell(line) for line in lines[1:])
        elif one.last is None:
            yield Text(f"{one.host.name}: being asked ...", style="dim")
    yield from draw(watched, width)


def _follow(
    watched: Watched[Seen], config: Any, look: Callable[[Remote, Any], Seen], every: int, over: Event
) -> None:
    while not over.is_set():
        try:
            with connect(watched.host, config) as remote:
                while not over.is_set():
                    watched.take(look(remote, watched.last))
                    over.wait(every)
        except OperatorError as error:
            watched.lose(error)
            over.wait(AGAIN)


@contextlib.contextmanager
def _keys() -> Iterator[None]:
    """Keys come as they are pressed, and are not shown."""
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _asked_to_end() -> bool:
    """Whether q was pressed, or the terminal is gone; waits for a key for a moment."""
    if not select.select([sys.stdin], [], [], TICK)[0]:
        return False
    typed = os.read(sys.stdin.fileno(), 64)
    return not typed or b"q" in typed.lower()
