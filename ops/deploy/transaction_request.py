"""The request of a change (`ops/agent/transaction.py`), from a plan."""

import time
from pathlib import PurePosixPath

from ops.agent.transaction_messages import (
    ApacheCommands,
    ChangedFile,
    NewRelease,
    RequiredValidation,
    TransactionRequest,
)
from ops.deploy import identity_probe
from ops.deploy.bake import bake_wanted
from ops.deploy.file_changes import FileChange
from ops.deploy.plan import Plan
from ops.deploy.release_host import recorded_host
from ops.deploy.releases import Release
from ops.formats import uwsgi
from ops.formats.apps import views
from ops.formats.processes import all_names, log_files, socket_of
from ops.formats.start_program import start_program_path
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host
from ops.secrets.redaction import recorded
from ops.services import apache
from ops.services.reload import reload_methods
from ops.services.request_parts import all_apps, apache_logs, software, supervisord_place, uwsgi_programs

ABSENT = "absent"


def transaction_request(plan: Plan, release: Release, sudo_password: str | None = None) -> TransactionRequest:
    """The whole request."""
    host = plan.host
    return TransactionRequest(
        supervisord=supervisord_place(host),
        activate=host.activation,
        owner=f"{release.lock_owner}, {release.purpose} {release.name}",
        record=_record(plan, release),
        files=[_file(host, change) for change in plan.changed],
        directories=directories(plan),
        reloads=plan.reload_lines(),
        applied=list(plan.applied),
        apache=apache.configuration(host),
        commands=_commands(plan),
        validation=_validation(plan, release),
        logs=_log_files(host),
        apps=all_apps(host),
        limit=host.deploy.limit,
        sudo_password=sudo_password or "",
        software=software(host),
        bake=bake_wanted(host) if release.purpose == "deploy" else None,
    )


def needed_modules(request: TransactionRequest) -> tuple[str, ...]:
    """The agent's modules that it needs in addition to those of each change."""
    return ("bake",) if request.bake else ()


def _file(host: Host, change: FileChange) -> ChangedFile:
    return ChangedFile(
        path=change.wanted.path,
        mode=change.found.mode if change.found.mode_is_fixed else change.wanted.mode,
        seen=change.found.digest or ABSENT,
        wanted=ABSENT if change.gone else change.wanted.digest,
        content="" if change.gone else change.wanted.content.decode("latin-1"),
        parser="" if change.gone else _parser(host, change.wanted),
    )


def _record(plan: Plan, release: Release) -> NewRelease:
    """What is recorded with the release; of secrets only where they are."""
    host, kept = plan.host, [change.wanted for change in plan.changes if not change.gone]
    meta = [*release.metadata_lines(), f"begun {int(time.time())}"]
    meta += [f"version {host.software.version}"] if host.software else []
    meta += [f"changed {change.kind.replace(' ', '-')} {change.wanted.path}" for change in plan.changed]
    meta += [f"secret {recorded(file.masked_parts)} {file.path}" for file in kept if file.masked_parts]
    meta += [f"removed {removal.kind} {removal.name}" for removal in plan.removals]
    return NewRelease(
        host=recorded_host(host),
        meta=meta,
        manifest=[f"{file.digest} {file.mode} {file.path}" for file in kept],
        keep=host.deploy.keep,
        home=host.home,
    )


def _commands(plan: Plan) -> ApacheCommands:
    """Its restart also starts an Apache that has ended, which a reload does not on every system."""
    wanted = plan.host.apache
    reload = {"restart": wanted.restart, "reload": wanted.reload or wanted.restart, "": []}[plan.apache]
    return ApacheCommands(configtest=list(wanted.configtest), reload=list(reload), start=list(wanted.restart))


def _validation(plan: Plan, release: Release) -> RequiredValidation:
    """A rollback has no minimum and no probe: its release passed the probe in its own deploy."""
    if not plan.apache or release.purpose != "deploy":
        return RequiredValidation()
    kept = [change.wanted for change in plan.changes if not change.gone]
    trial = identity_probe.trial(plan.host, [file.path for file in kept if file.service == "apache"])
    return RequiredValidation(
        minimum=plan.host.deploy.validation,
        is_waived=release.unvalidated,
        probe=trial.probe,
        no_probe="" if trial.probe else f"no identity probe: {trial.why_not}",
    )


def _log_files(host: Host) -> list[str]:
    """The logs that may explain a failure: the programs', supervisord's, and Apache's if it is readable."""
    paths = [host.supervisor.logfile, *apache_logs(host)]
    for name in host.programs:
        paths += [log.path for log in log_files(host, name)]
    return list(dict.fromkeys(paths))


def _parser(host: Host, file: RenderedFile) -> str:
    """What validates the file: "supervisord", "uwsgi", "start-program" (uWSGI, started by it), or ""."""
    if file.path == start_program_path(host):
        return "start-program" if uwsgi_programs(host) else ""
    if file.service == "supervisord":
        return "supervisord"
    for process, _, _ in reload_methods(host, [file.path]):
        if uwsgi.is_uwsgi(host.programs[all_names(host)[process]]):
            return "uwsgi"
    return ""


def directories(plan: Plan) -> list[str]:
    """The folders in the account's home for files, logs and sockets, each once."""
    host = plan.host
    written = [change.wanted for change in plan.changed if not change.gone]
    paths = [file.path for file in written if file.service != "apache"]
    paths += [host.supervisor.socket, host.supervisor.pidfile, host.supervisor.logfile]
    for view in views(host):
        paths += [view.app.listen, view.app.cron_listen or "", *view.uwsgi.sockets]
    for name in host.programs:
        paths += [*(log.path for log in log_files(host, name)), socket_of(host, name)]
    parents = [str(PurePosixPath(path).parent) for path in paths if path.startswith(host.home + "/")]
    return list(dict.fromkeys([host.config_dir, host.log_dir, *parents]))
