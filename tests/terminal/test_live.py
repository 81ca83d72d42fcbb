"""The screen that stays: what is taller than the terminal is cut, says so, and scrolls by keys."""

import os
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pexpect
import pytest
from rich.console import Console
from rich.segment import Segment

from lab.made_up import draw_watched
from ops.errors import Unreachable
from ops.project import PROJECT
from ops.ui.watch import Scroll, Watched, screen
from tests.unit.hosts import host

PROGRAM = textwrap.dedent(
    """
    import contextlib, sys
    from ops.ui import watch
    from tests.unit.hosts import host

    @contextlib.contextmanager
    def connect(host, config):
        yield None

    watch.connect = connect
    lines = [f"line{number};" for number in range(int(sys.argv[1]))]
    watch.keep([host()], None, lambda remote, last: 1, lambda watched, width: iter(lines), 60)
    """
)


@pytest.fixture
def watched(request: pytest.FixtureRequest) -> Iterator["pexpect.spawn[str]"]:
    """Such a screen, of as many lines as the test asks for, on a terminal of 24 lines; q has to end it."""
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment |= {"TERM": "xterm", "LANG": "C.UTF-8", "PYTHONPATH": str(PROJECT)}
    given: dict[str, Any] = {"cwd": str(PROJECT), "env": environment, "encoding": "utf-8", "dimensions": (24, 80)}
    terminal = pexpect.spawn(sys.executable, ["-c", PROGRAM, str(request.param)], timeout=30, **given)
    try:
        yield terminal
        terminal.send("q")
        terminal.expect(pexpect.EOF)
    finally:
        terminal.close()
    assert terminal.exitstatus == 0


@pytest.mark.parametrize("watched", [60], indirect=True)
def test_a_screen_that_is_cut_says_so_and_scrolls(watched: "pexpect.spawn[str]") -> None:
    watched.expect("line0;")
    watched.expect("38 more lines below, 0 above")
    assert "line21;" in watched.before
    assert "line22;" not in watched.before
    for keys, expected in (
        ("\x1b[B", "37 more lines below, 1 above"),
        ("j", "36 more lines below, 2 above"),
        ("k\x1bOA", "38 more lines below, 0 above"),
        (" ", "16 more lines below, 22 above"),
        ("\x1b[5~", "38 more lines below, 0 above"),
        ("G", "line59;.* 0 more lines below, 38 above"),
        ("\x1b[H", "line0;.* 38 more lines below, 0 above"),
    ):
        watched.send(keys)
        watched.expect(f"(?s){expected}")


@pytest.mark.parametrize("watched", [20], indirect=True)
def test_a_screen_that_fits_says_nothing_of_that(watched: "pexpect.spawn[str]") -> None:
    watched.expect("q ends.*line19;")
    watched.send("G ")
    watched.expect("q ends.*line19;")
    assert "more line" not in watched.before + watched.after


def lines(count: int) -> list[list[Segment]]:
    return [[Segment(str(number))] for number in range(count)]


def test_of_a_screen_that_got_shorter_the_end_is_shown() -> None:
    scroll = Scroll()
    scroll.cut(lines(100), 10)
    scroll.press(b"G")
    shown, said = scroll.cut(lines(15), 10)
    assert [line[0].text for line in shown] == ["0", *map(str, range(7, 15))]
    assert "0 more lines below, 6 above" in said
    assert scroll.cut(lines(9), 10) == (lines(9), "")
    assert scroll.top == 0


@pytest.mark.parametrize("typed", [b"x", b"\x1b", b"\x1b[2~", b"\xff\x00", b"\x1b[", b""])
def test_other_keys_do_nothing(typed: bytes) -> None:
    scroll = Scroll()
    scroll.cut(lines(100), 10)
    scroll.press(b"j" + typed)
    assert scroll.top == 1


def test_hosts_lost_for_one_reason_are_one_line() -> None:
    hosts = [Watched[int](host(name=name)) for name in ("web1", "web2", "web3", "web4")]
    for one in hosts[:2]:
        one.lose(Unreachable(one.host.name, "the line was lost\nand more"))
    hosts[3].take(1)
    told = [str(line) for line in screen(hosts, lambda *_: iter(()), 2, 80)]
    assert told[1].startswith("web1, web2: ")
    assert told[1].splitlines()[0].endswith("; retrying)")
    assert told[1].splitlines()[1] == "and more"
    assert [line for line in told if "web3" in line] == ["waiting for web3 ..."]


def test_thirty_hosts_fit_a_small_terminal() -> None:
    terminal = Console(width=80, height=24, color_system=None)
    with terminal.capture() as captured:
        terminal.print(draw_watched(30, 80, 24))
    told = captured.get().splitlines()
    assert len(told) == 24
    assert max(map(len, told)) <= 80
    assert "more lines below" in told[-1]
