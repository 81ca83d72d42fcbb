"""What is wrong on a host and what to do about it, judged from one look at it (`ops/monitoring/health.py`). Pure."""

from collections.abc import Iterator

from ops.deploy.drift import EDITED, GONE, NOT_DEPLOYED, TEMPLATE, Drift
from ops.deploy.plan import pending_reads
from ops.inventory.validation_levels import is_less
from ops.monitoring import workers
from ops.monitoring.certificates import KINDS
from ops.monitoring.doctor import LEAST_DISK, LEAST_INODES
from ops.monitoring.findings import ERROR, WARNING, Finding
from ops.monitoring.health import CANNOT_SEE, MOST_WAITING, Health
from ops.monitoring.worker_history import MEGABYTE, why
from ops.schema import Host
from ops.services import survival
from ops.services.reload import web_program
from ops.services.supervisord import ProgramState
from ops.services.supervisord_state import DOWN, Supervisord, trouble
from ops.text import age

FULL_DISK = 95  # percent
FULL_QUEUE = 0.5  # of the listen queue
SERVER_ERROR = 500  # and above: of HTTP


def judge(host: Host, health: Health) -> list[Finding]:
    """What needs attention: ERROR, or WARNING, which changes no exit code."""
    checks = (
        *(_programs, _app, _standbys, _apache, _configtest, _shibd, _workers, _replaced, _queue),
        *(_disk, _release, _validation, _certificates),
    )
    return [finding for check in checks for finding in check(host, health)]


def _programs(host: Host, health: Health) -> Iterator[Finding]:
    report, fab = health.report, f"fab -H {host.name}"
    if report.trouble:
        yield Finding("supervisord", ERROR, report.trouble, f"{fab} doctor looks at the products")
    wrong = trouble(host, Supervisord(report.supervisord, report.pid, report.detail), report.orphans)
    if wrong:
        yield Finding("supervisord", ERROR, *wrong)
    if place := survival.judge_place(host, report.survival):
        yield Finding("supervisord", ERROR, place.found, place.advice)
    for program in report.programs:
        if program.needs_attention:
            said = f"{program.state}{': ' if program.detail else ''}{program.detail}"
            one = f"--programs={program.name}"
            advice = f"{fab} tail-logs {one} says why; then {fab} restart-programs {one}"
            yield Finding(f"program {program.name}", ERROR, said, advice)
        elif program.flaps:
            said = f"does not stay up: it ended {program.ended} times in the last minutes, and was started again"
            yield Finding(
                f"program {program.name}", ERROR, said, f"{fab} tail-logs --programs={program.name} says why"
            )
        elif program.stopped_ago is not None:
            level = ERROR if program.name == web_program(host) else WARNING
            advice = f"{fab} start-programs --programs={program.name}, once it may run again"
            yield Finding(f"program {program.name}", level, _stopped(program), advice)


def _stopped(program: ProgramState) -> str:
    by = f"by {program.stopped_by}" if program.stopped_by else "on the host itself"
    return f"{program.detail} {age(program.stopped_ago or 0)} ago {by}"


def _app(host: Host, health: Health) -> Iterator[Finding]:
    """The app on its own socket, as Apache asks it; where its program does not run, that was told already."""
    report, name, fab = health.report, web_program(host), f"fab -H {host.name}"
    waiting, room = health.vitals.queue or (0, 0)
    ended = any(program.name == name and not program.uptime for program in report.programs)
    if name is None or report.supervisord == DOWN or ended:
        return
    if health.vitals.app:
        yield Finding("app", ERROR, health.vitals.app, f"{fab} tail-logs --programs={name} says why")
    elif health.vitals.app is None and MOST_WAITING <= waiting < room * FULL_QUEUE:
        said = f"was not asked: {waiting} connections wait for it already"
        yield Finding("app", WARNING, said, f"{fab} workers shows who is busy")
    elif health.vitals.through_apache.state == "failed":
        advice = f"{fab} doctor looks at the way from Apache to the app"
        yield Finding("app through Apache", ERROR, health.vitals.through_apache.found, advice)


def _apache(host: Host, health: Health) -> Iterator[Finding]:
    ports, processes, fab = health.vitals.ports, health.vitals.processes, f"fab -H {host.name}"
    closed = [str(port) for port, accepts in ports.items() if not accepts]
    missing = "apache" in processes and processes["apache"] is None
    if missing and len(closed) == len(ports):
        yield Finding("Apache", ERROR, "does not run", f"{fab} check-apache, then restart-apache")
    elif closed:
        yield Finding("Apache", ERROR, f"accepts nothing on {', '.join(closed)}", f"{fab} check-apache")
    elif missing:
        said = f"no httpd or apache2 runs, and something accepts on {', '.join(map(str, ports))}"
        yield Finding("Apache", WARNING, said, "'ss -ltnp' as root says what it is")
    for port, status in health.vitals.pages.items():
        if status >= SERVER_ERROR:
            said = f"answers a visitor with status {status} on {port}"
            yield Finding("Apache", ERROR, said, f"{fab} check-apache; {fab} tail-logs, and Apache's error log")


def _configtest(host: Host, health: Health) -> Iterator[Finding]:
    """Apache's files as they are now, whosever they are: what runs has read them when they were others."""
    if health.vitals.configtest:
        said = f"its configuration test fails: {health.vitals.configtest}"
        advice = "correct the file that it names: the next reload or restart of Apache, a boot's too, would fail"
        yield Finding("Apache", ERROR, said, f"{advice}; then fab -H {host.name} check-apache")


def _shibd(_: Host, health: Health) -> Iterator[Finding]:
    if health.vitals.shibd_listens:
        return
    if "shibd" not in health.vitals.processes:
        yield Finding("shibd", WARNING, f"not known: {CANNOT_SEE}, nor a socket of it", "root: service shibd status")
    elif health.vitals.processes["shibd"] is None:
        yield Finding("shibd", ERROR, "does not run: nobody can log in on 443", "root: service shibd start")


def _standbys(_: Host, health: Health) -> Iterator[Finding]:
    for one in health.vitals.standbys:
        yield Finding("standby", WARNING, one.in_words(), "nothing to do: it ends by itself")


def _workers(host: Host, health: Health) -> Iterator[Finding]:
    crew, soft, hard = health.crew, host.uwsgi.reload_on_as, host.uwsgi.evil_reload_on_as
    name = web_program(host)
    if crew.problem:
        if name in [program.name for program in health.report.programs if program.uptime]:
            yield Finding("workers", WARNING, "nothing is known of them", crew.problem)
        return
    for worker in crew.workers:
        if worker.runs and worker.size >= soft * MEGABYTE:
            said = f"{worker.size // MEGABYTE} MB of address space, over the soft limit of {soft}"
            advice = f"it is replaced after its request; at {hard} MB it is killed in the midst of it: fab workers"
            yield Finding(f"worker {worker.id}", ERROR, said, advice)
        elif worker.runs and worker.size >= soft * MEGABYTE * workers.NEAR:
            said = f"{worker.size // MEGABYTE} MB of address space, near the soft limit of {soft}"
            yield Finding(f"worker {worker.id}", WARNING, said, f"fab -H {host.name} workers tells how fast it grows")
    running = [worker for worker in crew.workers if worker.runs]
    if running and len(running) == len(crew.workers) and all(one.busy_cores == one.cores for one in running):
        said = f"every thread of all {len(running)} is busy: further requests wait"
        yield Finding(
            "workers", ERROR, said, f"fab -H {host.name} tail-logs shows what takes long; more workers or threads"
        )


def _replaced(host: Host, health: Health) -> Iterator[Finding]:
    """Workers that end again and again in the middle of requests."""
    late = workers.lost_of_late(health.crew)
    if late:
        counts, seconds = late
        times = [f"{count} time{'' if count == 1 else 's'} by {_killer(one, host)}" for one, count in counts.items()]
        said = f"were killed {', '.join(times)}, the last {age(seconds)} ago: requests in progress are lost"
        fab = f"fab -H {host.name}"
        advice = f"{fab} tail-logs says which requests; {fab} workers, how large they get; a limit may be too low"
        yield Finding("workers", ERROR, said, advice)


def _killer(reason: str, host: Host) -> str:
    """What ended a worker, for a sentence."""
    words = "an end of their own" if reason == "died" else why(reason, host)
    return words.removeprefix("killed by ") if reason.startswith("signal") else words.partition(",")[0]


def _queue(host: Host, health: Health) -> Iterator[Finding]:
    waiting, room = health.vitals.queue or (0, 0)
    if room and waiting >= room * FULL_QUEUE:
        said = f"{waiting} connections wait, of {room} at the most; what comes beyond is refused"
        yield Finding("listen queue", ERROR, said, f"fab -H {host.name} workers shows who is busy")
    if health.crew.queue_errors:
        said = f"was full {health.crew.queue_errors} times since uWSGI's start"
        yield Finding(
            "listen queue", WARNING, said, "more workers or threads, or uwsgi.options.listen for a longer one"
        )


def _disk(_: Host, health: Health) -> Iterator[Finding]:
    for disk in health.vitals.disks:
        if disk.free < LEAST_DISK or disk.used >= FULL_DISK:
            said = f"{disk.mount}: {disk.free // 1024} MB are free, {disk.used} % are used"
            yield Finding("disk", ERROR, said, "make room: old logs, core files")
        elif disk.inodes is not None and disk.inodes < LEAST_INODES:
            yield Finding(
                "disk",
                ERROR,
                f"{disk.mount}: only {disk.inodes} more files fit",
                "make room: files that nobody needs",
            )


def _release(host: Host, health: Health) -> Iterator[Finding]:
    fab, snapshot = f"fab -H {host.name}", health.snapshot
    if snapshot.unfinished:
        yield Finding("deploy", ERROR, f"{snapshot.unfinished} died half-way", f"{fab} recover")
    if snapshot.lock:
        yield Finding("deploy", WARNING, f"under way: {snapshot.lock}", "wait for it")
    if snapshot.elsewhere:
        said = f"its releases are in {snapshot.elsewhere}, and state_dir of the inventory is {host.state_dir}"
        yield Finding("release", ERROR, said, f"{fab} releases says how to take them along")
        return
    if snapshot.release is None:
        yield Finding("release", WARNING, "nothing was deployed here yet", f"{fab} doctor, then deploy")
        return
    theirs = [one for one in health.drift if is_edited(one)]
    for one in theirs:
        advice = (
            f"{fab} adopt {one.path} keeps it, deploy --force undoes it" if one.state == EDITED else f"{fab} drift"
        )
        yield Finding("drift", ERROR, f"{one.path}: {one.state}", advice)
    if len(health.drift) > len(theirs):
        count = len(health.drift) - len(theirs)
        said = f"{count} file{' is' if count == 1 else 's are'} not as the inventory and the templates say now"
        yield Finding("drift", WARNING, said, f"{fab} diff shows it, deploy brings it")
    for path, service in pending_reads(host, snapshot):
        said = f"{path}: as wanted, and {service} has not read it since it was written"
        yield Finding("drift", WARNING, said, f"{fab} diff shows it, deploy reloads it")


def _validation(host: Host, health: Health) -> Iterator[Finding]:
    """Apache's files that went out with less than the minimum."""
    validated, minimum = health.validated, host.deploy.validation
    reached = validated.facts["validation"] if validated else minimum
    if validated and is_less(reached, minimum):
        said = f"Apache's files of {validated.name} reached {reached} only; deploy.validation asks for {minimum}"
        yield Finding("validation", WARNING, said, f"fab -H {host.name} doctor says what is in the way")


def is_edited(drift: Drift) -> bool:
    """Whether it was changed on the host, and does not only wait for a deploy."""
    return drift.state not in (TEMPLATE, GONE, NOT_DEPLOYED)


def _certificates(host: Host, health: Health) -> Iterator[Finding]:
    for one in health.ending:
        if one.is_due(host.certificates.warn_days):
            yield Finding("certificates", ERROR, f"{KINDS[one.kind]} {one.path}: {one.in_words()}", "see fab certs")
