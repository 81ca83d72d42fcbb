"""The screen of `workers`: memory as bars with both limits, growth, and why each worker was replaced."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ops.formats.apps import is_main, views
from ops.monitoring.worker_history import (
    MEGABYTE,
    MIN_GROWTH_MB,
    Point,
    growth,
    hours_left,
    no_record,
    span,
    summary,
    why,
)
from ops.monitoring.workers import NEAR_LIMIT, Pools, Worker, WorkerPool
from ops.schema import Host
from ops.text import age
from ops.ui import colours, console
from ops.ui.console import cell

BAR, MIN_BAR = 24, 9  # columns of a bar; its full width is the hard limit
TREND = 16
NUMBERS = (10, 6, 8, 7, 10, 8, 7)  # columns: state, MB, requests, age, growth, the time left, reloads
OVER = 7
WHOLE, ROOMY = 100, 120  # terminal widths from which all columns are shown, and from which gaps are wide
MIN_TREND_MB = 32  # MB from the lowest to the highest mark of a trend, at the least
STATES = {"busy": "cyan", "cheap": "dim", "pause": "yellow"}


class Marks(NamedTuple):
    """The characters of bars and trends."""

    full: str
    empty: str
    limit: str
    levels: str


BLOCKS = Marks("█", "░", "│", "▁▂▃▄▅▆▇█")
ASCII = Marks("#", ".", "|", "_.-=*#")


def marks(encoding: str) -> Marks:
    """The marks that this encoding can write."""
    try:
        "".join(BLOCKS).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def draw(seen: Sequence[tuple[Host, Pools]], width: int) -> Iterator[RenderableType]:
    """A table for each app of each host, and below it what is missing and why."""
    drawn = marks(console.screen().encoding)
    apps = [(view, pools[view.app_name]) for host, pools in seen for view in views(host) if view.app_name in pools]
    for number, (host, pool) in enumerate(apps):
        if number:
            yield ""
        if pool.workers:
            yield _table(host, pool, drawn, width)
            yield from (cell(text) for worker in pool.workers for text in _reloads(worker, host))
        yield from (cell(f"{_title(host)}: {text}") for text in _missing(host, pool))


def _title(view: Host) -> str:
    return view.name if is_main(view) else f"{view.name} {view.app_name}"


def _missing(host: Host, pool: WorkerPool) -> Iterator[str]:
    if pool.problem:
        yield f"!the state of the workers is unknown: {pool.problem}"
    elif pool.log_problem:
        yield f"no growth and no reasons: its log: {pool.log_problem}"
    elif no_record(host):
        yield f"no growth is shown: {no_record(host)}"


class Layout(NamedTuple):
    """The widths of a bar and a trend (0: none), blanks between columns, and whether all columns are shown."""

    bar: int
    trend: int
    gap: int
    whole: bool


def layout(name: str, width: int) -> Layout:
    """The layout of host `name`'s table in `width` columns: bars and trends get the space that numbers leave."""
    whole, gap = width >= WHOLE, 2 if width >= ROOMY else 1
    numbers = max(len(name), 10) + sum(NUMBERS) + (OVER + gap if whole else 0) + gap * len(NUMBERS)
    room = width - numbers - gap
    bar = min(BAR, max(MIN_BAR, room * 3 // 5 if whole else room))
    return Layout(bar, min(TREND, max(0, room - bar)) if whole else 0, gap, whole)


def _table(host: Host, pool: WorkerPool, drawn: Marks, width: int) -> Table:
    limits = [str(limit or "-") for limit in (host.uwsgi.reload_on_as, host.uwsgi.evil_reload_on_as)]
    shape = layout(_title(host), width)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, shape.gap, 0, 0))
    for heading in (_title(host), "state", f"MB of {'/'.join(limits)}"):
        table.add_column(heading, no_wrap=True)
    trends, spans = ["trend"] * bool(shape.trend), ["over"] * shape.whole
    for heading in ("requests", "age", *trends, "growth", *spans, "limit in", "reloads"):
        table.add_column(heading, justify="right", no_wrap=True)
    for worker in pool.workers:
        table.add_row(*_cells(worker, host, drawn, shape))
    return table


def _cells(worker: Worker, host: Host, drawn: Marks, shape: Layout) -> Iterator[Text]:
    soft, hard, size = host.uwsgi.reload_on_as, host.uwsgi.evil_reload_on_as, worker.size // MEGABYTE
    yield Text(f"{worker.id}  {worker.pid}" if worker.runs else f"{worker.id}")
    yield _state(worker)
    measured = worker.runs and size
    full = hard or soft  # with one limit, the bar ends there; without any there is none
    filled = bar(size, (soft or full, full), drawn, shape.bar) if measured and full else Text("")
    yield filled.append(f" {size:>5}", _style(size, soft)) if measured else filled
    yield Text(f"{worker.requests:,}")
    yield Text(age(worker.age) if worker.runs else "")
    if shape.trend:
        yield Text(trend(worker.record, drawn, shape.trend) if worker.runs else "", "cyan")
    rate, over, left = _growth(worker, soft) if worker.runs else (Text(""), Text(""), Text(""))
    yield rate
    if shape.whole:
        yield over
    yield left
    yield Text(str(worker.reloads))


def _state(worker: Worker) -> Text:
    busy = f" {worker.busy_cores}/{worker.cores}" if worker.runs and worker.busy_cores else ""
    return Text(worker.state + busy, STATES.get(worker.state, ""))


def _style(size: int, soft: int | None) -> str:
    if soft is None:
        return colours.OK
    return colours.BOLD_ERROR if size >= soft else colours.WARNING if size >= soft * NEAR_LIMIT else colours.OK


def bar(size: int, limits: tuple[int, int], drawn: Marks, width: int = BAR) -> Text:
    """A bar for `size` up to the hard limit, with a mark at the soft limit; all in MB."""
    soft, hard = limits
    filled = min(width, round(width * size / hard))
    limit = min(width - 1, round(width * soft / hard))
    text = Text(drawn.full * filled + drawn.empty * (width - filled), _style(size, soft))
    text = Text.assemble(text[:limit], (drawn.limit, "bold"), text[limit + 1 :])
    text.stylize("dim", max(filled, limit + 1))
    return text


def trend(record: Sequence[Point], drawn: Marks, width: int = TREND) -> str:
    """The record in `width` columns, the newest at the right; the lowest mark is the smallest size."""
    if len(record) < 2:
        return ""
    first, last = record[0].time, record[-1].time
    slots: dict[int, float] = {}
    for point in record:
        slots[int((point.time - first) / ((last - first) or 1) * (width - 1))] = point.size
    low = min(slots.values())
    high = max(*slots.values(), low + MIN_TREND_MB * MEGABYTE)
    text, size = "", record[0].size
    for slot in range(width):
        size = slots.get(slot, size)
        text += drawn.levels[round((size - low) / (high - low) * (len(drawn.levels) - 1))]
    return text


def _growth(worker: Worker, soft: int | None) -> tuple[Text, Text, Text]:
    """The growth per hour, the time span it covers, and the time left to the soft limit."""
    rate, left = growth(worker.record), hours_left(worker.size, soft, worker.record)
    soon = Text("") if left is None else Text(age(left * 3600), colours.WARNING if left < 1 else "")
    if left == 0:
        soon = Text("now", colours.BOLD_ERROR)
    if rate is None:
        return Text("not yet", "dim"), Text(""), soon
    said = f"{rate / MEGABYTE:+.0f} MB/h" if abs(rate) >= MIN_GROWTH_MB * MEGABYTE else "none"
    return Text(said), Text(age(span(worker.record)), "dim"), soon


def _reloads(worker: Worker, host: Host) -> Iterator[str]:
    """Why it was replaced, as far as the log still says; nothing for a worker that was not replaced."""
    if worker.reloads:
        last = (
            f"{why(worker.last, host)}; in all: {summary(worker.reasons, host)}" if worker.last else "not in the log"
        )
        yield f"worker {worker.id} was last replaced: {last}"
