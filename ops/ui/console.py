"""Output to the operator: text with control characters escaped, tables, coloured diffs, yes-no questions."""

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

from ops.secrets.masking import masked
from ops.secrets.redaction import Line, comparison
from ops.text import escape_control_chars
from ops.ui import colours

if TYPE_CHECKING:  # rich is loaded only to draw: loading it takes as long as a login
    from rich.console import Console, RenderableType
    from rich.text import Text

STYLES = {"+": "green", "-": "red", "@": "cyan"}


_PADDING = re.compile(r" +((?:\x1b\[[0-9;]*m)*)$")  # blanks at the end of a line, before codes that end its colour
LAST_COLUMN = 40  # the minimum width of a table's last column, in characters


def say(text: str = "", style: str = "", *, err: bool = False) -> None:
    """Print `text`, control characters escaped and secrets masked, on standard output or (`err`) standard error."""
    words, stream = escape_control_chars(masked(text)), _stream(err)
    if not stream.isatty():
        print(words, file=stream, flush=True)
        return
    from rich.text import Text

    screen(err).print(Text(words, style=style), soft_wrap=True)


def log_line(label: str, text: str, style: str) -> None:
    """Print a line of a log at once, like `say`; on a terminal, `text` gets its style."""
    shown = (escape_control_chars(masked(label)), escape_control_chars(masked(text)))
    if sys.stdout.isatty():
        from rich.text import Text

        screen().print(Text.assemble((shown[0], "cyan"), " | ", (shown[1], style)), soft_wrap=True)
    else:  # without rich: there may be very many lines
        print(" | ".join(shown), file=_stream(), flush=True)


@contextlib.contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar while entered, only on a terminal; call the yielded function with (bytes done, bytes in all)."""
    from ops.ui.progress import transfer_bar

    bar = transfer_bar(_stream(err=True))
    with bar:
        task = bar.add_task(escape_control_chars(label), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def get_ready() -> None:
    """Load the modules that draw a table, while the hosts are being waited for."""
    import rich.table  # noqa: F401 - loaded early

    import ops.ui.terminal  # noqa: F401 - loaded early


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; a cell that begins with '!' is marked as an error.

    Only the last column wraps: a name that is split cannot be copied.
    """
    from rich.table import Table

    cells = [[cell(text) for text in row] for row in rows]
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    widths = [max([len(head), *(row[n].cell_len for row in cells)]) for n, head in enumerate(headings)]
    for heading, width in zip(headings[:-1], widths[:-1], strict=True):
        drawn.add_column(heading, min_width=width)
    drawn.add_column(headings[-1], overflow="fold")
    for row in cells:
        drawn.add_row(*row)
    console = screen()
    # On a narrow terminal, lines wrap: better than truncated names.
    console.width = max(console.width, sum(widths[:-1]) + 2 * len(widths) + min(widths[-1], LAST_COLUMN))
    _print(console, drawn)


def show(*drawn: "RenderableType") -> None:
    """Print what `rich` draws; control characters in its texts must already be escaped, as `cell` does."""
    from rich.console import Group

    _print(screen(), Group(*drawn))


def width() -> int:
    """The columns of the terminal."""
    return screen().width


def print_lines(lines: Iterable[tuple[str, str]]) -> None:
    """Print lines, each (text, style), on standard output."""
    for text, style in lines:
        say(text, style)


def styled(lines: Iterable[tuple[str, str]]) -> str:
    """The lines as one text for a terminal, with their colours."""
    from rich.text import Text

    console = screen()
    with console.capture() as captured:
        for text, style in lines:
            console.print(Text(escape_control_chars(masked(text)), style=style), soft_wrap=True)
    return captured.get()


def height_of(lines: Iterable[tuple[str, str]]) -> int:
    """The number of lines that they take on this terminal, where long ones wrap."""
    from rich.cells import cell_len

    columns = width()
    return sum(max(1, -(-cell_len(escape_control_chars(text)) // columns)) for text, _ in lines)


def height() -> int:
    """The number of lines of the terminal."""
    return screen().height


def styled_diff(lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The lines of a diff, indented, each as (text, style)."""
    return ((f"  {line}", STYLES.get(line[:1], "")) for line in lines)


def diff_lines(before: list[Line], after: list[Line]) -> Iterator[str]:
    """A unified diff without its heading, with two lines of context.

    Masked values are compared, but not shown.
    """
    compared = comparison([line.text for line in before], [line.text for line in after])
    for group in compared.get_grouped_opcodes(2):
        yield f"@@ -{_range(group[0][1], group[-1][2])} +{_range(group[0][3], group[-1][4])} @@"
        for kind, first, last, start, end in group:
            if kind == "equal":
                pairs = zip(before[first:last], after[start:end], strict=True)
                yield from (f" {_hidden_on_any_side(*pair)}" for pair in pairs)
            else:
                yield from (f"-{line.shown}" for line in before[first:last])
                yield from (f"+{line.shown}" for line in after[start:end])


def _hidden_on_any_side(before: Line, after: Line) -> str:
    return before.shown if before.shown != before.text else after.shown


def _range(first: int, last: int) -> str:
    """A range of lines in the notation of a unified diff: the first, counted from 1, and how many."""
    return f"{first + 1 if last > first else first},{last - first}".removesuffix(",1")


ANSWERS = {"y": "yes", "n": "no", "a": "all"}


def choose(question: str, letters: str) -> str:
    """Ask on the terminal until one of these letters is given; an empty line or end of file is "n"."""
    shown = "/".join(letter.upper() if letter == "n" else letter for letter in letters)
    while True:
        try:
            answer = input(f"{question} [{shown}] ").strip().lower()
        except EOFError:
            print()
            return "n"
        for letter in letters:
            if answer in (letter, ANSWERS[letter]):
                return letter
        if not answer:
            return "n"


def confirm(question: str) -> bool:
    """Whether the answer is yes."""
    return choose(question, "yn") == "y"


def is_terminal() -> bool:
    """Whether somebody can answer a question here."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def cell(text: str) -> "Text":
    """`text` with control characters escaped, marked as an error where it begins with '!'."""
    from rich.text import Text

    text = escape_control_chars(masked(text))
    return Text(text.removeprefix("!"), style=colours.BOLD_ERROR if text.startswith("!") else "")


def _print(console: "Console", drawn: "RenderableType") -> None:
    with console.capture() as captured:
        console.print(drawn)
    for line in captured.get().splitlines():
        print(_PADDING.sub(r"\1", line))


def screen(err: bool = False) -> "Console":
    """rich's console for standard output or standard error."""
    # Created at each call: tests and pipes replace the streams.
    from ops.ui.terminal import console_on

    return console_on(_stream(err))


def _stream(err: bool = False) -> TextIO:
    stream = sys.stderr if err else sys.stdout
    if isinstance(stream, io.TextIOWrapper):  # a character that its encoding lacks is escaped, and raises no error
        stream.reconfigure(errors="backslashreplace")
    return stream
