"""The screen of --watch: hosts are checked repeatedly, each over one open connection.

A screen that is taller than the terminal scrolls.
"""

import contextlib
import os
import re
import select
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from threading import Event, Thread
from typing import Any, Generic, TypeVar

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.segment import Segment, SegmentLines
from rich.text import Text

from ops.errors import BadInput, OperatorError
from ops.schema import Host
from ops.ssh.session import Remote, connect
from ops.text import age
from ops.ui import console, finding_list

EVERY = 2  # seconds between two checks of a host
LONGEST = 3600  # the largest interval, in seconds
AGAIN = 2.0  # seconds before a lost host is tried again
STALE = 8.0  # seconds beyond the interval, after which a host's silence is shown
TICK = 0.25  # seconds between two reads of the keyboard
CLOSE_SECONDS = 0.5  # seconds for the connections to close

HELP = {
    "watch": "Refresh the screen until q or Ctrl-C; a lost host is marked and tried again. Arrow keys and Space "
    "scroll a screen that is taller than the terminal.",
    "every": "Seconds between two refreshes with --watch.",
}
Seen = TypeVar("Seen")


@dataclass
class Watched(Generic[Seen]):
    """A watched host: its `last` state, `at` what time (since the epoch), and the error if it is lost now."""

    host: Host
    last: Seen | None = None
    at: float = 0.0
    error: OperatorError | None = None
    gone_at: float = 0.0
    changes: int = 0

    def take(self, seen: Seen) -> None:
        """Store a new state."""
        self.last, self.at, self.error, self.changes = seen, time.time(), None, self.changes + 1

    def lose(self, error: OperatorError) -> None:
        """Store the error of a lost host."""
        self.gone_at = self.gone_at if self.error else time.time()
        self.error, self.changes = error, self.changes + 1

    def note(self, every: int) -> str:
        """The age of the shown state, for the operator; empty where it is fresh."""
        silence = time.time() - self.at
        seen = f"seen {age(silence)} ago" if self.at else "not seen yet"
        if self.error:
            return f"GONE, {seen}"
        return seen if silence > every + STALE else ""


_KEY = re.compile(rb"\x1b[\[O][0-9;]*[A-Za-z~]|.", re.DOTALL)  # an escape sequence or one byte
_UP, _DOWN = (b"\x1b[A", b"\x1bOA", b"k"), (b"\x1b[B", b"\x1bOB", b"j", b"\r", b"\n")
_PAGE_UP, _PAGE_DOWN = (b"\x1b[5~", b"b"), (b"\x1b[6~", b" ", b"f")
_FIRST = (b"\x1b[H", b"\x1bOH", b"\x1b[1~", b"g")
_LAST = (b"\x1b[F", b"\x1bOF", b"\x1b[4~", b"G")


@dataclass
class Scroll:
    """The visible part of a screen: it hides `top` lines below the heading, and shows `room` lines."""

    top: int = 0
    room: int = 1
    last: int = 0  # the largest `top`

    def press(self, typed: bytes) -> None:
        """Scroll by these keys."""
        for key in _KEY.findall(typed):
            for keys, where in (
                (_UP, self.top - 1),
                (_DOWN, self.top + 1),
                (_PAGE_UP, self.top - self.room),
                (_PAGE_DOWN, self.top + self.room),
                (_FIRST, 0),
                (_LAST, self.last),
            ):
                if key in keys:
                    self.top = max(0, min(where, self.last))
                    break

    def cut(self, lines: list[list[Segment]], height: int) -> tuple[list[list[Segment]], str]:
        """The lines to show in `height` lines, heading first, and the text of a last line below them.

        That text is "" where all lines fit.
        """
        self.room = max(1, height - 2)
        self.last = max(0, len(lines) - 1 - self.room) if len(lines) > height else 0
        self.top = min(self.top, self.last)
        if not self.last:
            return lines, ""
        below = self.last - self.top
        more = f"{below} more line{'' if below == 1 else 's'}"
        said = f"… {more} below, {self.top} above: arrows, Space, b, g, G scroll"
        return [*lines[:1], *lines[1 + self.top :][: self.room]], said


def check(every: int, *, json: bool) -> None:
    """Raise BadInput where --watch cannot work."""
    if not 1 <= every <= LONGEST:
        raise BadInput(f"--every={every}: must be from 1 to {LONGEST} seconds. Nothing was touched.")
    if json:
        raise BadInput("--watch and --json exclude each other. Nothing was touched.")
    if not console.is_terminal():
        raise BadInput("--watch needs a terminal; a script uses --json. Nothing was touched.")


def keep(
    hosts: list[Host],
    config: Any,
    collect: Callable[[Remote, Any], Seen],
    draw: Callable[[list[Watched[Seen]], int], Iterator[RenderableType]],
    every: int,
) -> None:
    """Draw the hosts after each `collect` at one of them, until q or Ctrl-C.

    `collect` gets the open connection and its own last result; `draw` gets all hosts and the width in columns.
    """
    over = Event()
    watched: list[Watched[Seen]] = [Watched(host) for host in hosts]
    threads = [Thread(target=_follow, args=(one, config, collect, every, over), daemon=True) for one in watched]
    for thread in threads:
        thread.start()
    try:
        with _keys(), Live(console=console.screen(), screen=True, auto_refresh=False) as live:
            drawn: tuple[object, ...] = ()
            scroll, typed = Scroll(), b""
            while not re.search(b"[qQ]", typed):
                scroll.press(typed)
                state = (int(time.time()), live.console.size, scroll.top, *(one.changes for one in watched))
                if state != drawn:
                    drawn = state
                    whole = Group(*screen(watched, draw, every, live.console.width))
                    live.update(shown(whole, scroll, live.console), refresh=True)
                typed = _typed()
    except KeyboardInterrupt:
        pass
    finally:
        over.set()
        end = time.monotonic() + CLOSE_SECONDS
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))


def screen(
    watched: list[Watched[Seen]],
    draw: Callable[[list[Watched[Seen]], int], Iterator[RenderableType]],
    every: int,
    width: int,
) -> Iterator[RenderableType]:
    """One screen: first the errors of lost hosts, then the state of all hosts."""
    yield Text(f"{time.strftime('%H:%M:%S')}, every {every} s; q ends", style="dim")
    gone = {one.host.name: one.gone_at for one in watched if one.error}
    errors = [(one.host, finding_list.finding_of(one.error)) for one in watched if one.error]
    for names, error in finding_list.grouped(errors):
        since = time.strftime("%H:%M:%S", time.localtime(min(gone[name] for name in names)))
        first, *rest = error.found.split("\n")
        found = "\n".join([f"{first} (gone since {since}; retrying)", *rest])
        yield from finding_list.lines([(names, replace(error, found=found))])
    if asked := [one.host.name for one in watched if one.last is None and not one.error]:
        yield Text(f"waiting for {', '.join(asked)} ...", style="dim")
    yield from draw(watched, width)


def shown(whole: RenderableType, scroll: Scroll, screen: Console) -> RenderableType:
    """The part of `whole` that fits on the screen."""
    lines, said = scroll.cut(screen.render_lines(whole, pad=False), screen.height)
    if not said:
        return SegmentLines(lines, new_lines=True)
    encoding = screen.encoding
    said = said.encode(encoding, "replace").decode(encoding)
    return Group(SegmentLines(lines, new_lines=True), Text(said, "reverse", no_wrap=True, overflow="crop"))


def _follow(
    watched: Watched[Seen], config: Any, collect: Callable[[Remote, Any], Seen], every: int, over: Event
) -> None:
    while not over.is_set():
        try:
            with connect(watched.host, config) as remote:
                while not over.is_set():
                    watched.take(collect(remote, watched.last))
                    over.wait(every)
        except OperatorError as error:
            watched.lose(error)
            over.wait(AGAIN)


@contextlib.contextmanager
def _keys() -> Iterator[None]:
    """Read keys without waiting for Enter, and without echo."""
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _typed() -> bytes:
    """The pressed keys, after at most TICK seconds; "q" where the terminal is gone."""
    if not select.select([sys.stdin], [], [], TICK)[0]:
        return b""
    return os.read(sys.stdin.fileno(), 64) or b"q"
