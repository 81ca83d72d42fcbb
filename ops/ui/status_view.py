"""The screen of `status`: findings at the top; below them every host as a column, or many hosts as rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import RenderableType
from rich.table import Table

from ops.errors import OperatorError
from ops.formats.apps import is_main, views
from ops.formats.web_program import web_program
from ops.monitoring.certificates import KINDS
from ops.monitoring.health import CANNOT_SEE, Health
from ops.monitoring.status_findings import assess, is_edited
from ops.monitoring.versions import by_program
from ops.monitoring.worker_history import MEGABYTE, limits, reaches
from ops.schema import Host
from ops.text import age
from ops.ui import finding_list, host_rows
from ops.ui.console import cell

GAP = 2  # columns
MOST_COLUMNS = 5  # hosts as columns; with more hosts, each is a row


@dataclass(frozen=True)
class Seen:
    """The state of each host, the errors of hosts that could not be asked, and `notes` beside hosts' names."""

    hosts: Sequence[tuple[Host, Health]]
    errors: Sequence[tuple[Host, OperatorError]] = ()
    notes: Mapping[str, str] = field(default_factory=dict)


def draw(seen: Seen, width: int, *, rows: bool = False) -> Iterator[RenderableType]:
    """The findings and the state of these hosts, in `width` columns; each host is a column, or with `rows` a row."""
    found = [(host, finding_list.finding_of(error)) for host, error in seen.errors]
    found += [(host, finding) for host, health in seen.hosts for finding in assess(host, health)]
    yield from finding_list.lines(finding_list.grouped(found))
    if found and seen.hosts:
        yield ""
    if rows and seen.hosts:
        yield host_rows.draw(seen.hosts, width, seen.notes)
    else:
        yield from _side_by_side(seen, width)


def _side_by_side(seen: Seen, width: int) -> Iterator[Table]:
    titles = {host.name: " ".join([host.name, *filter(None, [seen.notes.get(host.name)])]) for host, _ in seen.hosts}
    yield from _columns([(titles[host.name], dict(_cells(host, health))) for host, health in seen.hosts], width)


def _columns(hosts: list[tuple[str, dict[str, str]]], width: int) -> Iterator[Table]:
    """Tables one below the other, each with as many hosts as fit."""
    labels = list(dict.fromkeys(label for _, cells in hosts for label in cells))
    used = max(map(len, labels), default=0)
    rest = list(hosts)
    while rest:
        taken: list[tuple[str, dict[str, str]]] = []
        room = width - used
        while rest and (not taken or room >= _needed(rest[0])):
            room -= _needed(rest[0])
            taken.append(rest.pop(0))
        table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, GAP, 0, 0))
        table.add_column("", style="dim", min_width=used, no_wrap=True)
        for name, _ in taken:
            table.add_column(name, overflow="fold")
        for label in labels:
            if any(label in cells for _, cells in taken):
                table.add_row(label, *(cell(cells.get(label, "")) for _, cells in taken))
        yield table


def _needed(host: tuple[str, dict[str, str]]) -> int:
    name, cells = host
    return max(len(name), *(len(text) for text in cells.values())) + GAP


def _cells(host: Host, health: Health) -> Iterator[tuple[str, str]]:
    """Each label with the cell in the host's column; '!' before an error, as in `console.cell`."""
    yield from _release(health)
    yield from _version(host, health)
    yield from _validation(host, health)
    yield from _services(health)
    yield from _programs(health)
    for view in [view for view in views(host) if web_program(view)]:
        of_one = [*_through_apache(view, health), *_workers(view, health)]
        yield from of_one if is_main(view) else [(f"{label} of {view.app_name}", text) for label, text in of_one]
    first = health.ending[:1]
    due = first and first[0].is_due(host.certificates.warn_days)
    yield "certificates", "none found" if not first else _mark(due, f"{first[0].describe()}: {KINDS[first[0].kind]}")
    wrong = [finding.found for finding in assess(host, health) if finding.what == "disk"]
    fullest = max(health.vitals.disks, key=lambda disk: disk.used, default=None)
    if fullest:
        yield "disk", _mark(bool(wrong), f"{fullest.used} % of {fullest.mount}, {_room(fullest.free)} free")


def _release(health: Health) -> Iterator[tuple[str, str]]:
    release, old = health.release, health.release_age
    if release is None:
        yield "release", "none yet"
        return
    yield "release", release.name
    made = f"{age(old)} ago" if old is not None else ""
    who = release.facts.get("by", "")
    if who.startswith("key ") or not who:  # a fingerprint is no name
        who = release.facts.get("operator", "?")
    yield "deployed", f"{made} by {who}".strip()
    if health.snapshot.unfinished:
        yield "drift", "!a deploy died half-way"
    else:
        edited = [one for one in health.drift if is_edited(one)]
        yield "drift", _mark(edited, f"yes, in {len(health.drift)} of the files" if health.drift else "no")


def _version(host: Host, health: Health) -> Iterator[tuple[str, str]]:
    """The version of the app that runs, and the one that is wanted, if they differ."""
    state = health.snapshot.software
    if host.software and state:
        runs = ", ".join(sorted(set(by_program(state.running).values()))) or "nothing runs"
        wanted = host.software.version
        yield "version", runs if runs == wanted else f"!{runs}; {wanted} is wanted"


def _validation(host: Host, health: Health) -> Iterator[tuple[str, str]]:
    """How far Apache's files were validated, and the minimum with its reason."""
    if health.validated:
        yield "validation", health.validated.facts["validation"]
    if host.deploy.validation_reason:
        yield "at least", f"{host.deploy.validation}: {host.deploy.validation_reason}"


def _services(health: Health) -> Iterator[tuple[str, str]]:
    vitals = health.vitals
    for label, name in (("Apache", "apache"), ("shibd", "shibd")):
        found = vitals.processes.get(name)
        closed = [str(port) for port, accepts in vitals.ports.items() if not accepts and name == "apache"]
        serves = vitals.shibd_listens if name == "shibd" else vitals.ports and not closed
        if closed and (found or len(closed) < len(vitals.ports) or name not in vitals.processes):
            yield label, f"!accepts no connections on {', '.join(closed)}"
        elif found:
            yield label, f"up {age(found[1])}"
        elif name not in vitals.processes:
            yield label, f"{'answers' if serves else 'unknown'}: {CANNOT_SEE}"
        else:
            yield label, "another program answers" if serves else "!does not run"
    if vitals.maintenance:
        yield "maintenance", vitals.maintenance.describe(vitals.now)
    for standby in vitals.standbys:
        yield "standby", f"since {age(standby.age)}, ends by itself within {age(standby.ends_within)}"


def _programs(health: Health) -> Iterator[tuple[str, str]]:
    report = health.report
    words = {
        "up": f"up, process {report.pid}",
        "down": "!not running",
        "deaf": "!its socket file is missing",
        "silent": "!does not answer",
        "elsewhere": "!on another socket",
        "refuses": "!cannot be asked",
        "unknown": "!unknown",
    }
    yield "supervisord", "!killed" if report.orphans else words[report.supervisord]
    for program in report.programs:
        if program.state == "STOPPED":
            told = program.detail if program.stopped_ago is None else f"stopped {age(program.stopped_ago)} ago"
        elif program.uptime:
            told = f"{program.state} {age(program.uptime)}, process {program.pid}"
        else:
            told = program.state
        yield program.name, _mark(program.needs_attention or program.flaps, told)


def _through_apache(host: Host, health: Health) -> Iterator[tuple[str, str]]:
    """Whether Apache reaches the app; nothing for an app that does not answer on its own socket."""
    words = {
        "ok": "answers through Apache",
        "failed": "!not reached by Apache",
        "unknown": "unknown through Apache",
        "not-asked": "not checked through Apache",
    }
    app = health.of_app(host)
    if not app.problem:
        yield "app", words[app.through_apache.state]


def _workers(host: Host, health: Health) -> Iterator[tuple[str, str]]:
    pool = health.of_app(host).pool
    if pool.problem:
        yield "workers", "unknown"
        return
    counts = {state: pool.count(state) for state in ("busy", "idle", "cheap", "pause")}
    yield "workers", ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    yield "requests", f"{sum(worker.requests for worker in pool.workers):,}"
    largest = pool.largest()
    if largest:
        told = f"{largest.size // MEGABYTE} MB of {limits(host)}"
        yield "largest worker", _mark(reaches(largest.size, host.uwsgi.reload_on_as), told)
    if queue := health.of_app(host).queue:
        waiting, room = queue
        refused = f", was full {pool.queue_errors} times" if pool.queue_errors else ""
        yield "listen queue", _mark(bool(room) and waiting * 2 >= room, f"{waiting} of {room}{refused}")


def _mark(wrong: object, text: str) -> str:
    return f"!{text}" if wrong else text


def _room(kilobytes: int) -> str:
    return f"{kilobytes // 1024} MB" if kilobytes < 10 * MEGABYTE else f"{kilobytes // MEGABYTE} GB"
