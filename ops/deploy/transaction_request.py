"""The request of a change: the lines that `remote/transaction.sh` reads on the host."""

import base64
import time
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from ops.deploy.plan import Plan
from ops.deploy.release_host import recorded_host
from ops.deploy.releases import Release
from ops.formats import uwsgi
from ops.formats.supervisor import log_files
from ops.rendering.rendered_file import RenderedFile
from ops.schema import Host
from ops.secrets.redaction import recorded
from ops.services.reload import reload_methods, web_program
from ops.services.request_lines import apache_directory_lines, apache_lines, apache_logs, directory_lines
from ops.services.request_parts import uwsgi_program
from ops.services.supervisord import app_lines, through_apache_lines


def request_lines(plan: Plan, release: Release, probe_lines: Sequence[str] = ()) -> Iterator[str]:
    """All lines of a deploy; `probe_lines` are the lines of the identity probe."""
    host = plan.host
    yield f"state_dir {host.state_dir}"
    yield f"home {host.home}"
    yield f"host {recorded_host(host)}"
    yield f"by {release.lock_owner}, {release.purpose} {release.name}"
    yield from directory_lines(host)
    yield f"limit {host.deploy.limit}"
    yield f"keep {host.deploy.keep}"
    yield from (f"meta {line}" for line in [*release.metadata_lines(), f"begun {int(time.time())}"])
    yield from (f"meta changed {change.kind.replace(' ', '-')} {change.wanted.path}" for change in plan.changed)
    yield from (f"directory {folder}" for folder in directories(plan))
    for change in plan.changed:
        mode = change.found.mode if change.found.mode_is_fixed else change.wanted.mode
        wanted = "absent" if change.gone else change.wanted.digest
        yield f"file {mode} {change.found.digest or 'absent'} {wanted} {change.wanted.path}"
        if change.gone:
            continue
        yield f"content {base64.b64encode(change.wanted.content).decode()}".rstrip()
        parser = _parser(host, change.wanted)
        if parser:
            yield f"parser {parser}"
    for change in (kept for kept in plan.changes if not kept.gone):
        yield f"manifest {change.wanted.digest} {change.wanted.mode} {change.wanted.path}"
        if change.wanted.masked_parts:  # the positions only, not the secrets
            yield f"meta secret {recorded(change.wanted.masked_parts)} {change.wanted.path}"
    yield from (f"reload {line}" for line in plan.reload_lines())
    yield from (f"apply {group}" for group in plan.applied)
    yield from (f"meta removed {removal.kind} {removal.name}" for removal in plan.removals)
    yield from (f"log_file {path}" for path in _log_files(host))
    yield from apache_lines(host, plan.apache)
    yield f"listens {host.apache.port}"
    yield f"listens {host.apache.cert_port}"
    yield from apache_directory_lines(host)
    if plan.apache and release.purpose == "deploy":  # a rollback has no minimum
        yield f"minimum {host.deploy.validation}"
        yield from ["waived yes"] * release.unvalidated
    yield from probe_lines
    if host.app.listen.startswith("/"):
        yield f"app_access {host.apache.account}"
    yield f"uwsgi_program {uwsgi_program(host)}"
    yield from app_lines(host)
    yield f"web_program {web_program(host) or ''}"
    yield from through_apache_lines(host)


def _log_files(host: Host) -> list[str]:
    """The logs that may explain a failure: the programs', supervisord's, and Apache's if it is readable."""
    paths = [host.supervisor.logfile, *apache_logs(host)]
    for name, program in host.programs.items():
        paths += log_files(name, program, host.log_dir).values()
    return list(dict.fromkeys(paths))


def _parser(host: Host, file: RenderedFile) -> str:
    """The program whose parser validates the file: "supervisord", "uwsgi" or ""."""
    if file.service == "supervisord":
        return "supervisord"
    for name, _, _ in reload_methods(host, [file.path]):
        if uwsgi.is_uwsgi(host.programs[name]):
            return "uwsgi"
    return ""


def directories(plan: Plan) -> list[str]:
    """The folders in the account's home for files, logs and sockets, each once."""
    host = plan.host
    written = [change.wanted for change in plan.changed if not change.gone]
    paths = [file.path for file in written if file.service != "apache"]
    paths += [host.supervisor.socket, host.supervisor.pidfile, host.supervisor.logfile]
    paths += [host.app.listen, host.app.cron_listen or ""]
    for name, program in host.programs.items():
        paths += log_files(name, program, host.log_dir).values()
    parents = [str(PurePosixPath(path).parent) for path in paths if path.startswith(host.home + "/")]
    return list(dict.fromkeys([host.config_dir, host.log_dir, *parents]))
