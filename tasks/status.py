"""`status`: the state of the hosts, and what needs attention."""

from collections.abc import Iterator
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from ops.agent.service_messages import SoftwareState
from ops.errors import Interrupted
from ops.formats.apps import views
from ops.inventory import capacity
from ops.monitoring import workers
from ops.monitoring.findings import ERROR
from ops.monitoring.health import AppMetrics, Health, collect
from ops.monitoring.status_findings import assess
from ops.monitoring.versions import by_program
from ops.rendering.rendered_file import RenderedFile
from ops.rollout import AT_ONCE, HostResult
from ops.schema import Host
from ops.ssh.session import Remote
from ops.ui import console, status_view
from ops.ui import watch as live
from tasks._query import PARALLEL_HELP, WithErrors, ask_hosts, by_host, code_of, nothing, rendered
from tasks._task import chosen, inventory, print_json, task


@task(
    help={
        **live.HELP,
        **PARALLEL_HELP,
        "json": "Print one JSON document: per host, its whole state and what needs attention.",
    }
)
def status(
    context: Any, watch: bool = False, every: int = live.EVERY, json: bool = False, parallel: int = AT_ONCE
) -> int:
    """Show the state of the hosts on one screen; at the top, what needs attention and what to do.

    Exit code 2 if something needs attention. Without -H: all hosts of the inventory.
    """
    wanted: dict[str, list[RenderedFile]] = {}

    def prepare(hosts: list[Host]) -> None:
        wanted.update(rendered(hosts, values=False))

    def as_rows() -> bool:
        return len(wanted) > status_view.MOST_COLUMNS

    def ask(remote: Remote, last: Health | None = None) -> Health:
        return collect(remote, wanted[remote.host.name], last)

    def draw(watched: list[live.Watched[Health]], width: int) -> Iterator[RenderableType]:
        notes = {one.host.name: note for one in watched if (note := one.note(every))}
        seen = status_view.Seen([(one.host, one.last) for one in watched if one.last], notes=notes)
        yield from status_view.draw(seen, width, rows=as_rows())
        yield Text(f"capacity: {room}", style="dim")

    def show(answers: list[HostResult[Health]]) -> None:
        errors = [(one.host, one.error) for one in answers if one.error and not isinstance(one.error, Interrupted)]
        seen = status_view.Seen([(one.host, one.result) for one in answers if one.result], errors)
        if seen.hosts or seen.errors:
            console.show(*status_view.draw(seen, console.width(), rows=as_rows()))

    known = inventory()
    room = capacity.describe(known.hosts.values(), known.fleet)
    if watch:
        live.check(every, json=json)
        hosts = chosen(everywhere=True)
        prepare(hosts)
        live.keep(hosts, context.config, ask, draw, every)
        return 0
    answers = ask_hosts(context, parallel, ask, nothing if json else WithErrors(show), prepare)
    if json:
        print_json(by_host(answers, lambda answer: answer.result and _facts(answer.host, answer.result)))
    else:
        console.say(f"capacity: {room}")
    found = [finding for one in answers if one.result for finding in assess(one.host, one.result)]
    return code_of(answers, attention=any(finding.level == ERROR for finding in found))


def _facts(host: Host, health: Health) -> dict[str, object]:
    report, release, vitals = health.report, health.release, health.vitals
    return {
        "supervisord": report.supervisord,
        "pid": report.pid,
        "programs": {
            p.name: {
                "state": p.state,
                "pid": p.pid or None,
                "uptime": p.uptime,
                "detail": p.detail,
                "ended": p.ended,
                "stopped_ago": p.stopped_ago,
                "stopped_by": p.stopped_by or None,
            }
            for p in report.programs
        },
        "ending": [vars(one) for one in health.ending if one.is_due(host.certificates.warn_days)],
        "release": release and {"name": release.name, "age": health.release_age, **release.facts},
        "validation": {
            "reached": health.validated and health.validated.facts["validation"],
            "minimum": host.deploy.validation,
            "reason": host.deploy.validation_reason,
            "unvalidated": health.validated.unvalidated if health.validated else [],
        },
        "version": _version(host, health.snapshot.software),
        "drift": {one.path: one.state for one in health.drift},
        "processes": {name: found and {"pid": found[0], "age": found[1]} for name, found in vitals.processes.items()},
        "ports": vitals.ports,
        "pages": vitals.pages,
        **_app(health.of_app(host)),
        "apps": {view.app_name: _app(health.of_app(view)) for view in views(host)[1:]},
        "maintenance": vitals.maintenance and vitals.maintenance.facts(vitals.now),
        "configtest": vitals.configtest,
        "standbys": [vars(one) for one in vitals.standbys],
        "workers": workers.facts(host, {name: app.pool for name, app in health.apps.items()}),
        "disks": [vars(disk) for disk in vitals.disks],
        "findings": [vars(finding) for finding in assess(host, health)],
    }


def _app(app: AppMetrics) -> dict[str, object]:
    return {
        "app": app.problem,
        "through_apache": vars(app.through_apache),
        "queue": app.queue and {"waiting": app.queue[0], "room": app.queue[1]},
    }


def _version(host: Host, state: SoftwareState | None) -> dict[str, object] | None:
    if host.software is None or state is None:
        return None
    return {"wanted": host.software.version, "current": state.current or None, "running": by_program(state.running)}
