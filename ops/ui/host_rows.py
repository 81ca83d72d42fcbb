"""Many hosts on one screen: each a row of short cells, those that need attention first."""

from collections.abc import Iterable, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from ops.formats.apps import views
from ops.formats.web_program import web_program
from ops.monitoring.findings import ERROR, Finding
from ops.monitoring.health import Health
from ops.monitoring.status_findings import SERVER_ERROR, assess, is_edited
from ops.monitoring.worker_history import MEGABYTE, reaches
from ops.schema import Host
from ops.services.supervisord_state import UP
from ops.text import age
from ops.ui import colours
from ops.ui.console import cell

# Each column, and the findings that it shows.
COLUMNS = {
    "release": ("release", "deploy", "validation"),
    "drift": ("drift",),
    "Apache": ("Apache", "shibd", "maintenance"),
    "programs": ("supervisord", "program"),
    "workers": ("app", "standby", "workers", "worker", "listen queue"),
    "certs": ("certificates",),
    "disk": ("disk",),
}
MIN_NAME_WIDTH, MIN_NOTE_WIDTH = 12, 10  # the minimum widths of a host's name and its note, in columns
GAPS = (2, 1)  # columns; the second on a terminal too narrow for the first


def draw(seen: Sequence[tuple[Host, Health]], width: int, notes: Mapping[str, str]) -> Table:
    """The hosts as rows in `width` columns: "!" marks an error, "-" what does not apply.

    `notes` is host name to a text beside it.
    """
    rows = [(host, health, assess(host, health)) for host, health in seen]
    rows.sort(key=lambda row: _urgency(row[2], notes.get(row[0].name)))
    cells = [
        [Text(host.name, _style(found)), *_cells(host, health, found), cell(notes.get(host.name, ""))]
        for host, health, found in rows
    ]
    headings = ["host", *COLUMNS, ""]
    widths = [max([len(head), *(row[n].cell_len for row in cells)]) for n, head in enumerate(headings)]
    used = [number for number, head in enumerate(headings) if head or any(row[number] for row in cells)]
    needed = sum(widths[number] for number in used)
    gap = next((gap for gap in GAPS if needed + gap * (len(used) - 1) <= width), GAPS[-1])
    over = max(0, needed + gap * (len(used) - 1) - width)
    for number, minimum in ((len(headings) - 1, MIN_NOTE_WIDTH), (0, MIN_NAME_WIDTH)):
        cut = min(over, max(0, widths[number] - minimum))
        widths[number] -= cut
        over -= cut
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, gap, 0, 0))
    for number in used:
        table.add_column(headings[number], width=widths[number], overflow="fold")
    for row in cells:
        table.add_row(*(row[number] for number in used))
    return table


def _urgency(found: Iterable[Finding], note: str | None) -> int:
    levels = [finding.level for finding in found]
    return 0 if ERROR in levels else 1 if note else 2 if levels else 3


def _style(found: Sequence[Finding]) -> str:
    return colours.BOLD_ERROR if any(one.level == ERROR for one in found) else colours.WARNING if found else ""


def _cells(host: Host, health: Health, found: Sequence[Finding]) -> list[Text]:
    texts = (
        _release(health),
        _drift(health),
        _apache(health),
        _programs(health),
        _workers(host, health, found),
        _certificates(health),
        _disk(health),
    )
    return [_cell(text, _of(found, names)) for text, names in zip(texts, COLUMNS.values(), strict=True)]


def _of(found: Sequence[Finding], names: tuple[str, ...]) -> list[Finding]:
    """The findings of one column; "program web" is about a program, "workers of agent" about an app's workers."""
    subjects = [(one, one.what.partition(" of ")[0]) for one in found]
    return [one for one, what in subjects if what in names or what.partition(" ")[0] in names]


def _cell(text: str, found: Sequence[Finding]) -> Text:
    wrong = any(one.level == ERROR for one in found)
    drawn = cell(f"!!{text}" if wrong else text)  # the first mark makes it red, the second is shown
    if found and not wrong:
        drawn.stylize(colours.WARNING)
    return drawn


def _release(health: Health) -> str:
    if health.snapshot.unfinished:
        return "half-way"
    if health.snapshot.lock and health.snapshot.bake:
        return "on trial"
    if health.snapshot.lock:
        return "in progress"
    if health.release is None:
        return "elsewhere" if health.snapshot.elsewhere else "none"
    return "?" if health.release_age is None else age(health.release_age)


def _drift(health: Health) -> str:
    edited = sum(is_edited(one) for one in health.drift)
    if health.release is None:
        return "-"
    return f"{edited} edited" if edited else f"{len(health.drift)} to do" if health.drift else "no"


def _apache(health: Health) -> str:
    vitals = health.vitals
    closed = [str(port) for port, accepts in vitals.ports.items() if not accepts]
    found = vitals.processes.get("apache")
    if closed:
        return f"no {closed[0]}" if len(closed) < len(vitals.ports) else "down"
    if vitals.maintenance and vitals.closed:
        return "maintenance"
    failed = [status for status in vitals.pages.values() if status >= SERVER_ERROR]
    if failed:
        return f"gives {failed[0]}"
    if vitals.configtest:
        return "bad files"
    if not vitals.shibd_listens and vitals.processes.get("shibd", ()) is None:
        return "no shibd"
    return age(found[1]) if found else "answers" if vitals.ports else "?"


def _programs(health: Health) -> str:
    report = health.report
    if report.supervisord != UP or report.orphans:
        return "killed" if report.orphans else report.supervisord
    runs = sum(bool(one.uptime) for one in report.programs)
    return f"{runs}/{len(report.programs)} up" if runs < len(report.programs) else f"{runs} up"


def _workers(host: Host, health: Health, found: Sequence[Finding]) -> str:
    """Of all apps together: the worst of them, or how many of their workers are busy."""
    served = [view for view in views(host) if web_program(view)]
    seen = [health.of_app(view) for view in served]
    if not served:
        return "-"
    if any(app.problem for app in seen):  # if its program does not run, only that is a finding
        return "no answer" if _of(found, ("app",)) else "none"
    if any(app.pool.problem for app in seen):
        return "?"
    for view, app in zip(served, seen, strict=True):
        largest = app.pool.largest()
        if largest and reaches(largest.size, view.uwsgi.reload_on_as):
            return f"{largest.size // MEGABYTE} MB"
    busy, running = sum(app.pool.count("busy") for app in seen), sum(w.runs for app in seen for w in app.pool.workers)
    waiting = sum((app.queue or (0, 0))[0] for app in seen)
    return f"{busy}/{running} busy" + (f", {waiting} wait" if waiting else "")


def _certificates(health: Health) -> str:
    first = health.ending[:1]
    if not first:
        return "none"
    days, problem = first[0].days, first[0].problem
    return "bad" if problem else "no expiry" if days is None else "expired" if days < 0 else f"{int(days)} d"


def _disk(health: Health) -> str:
    used = [disk.used for disk in health.vitals.disks]
    return f"{max(used)} %" if used else "?"
