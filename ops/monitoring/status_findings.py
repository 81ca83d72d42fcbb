"""The findings on a host: what is wrong and what to do, derived from `ops/monitoring/health.py`. Pure."""

from collections.abc import Iterator
from dataclasses import replace

from ops.deploy import bake
from ops.deploy.drift import EDITED, GONE, NOT_DEPLOYED, TEMPLATE, Drift
from ops.deploy.files_not_reloaded import pending_reads
from ops.formats.apps import views
from ops.formats.processes import all_names
from ops.formats.start_program import start_program_path
from ops.formats.web_program import web_process
from ops.inventory.validation_levels import is_less
from ops.monitoring import door_findings, maintenance_findings, workers
from ops.monitoring.certificates import KINDS
from ops.monitoring.doctor import MIN_DISK_KB, MIN_INODES
from ops.monitoring.findings import ERROR, WARNING, Finding, of_app
from ops.monitoring.health import CANNOT_SEE, MOST_WAITING, Health
from ops.monitoring.versions import assess_versions
from ops.monitoring.worker_history import MEGABYTE, reaches, why
from ops.schema import Host
from ops.services import supervisord_survival
from ops.services.supervisord import ProgramState
from ops.services.supervisord_state import DOWN, Supervisord, trouble
from ops.text import age

FULL_DISK = 95  # percent
FULL_QUEUE = 0.5  # of the listen queue
SERVER_ERROR = 500  # the lowest HTTP status of a server error


def assess(host: Host, health: Health) -> list[Finding]:
    """What needs attention: ERROR, or WARNING, which changes no exit code."""
    checks = (
        *(_programs, _app, _standbys, _apache, _maintenance, _configtest, _shibd, _workers, _replaced, _queue),
        *(_disk, _release, _versions, _validation, _certificates),
    )
    pairs = [(check, view) for check in checks for view in (views(host) if check in OF_EACH_APP else [host])]
    found = [of_app(view, finding) for view in views(host) for finding in door_findings.open_sockets(view)]
    return found + [of_app(view, finding) for check, view in pairs for finding in check(view, health)]


def _programs(host: Host, health: Health) -> Iterator[Finding]:
    report, fab = health.report, f"fab -H {host.name}"
    if report.trouble:
        yield Finding("supervisord", ERROR, report.trouble, f"{fab} doctor checks the products")
    wrong = trouble(host, Supervisord(report.supervisord, report.pid, report.detail), report.orphans)
    if wrong:
        yield Finding("supervisord", ERROR, *wrong)
    if place := supervisord_survival.assess_place(host, report.survival):
        yield Finding("supervisord", ERROR, place.found, place.advice)
    known = all_names(host)
    for program in report.programs:
        if found := _program(host, program):
            advice = "the inventory does not have this program: supervisorctl on the host shows why"
            yield found if program.name in known else replace(found, advice=advice)


def _program(host: Host, program: ProgramState) -> Finding | None:
    """What needs attention of one program."""
    what, fab = f"program {program.name}", f"fab -H {host.name}"
    if program.needs_attention:
        said, one = f"{program.state}{': ' if program.detail else ''}{program.detail}", f"--programs={program.name}"
        return Finding(what, ERROR, said, f"{fab} tail-logs {one} shows why; then {fab} restart-programs {one}")
    if program.flaps:
        said = f"restarts again and again: it exited {program.ended} times in the last minutes"
        return Finding(what, ERROR, said, f"{fab} tail-logs --programs={program.name} shows why")
    if program.stopped_ago is not None:
        level = ERROR if program.name in map(web_process, views(host)) else WARNING
        advice = f"{fab} start-programs --programs={program.name}, once it may run again"
        return Finding(what, level, _stopped(program), advice)
    return None


def _stopped(program: ProgramState) -> str:
    by = f"by {program.stopped_by}" if program.stopped_by else "on the host itself"
    return f"{program.detail} {age(program.stopped_ago or 0)} ago {by}"


def _app(host: Host, health: Health) -> Iterator[Finding]:
    """The app on its own socket, and through Apache; a program that does not run is a finding of `_programs`."""
    app, report, name, fab = health.of_app(host), health.report, web_process(host), f"fab -H {host.name}"
    waiting, room = app.queue or (0, 0)
    ended = any(program.name == name and not program.uptime for program in report.programs)
    if not name or report.supervisord == DOWN or ended:
        return
    if app.problem:
        yield Finding("app", ERROR, app.problem, f"{fab} tail-logs --programs={name} shows why")
    elif app.problem is None and MOST_WAITING <= waiting < room * FULL_QUEUE:
        said = f"not checked: {waiting} connections already wait for it"
        yield Finding("app", WARNING, said, f"{fab} workers shows who is busy")
    elif app.through_apache.state == "failed":
        advice = f"{fab} doctor checks the connection from Apache to the app"
        yield Finding("app through Apache", ERROR, app.through_apache.found, advice)


def _apache(host: Host, health: Health) -> Iterator[Finding]:
    ports, processes, fab = health.vitals.ports, health.vitals.processes, f"fab -H {host.name}"
    closed = [str(port) for port, accepts in ports.items() if not accepts]
    missing = "apache" in processes and processes["apache"] is None
    if missing and len(closed) == len(ports):
        yield Finding("Apache", ERROR, "does not run", f"{fab} check-apache, then restart-apache")
    elif closed:
        yield Finding("Apache", ERROR, f"accepts no connections on {', '.join(closed)}", f"{fab} check-apache")
    elif missing:
        said = f"no httpd or apache2 runs, but something accepts connections on {', '.join(map(str, ports))}"
        yield Finding("Apache", WARNING, said, "'ss -ltnp' as root shows what it is")
    for port, status in health.vitals.pages.items():
        if status >= SERVER_ERROR and not (port in health.vitals.closed and health.vitals.maintenance):
            said = f"answers a visitor with status {status} on {port}"
            yield Finding("Apache", ERROR, said, f"{fab} check-apache; {fab} tail-logs, and Apache's error log")


def _maintenance(host: Host, health: Health) -> Iterator[Finding]:
    vitals = health.vitals
    yield from maintenance_findings.overdue(host, vitals.maintenance, vitals.now)
    status = vitals.pages.get(host.apache.port)
    if vitals.maintenance and status and host.apache.port not in vitals.closed:
        yield maintenance_findings.unshown(host, status)


def _configtest(host: Host, health: Health) -> Iterator[Finding]:
    """The configuration test of all of Apache's present files; the running Apache may have read older ones."""
    if health.vitals.configtest:
        said = f"its configuration test fails: {health.vitals.configtest}"
        advice = "fix the file that it names: until then, Apache fails at the next reload, restart or boot"
        yield Finding("Apache", ERROR, said, f"{advice}; then fab -H {host.name} check-apache")


def _shibd(_: Host, health: Health) -> Iterator[Finding]:
    if health.vitals.shibd_listens:
        return
    if "shibd" not in health.vitals.processes:
        yield Finding(
            "shibd", WARNING, f"unknown: {CANNOT_SEE}, and no shibd socket is open", "root: service shibd status"
        )
    elif health.vitals.processes["shibd"] is None:
        yield Finding("shibd", ERROR, "does not run: nobody can log in on 443", "root: service shibd start")


def _standbys(_: Host, health: Health) -> Iterator[Finding]:
    for one in health.vitals.standbys:
        yield Finding("standby", WARNING, one.describe(), "nothing to do: it ends by itself")


def _workers(host: Host, health: Health) -> Iterator[Finding]:
    pool, soft, hard = health.of_app(host).pool, host.uwsgi.reload_on_as, host.uwsgi.evil_reload_on_as
    if pool.problem:
        if web_process(host) in [program.name for program in health.report.programs if program.uptime]:
            yield Finding("workers", WARNING, "their state is unknown", pool.problem)
        return
    for worker in pool.workers:
        if worker.runs and reaches(worker.size, soft):
            said = f"{worker.size // MEGABYTE} MB of address space, over the soft limit of {soft}"
            advice = f"it is replaced after its request; at {hard} MB it is killed during the request: fab workers"
            advice = advice if hard else "it is replaced after its request: fab workers"
            yield Finding(f"worker {worker.id}", ERROR, said, advice)
        elif worker.runs and reaches(worker.size, soft, workers.NEAR_LIMIT):
            said = f"{worker.size // MEGABYTE} MB of address space, near the soft limit of {soft}"
            yield Finding(f"worker {worker.id}", WARNING, said, f"fab -H {host.name} workers shows how fast it grows")
    running = [worker for worker in pool.workers if worker.runs]
    if running and len(running) == len(pool.workers) and all(one.busy_cores == one.cores for one in running):
        said = f"all threads of all {len(running)} are busy: new requests wait"
        yield Finding(
            "workers", ERROR, said, f"fab -H {host.name} tail-logs shows what takes long; or add workers or threads"
        )


def _replaced(host: Host, health: Health) -> Iterator[Finding]:
    """Workers that were repeatedly killed during requests."""
    late = workers.lost_of_late(health.of_app(host).pool)
    if late:
        counts, seconds = late
        times = [f"{count} time{'' if count == 1 else 's'} by {_killer(one, host)}" for one, count in counts.items()]
        said = f"were killed {', '.join(times)}, the last {age(seconds)} ago: requests in progress were lost"
        fab = f"fab -H {host.name}"
        advice = f"{fab} tail-logs shows which requests, {fab} workers their memory; a limit may be too low"
        yield Finding("workers", ERROR, said, advice)


def _killer(reason: str, host: Host) -> str:
    """What killed a worker, for the end of a sentence."""
    words = "an unexpected exit" if reason == "died" else why(reason, host)
    return words.removeprefix("killed by ") if reason.startswith("signal") else words.partition(",")[0]


def _queue(host: Host, health: Health) -> Iterator[Finding]:
    app = health.of_app(host)
    waiting, room = app.queue or (0, 0)
    if room and waiting >= room * FULL_QUEUE:
        said = f"{waiting} connections wait of at most {room}; more are refused"
        yield Finding("listen queue", ERROR, said, f"fab -H {host.name} workers shows who is busy")
    if app.pool.queue_errors:
        said = f"was full {app.pool.queue_errors} times since uWSGI started"
        yield Finding("listen queue", WARNING, said, "add workers or threads, or raise uwsgi.options.listen")


def _disk(_: Host, health: Health) -> Iterator[Finding]:
    for disk in health.vitals.disks:
        if disk.free < MIN_DISK_KB or disk.used >= FULL_DISK:
            said = f"{disk.mount}: {disk.free // 1024} MB are free, {disk.used} % are used"
            yield Finding("disk", ERROR, said, "free disk space: remove old logs, core files")
        elif disk.inodes is not None and disk.inodes < MIN_INODES:
            yield Finding(
                "disk",
                ERROR,
                f"{disk.mount}: only {disk.inodes} more files fit",
                "remove files that are not needed",
            )


def _release(host: Host, health: Health) -> Iterator[Finding]:
    fab, snapshot = f"fab -H {host.name}", health.snapshot
    if snapshot.unfinished:
        yield Finding("deploy", ERROR, f"{snapshot.unfinished} died half-way", f"{fab} recover")
    if snapshot.bake and snapshot.lock:
        advice = f"wait for its end; if the release is bad, {fab} rollback goes back at once"
        yield Finding("deploy", WARNING, bake.under_way(snapshot.bake), advice)
    elif snapshot.bake:
        yield Finding("deploy", WARNING, bake.ended(host, snapshot.bake), "nothing to do: the next deploy forgets it")
    elif snapshot.lock:
        yield Finding("deploy", WARNING, f"in progress: {snapshot.lock}", "wait for it")
    if snapshot.elsewhere:
        said = f"its releases are in {snapshot.elsewhere}, but state_dir in the inventory is {host.state_dir}"
        yield Finding("release", ERROR, said, f"{fab} releases shows how to move them")
        return
    if snapshot.release is None:
        yield Finding("release", WARNING, "nothing was deployed here yet", f"{fab} doctor, then deploy")
        return
    theirs = [one for one in health.drift if is_edited(one)]
    for one in theirs:
        advice = (
            f"{fab} adopt {one.path} keeps the edit, deploy --force overwrites it"
            if one.state == EDITED
            else f"{fab} drift"
        )
        yield Finding("drift", ERROR, f"{one.path}: {one.state}", advice)
    if len(health.drift) > len(theirs):
        count = len(health.drift) - len(theirs)
        said = f"{count} file{' differs' if count == 1 else 's differ'} from the inventory and the templates"
        yield Finding("drift", WARNING, said, f"{fab} diff shows the changes, deploy writes them")
    differing = {one.path for one in health.drift}
    for path, service in pending_reads(host, snapshot):
        if path in differing:
            continue
        said = f"{path}: up to date, but {service} has not reloaded it since it was written"
        yield Finding("drift", WARNING, said, f"{fab} diff shows it, deploy reloads it")


def _versions(host: Host, health: Health) -> Iterator[Finding]:
    waits = any(one.path == start_program_path(host) for one in health.drift)
    yield from assess_versions(host, health.snapshot.software, is_deployed=not waits)


def _validation(host: Host, health: Health) -> Iterator[Finding]:
    """Apache's files that were deployed with less validation than the minimum."""
    validated, minimum = health.validated, host.deploy.validation
    reached = validated.facts["validation"] if validated else minimum
    if validated and is_less(reached, minimum):
        said = f"Apache's files of {validated.name} reached only {reached}; deploy.validation requires {minimum}"
        yield Finding("validation", WARNING, said, f"fab -H {host.name} doctor shows the reason")


def is_edited(drift: Drift) -> bool:
    """Whether the file was changed on the host, and is not just waiting for a deploy."""
    return drift.state not in (TEMPLATE, GONE, NOT_DEPLOYED)


def _certificates(host: Host, health: Health) -> Iterator[Finding]:
    for one in health.ending:
        if one.is_due(host.certificates.warn_days):
            yield Finding("certificates", ERROR, f"{KINDS[one.kind]} {one.path}: {one.describe()}", "see fab certs")


OF_EACH_APP = (_app, _workers, _replaced, _queue)
